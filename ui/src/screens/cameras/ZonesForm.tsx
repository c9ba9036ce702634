import {
  ActionIcon,
  Button,
  ColorSwatch,
  Group,
  MultiSelect,
  TextInput,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import {
  IconAlertTriangle,
  IconArrowBackUp,
  IconArrowForwardUp,
  IconArrowsExchange,
  IconLineDashed,
  IconPointerPlus,
  IconPolygon,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type Dispatch, type SetStateAction, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { linesQuery, queryClient, zonesQuery } from "@/api/queries";
import type { Camera, Line, Zone } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { labelName } from "@/parts/names";
import { tellDone, tellFailure } from "@/parts/notices";
import {
  addLine,
  addPoint,
  addZone,
  COLOURS,
  type Editor,
  editZone,
  faultsOf,
  linesIn,
  openEditor,
  redo,
  removeZone,
  type Shape,
  select,
  shapesOf,
  turnLine,
  undo,
  zonesIn,
} from "@/zones/editor";
import { PointFields } from "@/zones/PointFields";
import { ZoneCanvas } from "@/zones/ZoneCanvas";
import { LABELS } from "./labels";

export function ZonesForm({ camera, zones, lines }: { camera: Camera; zones: Zone[]; lines: Line[] }) {
  const { t } = useTranslation();
  const [editor, setEditor] = useState<Editor>(() => openEditor(shapesOf(zones, lines)));
  const { now } = editor;
  const faulty = now.zones.some((zone) => faultsOf(zone).length > 0);
  const save = useMutation({
    mutationFn: async () => {
      const one = `/api/cameras/${camera.id}`;
      const kept = await request<{ zones: Zone[] }>("PUT", `${one}/zones`, { zones: zonesIn(now.zones) });
      const drawn = await request<{ lines: Line[] }>("PUT", `${one}/lines`, { lines: linesIn(now.zones) });
      return { zones: kept.zones, lines: drawn.lines };
    },
    onSuccess: async (saved) => {
      queryClient.setQueryData(zonesQuery(camera.id).queryKey, saved.zones);
      queryClient.setQueryData(linesQuery(camera.id).queryKey, saved.lines);
      const shapes = shapesOf(saved.zones, saved.lines);
      setEditor((old) => ({ ...openEditor(shapes), now: { ...old.now, zones: shapes } }));
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
        <Group gap={6} wrap="nowrap" className="hc-zone-tools">
          <Button
            size="sm"
            px={10}
            leftSection={<IconPolygon size={16} />}
            onClick={() =>
              setEditor(addZone(editor, t("zones.newName", { number: zonesIn(now.zones).length + 1 })))
            }
          >
            {t("zones.add")}
          </Button>
          <Button
            size="sm"
            px={10}
            variant="light"
            leftSection={<IconLineDashed size={16} />}
            onClick={() =>
              setEditor(
                addLine(editor, t("zones.newLineName", { number: linesIn(now.zones).length + 1 }), {
                  forward: t("zones.in"),
                  backward: t("zones.out"),
                  labels: ["person"],
                }),
              )
            }
          >
            {t("zones.addLine")}
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
                <ShapeFields editor={editor} index={index} zone={zone} change={setEditor} />
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
  zone: Shape;
  change: Dispatch<SetStateAction<Editor>>;
}

/** Everything that the mouse can do, by fields and buttons. */
function ShapeFields({ editor, index, zone, change }: ZoneFieldsProps) {
  const { t } = useTranslation();
  const faults = faultsOf(zone);
  return (
    <div className="hc-zone-fields">
      <TextInput
        size="xs"
        label={t(zone.line === undefined ? "zones.name" : "zones.lineName")}
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
      {zone.line !== undefined && (
        <LineFields editor={editor} index={index} line={zone.line} change={change} />
      )}
      {(["crosses", "too-small", "too-short", "no-ways", "same-ways"] as const)
        .filter((fault) => faults.includes(fault))
        .map((fault) => (
          <p key={fault} className="hc-bad-text hc-small" role="alert">
            {t(`zones.fault_${fault}`)}
          </p>
        ))}
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
          {t(zone.line === undefined ? "zones.remove" : "zones.removeLine")}
        </Button>
      </Group>
    </div>
  );
}

interface LineFieldsProps extends Omit<ZoneFieldsProps, "zone"> {
  line: NonNullable<Shape["line"]>;
}

/** What the directions are called, and who is counted. */
function LineFields({ editor, index, line, change }: LineFieldsProps) {
  const { t } = useTranslation();
  const set = (edit: Partial<LineFieldsProps["line"]>): void =>
    change(editZone(editor, index, { line: { ...line, ...edit } }));
  const labels = [...new Set([...LABELS, ...line.labels])];
  return (
    <>
      <div className="hc-line-ways">
        <TextInput
          size="xs"
          label={t("zones.forward")}
          value={line.forward}
          maxLength={40}
          onChange={(event) => set({ forward: event.currentTarget.value })}
        />
        <TextInput
          size="xs"
          label={t("zones.backward")}
          value={line.backward}
          maxLength={40}
          onChange={(event) => set({ backward: event.currentTarget.value })}
        />
      </div>
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<IconArrowsExchange size={15} />}
        onClick={() => change(turnLine(editor, index))}
      >
        {t("zones.turn")}
      </Button>
      <MultiSelect
        size="xs"
        label={t("zones.counts")}
        description={t("zones.countsHint")}
        value={line.labels}
        data={labels.map((value) => ({ value, label: labelName(value) }))}
        onChange={(next) => set({ labels: next })}
        maxValues={16}
      />
    </>
  );
}
