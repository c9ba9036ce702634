import { NumberInput, SegmentedControl } from "@mantine/core";
import { type SetStateAction, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Camera, Ground } from "@/api/types";
import { type Editor, openEditor, type Shape } from "@/zones/editor";
import { PointFields } from "@/zones/PointFields";
import { ZoneCanvas } from "@/zones/ZoneCanvas";
import { RECTANGLE, STRETCH } from "./rules";

interface GroundEditorProps {
  camera: Camera;
  ground: Ground;
  change: (ground: Ground) => void;
  faulty: boolean;
}

const MOST_M = 1_000;

/** Where and how large the ground is: a rectangle or a stretch on it, drawn on the picture, and its sides in metres. */
export function GroundEditor({ camera, ground, change, faulty }: GroundEditorProps) {
  const { t } = useTranslation();
  const shape = (of: Ground): Shape => ({
    name: "",
    colour: "#e5b93c",
    points: of.points,
    fixed: true,
    ...(of.points.length === 2 ? { line: { forward: "", backward: "", labels: [] } } : {}),
  });
  const [editor, setEditor] = useState<Editor>(() => openEditor([shape(ground)]));
  const [known, setKnown] = useState({ rectangle: RECTANGLE, stretch: STRETCH });
  const kind = ground.points.length === 4 ? "rectangle" : "stretch";
  const draw = (step: SetStateAction<Editor>): void => {
    const next = typeof step === "function" ? step(editor) : step;
    setEditor(next);
    const points = next.now.zones[0]?.points;
    if (points !== undefined && points !== ground.points) change({ ...ground, points });
  };
  const become = (next: "rectangle" | "stretch"): void => {
    if (next === kind) return;
    setKnown({ ...known, [kind]: ground });
    setEditor(openEditor([shape(known[next])]));
    change(known[next]);
  };
  return (
    <div className="hc-ground">
      <div className="hc-ground-picture">
        <ZoneCanvas camera={camera} editor={editor} change={draw} />
      </div>
      <div className="hc-ground-fields">
        <SegmentedControl
          size="xs"
          value={kind}
          onChange={(value) => become(value === "stretch" ? "stretch" : "rectangle")}
          aria-label={t("rules.ground")}
          data={[
            { value: "rectangle", label: t("rules.ground_rectangle") },
            { value: "stretch", label: t("rules.ground_stretch") },
          ]}
        />
        <p className="hc-dim hc-small">{t(`rules.groundHint_${kind}`)}</p>
        <div className="hc-line-ways">
          <NumberInput
            size="xs"
            label={t("rules.width_m")}
            value={ground.width_m}
            min={0.1}
            max={MOST_M}
            decimalScale={2}
            suffix=" m"
            onChange={(value) => typeof value === "number" && change({ ...ground, width_m: value })}
          />
          {kind === "rectangle" && (
            <NumberInput
              size="xs"
              label={t("rules.length_m")}
              value={ground.length_m}
              min={0.1}
              max={MOST_M}
              decimalScale={2}
              suffix=" m"
              onChange={(value) => typeof value === "number" && change({ ...ground, length_m: value })}
            />
          )}
        </div>
        <PointFields editor={editor} index={0} change={draw} />
        {faulty && (
          <p className="hc-bad-text hc-small" role="alert">
            {t("rules.groundFaulty")}
          </p>
        )}
      </div>
    </div>
  );
}
