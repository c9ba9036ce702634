import type { Shape } from "./editor";
import { arrowOf } from "./geometry";

interface LineArrowProps {
  shape: Shape;
  width: number;
  height: number;
}

const LENGTH = 46;
const WORDS = 64;

/** The arrow of a line's direction, with the names of both ways: where it points is forwards. */
export function LineArrow({ shape, width, height }: LineArrowProps) {
  const { at, to } = arrowOf(shape.points.map(([x, y]) => [x * width, y * height]));
  const tip = [at[0] + to[0] * LENGTH, at[1] + to[1] * LENGTH] as const;
  const wing = (turn: number): string =>
    `${tip[0] - to[0] * 14 - turn * to[1] * 9},${tip[1] - to[1] * 14 + turn * to[0] * 9}`;
  const anchor = (toward: number): "start" | "middle" | "end" =>
    Math.abs(toward) < 0.35 ? "middle" : toward > 0 ? "start" : "end";
  const first = shape.points[0] ?? [0, 0];
  return (
    <g className="hc-line-arrow">
      <line x1={at[0]} y1={at[1]} x2={tip[0]} y2={tip[1]} stroke={shape.colour} />
      <polygon points={`${tip[0]},${tip[1]} ${wing(1)} ${wing(-1)}`} fill={shape.colour} />
      <text
        x={at[0] + to[0] * WORDS}
        y={at[1] + to[1] * WORDS + 6}
        fill={shape.colour}
        style={{ textAnchor: anchor(to[0]) }}
      >
        {shape.line?.forward}
      </text>
      <text
        x={at[0] - to[0] * 18}
        y={at[1] - to[1] * 18 + 6}
        fill={shape.colour}
        style={{ textAnchor: anchor(-to[0]) }}
        opacity={0.8}
      >
        {shape.line?.backward}
      </text>
      <text
        x={Math.min(Math.max(first[0] * width, 60), width - 60)}
        y={Math.max(first[1] * height - 16, 22)}
        fill={shape.colour}
      >
        {shape.name}
      </text>
    </g>
  );
}
