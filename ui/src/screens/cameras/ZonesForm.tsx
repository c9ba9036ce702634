import { ActionIcon, Button, ColorSwatch, Group, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconAlertTriangle,
  IconArrowBackUp,
  IconArrowForwardUp,
  IconPlus,
  IconPointerPlus,
  IconPolygon,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type Dispatch, type SetStateAction, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient, zonesQuery } from "@/api/queries";
import type { Camera, Zone } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { tellDone, tellFailure } from "@/parts/notices";
import {
  addPoint,
  addZone,
  COLOURS,
  type Editor,
  editZone,
  faultsOf,
  openEditor,
  redo,
  removeZone,
  select,
  undo,
} from "@/zones/editor";
import { PointFields } from "@/zones/PointFields";
import { ZoneCanvas } from "@/zones/ZoneCanvas";

export function ZonesForm({ camera, zones }: { camera: Camera; zones: Zone[] }) {
  const { t } = useTranslation();
  const [editor, setEditor] = useState<Editor>(() => openEditor(zones));
  const { now } = editor;
  const faulty = now.zones.some((zone) => faultsOf(zone).length > 0);
  const save = useMutation({
    mutationFn: () =>
      request<{ zones: Zone[] }>("PUT", `/api/cameras/${camera.id}/zones`, { zones: now.zones }),
    onSuccess: async (saved) => {
      queryClient.setQueryData(zonesQuery(camera.id).queryKey, saved.zones);
      setEditor((old) => ({ ...openEditor(saved.zones), now: { ...old.now, zones: saved.zones } }));
      tellDone(t("zones.saved"));
      await queryClient.invalidateQueries({ queryKey: ["rules", camera.id] });
    },
    onError: tellFailure,
  });
  useShortcuts({ u: () => setEditor(undo), "shift+u": () => setEditor(redo) });

  const chosen = now.zone;
  return (
    <div className="hc-zones-form">
      <div className="hc-zones-stage">
        <ZoneCanvas camera={camera} editor={editor} change={setEditor} />
        <p className="hc-dim hc-small">{t("zones.help")}</p>
      </div>
      <div className="hc-zones-side">
        <Group gap="xs" wrap="nowrap">
          <Button
            size="sm"
            leftSection={<IconPlus size={16} />}
            onClick={() => setEditor(addZone(editor, t("zones.newName", { number: now.zones.length + 1 })))}
          >
            {t("zones.add")}
          </Button>
          <Tooltip label={`${t("app.undo")} (u)`}>
            <ActionIcon
              variant="default"
              size={36}
              onClick={() => setEditor(undo)}
              disabled={editor.past.length === 0}
              aria-label={t("app.undo")}
            >
              <IconArrowBackUp size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={`${t("zones.redo")} (⇧u)`}>
            <ActionIcon
              variant="default"
              size={36}
              onClick={() => setEditor(redo)}
              disabled={editor.future.length === 0}
              aria-label={t("zones.redo")}
            >
              <IconArrowForwardUp size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
        {now.zones.length === 0 && (
          <p className="hc-quiet">
            <IconPolygon size={18} aria-hidden /> {t("zones.none")}
          </p>
        )}
        <ul className="hc-zone-list">
          {now.zones.map((zone, index) => (
            <li key={zone.id ?? index} data-chosen={index === chosen || undefined}>
              <UnstyledButton
                className="hc-zone-head"
                onClick={() => setEditor(select(editor, index))}
                aria-expanded={index === chosen}
              >
                <i style={{ background: zone.colour }} aria-hidden />
                <strong>{zone.name || t("zones.unnamed")}</strong>
                {faultsOf(zone).length > 0 && (
                  <IconAlertTriangle size={16} className="hc-bad-text" aria-label={t("zones.faulty")} />
                )}
              </UnstyledButton>
              {index === chosen && (
                <ZoneFields editor={editor} index={index} zone={zone} change={setEditor} />
              )}
            </li>
          ))}
        </ul>
        <Button
          mt="auto"
          onClick={() => save.mutate()}
          loading={save.isPending}
          disabled={faulty || editor.past.length === 0}
        >
          {t("zones.save")}
        </Button>
      </div>
    </div>
  );
}

interface ZoneFieldsProps {
  editor: Editor;
  index: number;
  zone: Zone;
  change: Dispatch<SetStateAction<Editor>>;
}

/** Everything that the mouse can do, by fields and buttons. */
function ZoneFields({ editor, index, zone, change }: ZoneFieldsProps) {
  const { t } = useTranslation();
  const faults = faultsOf(zone);
  return (
    <div className="hc-zone-fields">
      <TextInput
        size="xs"
        label={t("zones.name")}
        value={zone.name}
        maxLength={60}
        onChange={(event) => change(editZone(editor, index, { name: event.currentTarget.value }))}
        error={faults.includes("no-name") ? t("zones.fault_no-name") : null}
      />
      <div role="group" aria-label={t("zones.colour")} className="hc-swatches">
        {COLOURS.map((colour) => (
          <ColorSwatch
            key={colour}
            component="button"
            type="button"
            size={24}
            color={colour}
            aria-label={t("zones.colourN", { colour })}
            aria-pressed={zone.colour === colour}
            onClick={() => change(editZone(editor, index, { colour }))}
          />
        ))}
      </div>
      {faults.includes("crosses") && (
        <p className="hc-bad-text hc-small" role="alert">
          {t("zones.fault_crosses")}
        </p>
      )}
      {faults.includes("too-small") && (
        <p className="hc-bad-text hc-small" role="alert">
          {t("zones.fault_too-small")}
        </p>
      )}
      <PointFields editor={editor} index={index} change={change} />
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPointerPlus size={15} />}
          onClick={() => change(addPoint(editor, index))}
        >
          {t("zones.addPoint")}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          leftSection={<IconTrash size={15} />}
          onClick={() => change(removeZone(editor, index))}
        >
          {t("zones.remove")}
        </Button>
      </Group>
    </div>
  );
}
