import { Button, Group, Menu, Modal, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconCheck,
  IconChevronDown,
  IconDeviceFloppy,
  IconDragDrop,
  IconHome,
  IconPencil,
  IconPlus,
  IconRestore,
  IconTrash,
} from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { addLayout, type WallLayout } from "@/api/layouts";
import { queryClient } from "@/api/queries";
import { tellDone, tellFailure } from "@/parts/notices";
import { UndoButton } from "@/parts/UndoButton";
import type { Layouts } from "./useLayouts";

interface LayoutMenuProps {
  layouts: Layouts;
  /** Opens one; null: none of them, all cameras. */
  open: (id: string | null) => void;
  arrange: () => void;
}

const UNDO_MS = 10_000;

/** Which layout is open, and what can be done with it. */
export function LayoutMenu({ layouts, open, arrange }: LayoutMenuProps) {
  const { t } = useTranslation();
  const [naming, setNaming] = useState<"new" | "rename" | null>(null);
  const { open: kept } = layouts;
  const shown = kept?.name ?? t("walls.all");

  const remove = async (layout: WallLayout): Promise<void> => {
    await layouts.remove(layout);
    open(null);
    const id = `layout-${layout.id}`;
    const { id: _id, changed_ms: _changed, ...draft } = layout;
    const undo = async (): Promise<void> => {
      notifications.hide(id);
      const again = await addLayout(draft).catch(tellFailure);
      await queryClient.invalidateQueries({ queryKey: ["layouts"] });
      if (again) open(again.id);
    };
    notifications.show({
      id,
      message: <UndoButton text={t("walls.removed", { name: layout.name })} undo={() => void undo()} />,
      autoClose: UNDO_MS,
      closeButtonProps: { "aria-label": t("app.close") },
    });
  };

  const name = async (text: string): Promise<void> => {
    const isNew = naming === "new";
    const made = isNew || kept === null ? await layouts.keep(text) : await layouts.save(kept, { name: text });
    setNaming(null);
    if (isNew) open(made.id);
    tellDone(t("walls.saved", { name: made.name }));
  };

  return (
    <>
      <Menu position="bottom-end" withinPortal shadow="md" width={270}>
        <Menu.Target>
          <Button
            size="sm"
            variant="default"
            className="hc-layout-menu"
            rightSection={<IconChevronDown size={14} aria-hidden />}
            aria-label={`${t("walls.choose")}: ${shown}${layouts.isChanged && kept !== null ? `, ${t("walls.changed")}` : ""}`}
          >
            <span className="hc-layout-name">{shown}</span>
            {layouts.isChanged && kept !== null && (
              <em className="hc-layout-changed">{t("walls.changed")}</em>
            )}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t("walls.mine")}</Menu.Label>
          <Menu.Item
            onClick={() => open(null)}
            leftSection={<Tick on={kept === null} />}
            aria-current={kept === null}
          >
            {t("walls.all")}
          </Menu.Item>
          {layouts.all.map((layout) => (
            <Menu.Item
              key={layout.id}
              onClick={() => open(layout.id)}
              leftSection={<Tick on={kept?.id === layout.id} />}
              rightSection={
                layout.is_default ? (
                  <IconHome size={14} role="img" aria-label={t("walls.isDefault")} />
                ) : undefined
              }
              aria-current={kept?.id === layout.id}
            >
              {layout.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconDragDrop size={16} aria-hidden />} onClick={arrange}>
            {t("walls.arrange")}
          </Menu.Item>
          {kept !== null && layouts.isChanged && (
            <>
              <Menu.Item
                leftSection={<IconDeviceFloppy size={16} aria-hidden />}
                onClick={() =>
                  void layouts.save(kept).then(
                    () => {
                      open(kept.id);
                      tellDone(t("walls.saved", { name: kept.name }));
                    },
                    () => undefined,
                  )
                }
              >
                {t("walls.save")}
              </Menu.Item>
              <Menu.Item
                leftSection={<IconRestore size={16} aria-hidden />}
                onClick={() => {
                  layouts.revert();
                  open(kept.id);
                }}
              >
                {t("walls.revert")}
              </Menu.Item>
            </>
          )}
          <Menu.Item leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setNaming("new")}>
            {t("walls.saveAs")}
          </Menu.Item>
          {kept !== null && (
            <>
              <Menu.Item
                leftSection={<IconPencil size={16} aria-hidden />}
                onClick={() => setNaming("rename")}
              >
                {t("walls.rename")}
              </Menu.Item>
              <Menu.Item
                leftSection={<IconHome size={16} aria-hidden />}
                onClick={() =>
                  void layouts.save(kept, { is_default: !kept.is_default }).catch(() => undefined)
                }
              >
                {t(kept.is_default ? "walls.noDefault" : "walls.makeDefault")}
              </Menu.Item>
              <Menu.Item
                color="red"
                leftSection={<IconTrash size={16} aria-hidden />}
                onClick={() => void remove(kept).catch(() => undefined)}
              >
                {t("walls.remove")}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {naming !== null && (
        <NameDialog
          title={t(naming === "new" ? "walls.saveAs" : "walls.rename")}
          before={naming === "new" ? "" : shown}
          close={() => setNaming(null)}
          done={name}
        />
      )}
    </>
  );
}

function Tick({ on }: { on: boolean }) {
  return on ? <IconCheck size={16} aria-hidden /> : <span className="hc-tick" />;
}

interface NameDialogProps {
  title: string;
  before: string;
  close: () => void;
  done: (name: string) => Promise<void>;
}

function NameDialog({ title, before, close, done }: NameDialogProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(before);
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() === "" || busy) return;
    setBusy(true);
    // Why it failed is told by whoever asked; the dialog stays for another name.
    void done(name.trim()).catch(() => setBusy(false));
  };
  return (
    <Modal opened onClose={close} title={title} size="sm" closeButtonProps={{ "aria-label": t("app.close") }}>
      <form onSubmit={submit}>
        <TextInput
          label={t("walls.name")}
          value={name}
          maxLength={80}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="end" className="hc-dialog-foot">
          <Button variant="default" onClick={close}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" disabled={name.trim() === ""} loading={busy}>
            {t("app.save")}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
