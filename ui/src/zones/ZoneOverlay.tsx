import { type KeyboardEvent, type PointerEvent, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Point } from "@/api/types";
import { addPoint, type Editor, movePoint, moveZone, removePoint, select } from "./editor";
import { centroid, crossingEdges } from "./geometry";
import { LineArrow } from "./LineArrow";

interface ZoneOverlayProps {
  editor: Editor;
  change: (editor: Editor) => void;
  /** Of the picture below, in pixels: only the shape matters. */
  size: { width: number; height: number };
  label: string;
}

type Drag =
  | { kind: "point"; zone: number; point: number; moved: boolean }
  | { kind: "zone"; zone: number; last: Point; moved: boolean };

/** One pixel of a picture this wide, for arrow keys; ten with shift. */
const NUDGE = 1 / 1_280;

/** Polygons over a picture. Points are real, focusable elements: mouse, finger, keyboard and tests can hold them. */
export function ZoneOverlay({ editor, change, size, label }: ZoneOverlayProps) {
  const { t } = useTranslation();
  const svg = useRef<SVGSVGElement>(null);
  const drag = useRef<Drag | null>(null);
  // The keys go to the chosen point: after one is added or removed, that is another element.
  const { zone: chosenZone, point: chosenPoint } = editor.now;
  useEffect(() => {
    if (chosenZone === null || chosenPoint === null || !svg.current?.contains(document.activeElement)) return;
    svg.current.querySelector<SVGGElement>(".hc-zone-point[data-chosen]")?.focus();
  }, [chosenZone, chosenPoint]);
  const width = 1_000;
  const height = (1_000 * size.height) / size.width;

  const pointAt = (event: { clientX: number; clientY: number }): Point => {
    const box = svg.current!.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const begin = (event: PointerEvent, next: Drag): void => {
    if (event.button !== 0) return;
    event.stopPropagation();
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    drag.current = next;
    change(select(editor, next.zone, next.kind === "point" ? next.point : null));
  };
  const follow = (event: PointerEvent): void => {
    const held = drag.current;
    if (held === null) return;
    const to = pointAt(event);
    if (held.kind === "point") change(movePoint(editor, held.zone, held.point, to, held.moved));
    else {
      change(moveZone(editor, held.zone, [to[0] - held.last[0], to[1] - held.last[1]], held.moved));
      held.last = to;
    }
    held.moved = true;
  };
  const keys = (event: KeyboardEvent, zone: number, point: number): void => {
    const by = NUDGE * (event.shiftKey ? 10 : 1);
    const step = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[
      event.key
    ];
    const old = editor.now.zones[zone]?.points[point];
    if (step !== undefined && old !== undefined)
      change(movePoint(editor, zone, point, [old[0] + step[0]!, old[1] + step[1]!]));
    else if (event.key === "Delete" || event.key === "Backspace") change(removePoint(editor, zone, point));
    else if (event.key === "Enter" || event.key === "Insert")
      change(addPoint(select(editor, zone, point), zone));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <svg
      ref={svg}
      viewBox={`0 0 ${width} ${height}`}
      role="group"
      aria-label={label}
      onPointerMove={follow}
      onPointerUp={() => {
        drag.current = null;
      }}
      onDoubleClick={(event) =>
        editor.now.zone !== null && change(addPoint(editor, editor.now.zone, pointAt(event)))
      }
    >
      {editor.now.zones.map((zone, index) => {
        const chosen = index === editor.now.zone;
        const isLine = zone.line !== undefined;
        const bad = new Set(isLine ? [] : crossingEdges(zone.points));
        const [cx, cy] = centroid(zone.points);
        const outline = zone.points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
        const grab = (event: PointerEvent): void =>
          begin(event, { kind: "zone", zone: index, last: pointAt(event), moved: false });
        return (
          <g key={zone.id ?? index} data-chosen={chosen || undefined} className="hc-zone-shape">
            {isLine ? (
              <g className="hc-line">
                <polyline points={outline} className="hc-line-hit" onPointerDown={grab} />
                <polyline points={outline} stroke={zone.colour} />
                <LineArrow shape={zone} width={width} height={height} />
              </g>
            ) : (
              <polygon points={outline} fill={zone.colour} stroke={zone.colour} onPointerDown={grab} />
            )}
            {[...bad].map((edge) => {
              const a = zone.points[edge]!;
              const b = zone.points[(edge + 1) % zone.points.length]!;
              return (
                <line
                  key={edge}
                  className="hc-zone-cross"
                  x1={a[0] * width}
                  y1={a[1] * height}
                  x2={b[0] * width}
                  y2={b[1] * height}
                />
              );
            })}
            {!isLine && (
              <text x={cx * width} y={cy * height} fill={zone.colour}>
                {zone.name}
              </text>
            )}
            {chosen &&
              zone.points.map(([x, y], point) => (
                <g
                  key={point}
                  className="hc-zone-point"
                  role="button"
                  tabIndex={0}
                  aria-label={t("zones.point", {
                    number: point + 1,
                    zone: zone.name,
                    x: Math.round(x * 100),
                    y: Math.round(y * 100),
                  })}
                  data-chosen={editor.now.point === point || undefined}
                  transform={`translate(${x * width} ${y * height})`}
                  onPointerDown={(event) => begin(event, { kind: "point", zone: index, point, moved: false })}
                  onFocus={() =>
                    editor.now.point !== point &&
                    drag.current === null &&
                    change(select(editor, index, point))
                  }
                  onKeyDown={(event) => keys(event, index, point)}
                >
                  <circle r={22} className="hc-zone-hit" />
                  <circle r={8} fill="#fff" stroke={zone.colour} strokeWidth={4} />
                </g>
              ))}
          </g>
        );
      })}
    </svg>
  );
}
