import { ActionIcon, NumberInput } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import type { Dispatch, SetStateAction } from "react";
import { useTranslation } from "react-i18next";
import { type Editor, leastPoints, movePoint, removePoint, select } from "./editor";

interface PointFieldsProps {
  editor: Editor;
  /** Which zone of the editor. */
  index: number;
  /** A step from the newest state: focus, text and blur come faster than pages are drawn. */
  change: Dispatch<SetStateAction<Editor>>;
}

/** The points of one zone as numbers: what the mouse does, by fields. */
export function PointFields({ editor, index, change }: PointFieldsProps) {
  const { t } = useTranslation();
  const zone = editor.now.zones[index];
  if (zone === undefined) return null;
  const setNumber = (point: number, axis: 0 | 1, percent: number | string): void => {
    if (typeof percent !== "number") return;
    change((now) => {
      const old = now.now.zones[index]?.points[point];
      if (old === undefined || Math.abs(old[axis] * 100 - percent) < 0.05) return now;
      return movePoint(now, index, point, axis === 0 ? [percent / 100, old[1]] : [old[0], percent / 100]);
    });
  };
  return (
    <ol className="hc-points">
      {zone.points.map((point, at) => (
        <li key={at} data-chosen={editor.now.point === at || undefined}>
          <span className="hc-num">{at + 1}</span>
          {([0, 1] as const).map((axis) => (
            <NumberInput
              key={axis}
              size="xs"
              aria-label={t(axis === 0 ? "zones.x" : "zones.y", { number: at + 1 })}
              value={Math.round(point[axis] * 1_000) / 10}
              onChange={(value) => setNumber(at, axis, value)}
              onFocus={() => change((now) => select(now, index, at))}
              min={0}
              max={100}
              step={0.5}
              decimalScale={1}
              suffix=" %"
              hideControls
            />
          ))}
          {zone.fixed !== true && (
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={() => change((now) => removePoint(now, index, at))}
              disabled={zone.points.length <= leastPoints(zone)}
              aria-label={t("zones.removePoint", { number: at + 1 })}
            >
              <IconTrash size={15} />
            </ActionIcon>
          )}
        </li>
      ))}
    </ol>
  );
}
