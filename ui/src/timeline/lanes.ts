/** Where the lanes lie: fewer cameras, taller lanes. Pixels. */

export const RULER_PX = 26;
const GAP_PX = 3;
const FOOT_PX = 5;

export interface LaneBox {
  top: number;
  height: number;
}

const heightOf = (count: number): number =>
  count <= 1 ? 72 : count === 2 ? 48 : count <= 4 ? 34 : count <= 9 ? 22 : 16;

export function laneBoxes(count: number): { lanes: LaneBox[]; height: number } {
  const height = heightOf(count);
  const lanes = Array.from({ length: count }, (_unused, index) => ({
    top: RULER_PX + 2 + index * (height + GAP_PX),
    height,
  }));
  return { lanes, height: RULER_PX + 2 + count * (height + GAP_PX) - GAP_PX + FOOT_PX };
}

/** Which lane a pointer is on; the nearest where it is on none. */
export function laneAt(y: number, count: number): number {
  const step = heightOf(count) + GAP_PX;
  return Math.max(0, Math.min(count - 1, Math.floor((y - RULER_PX - 2) / step)));
}
