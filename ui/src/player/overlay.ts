import type { Box, ClipDetection, DetectedBox, Joint } from "@/api/types";

export interface BoxesOnScreen {
  boxes: DetectedBox[];
  /** True when the boxes were computed from the very picture on screen; false when they are carried or interpolated. */
  exact: boolean;
  capturedNs: bigint;
  /** Where each thing on screen that is followed stood in the last seconds, oldest first: the middle of its foot. */
  trails: Trail[];
}

export type Trail = [x: number, y: number][];

/** How far back a trail goes. */
const TRAIL_NS = 4_000_000_000n;
const HOLD_NS = 1_000_000_000n;

interface Row {
  capturedNs: bigint;
  boxes: DetectedBox[];
}

/** Of `rows`, oldest first, the last of which is on screen. */
function trailsOf(rows: readonly Row[]): Trail[] {
  const last = rows.at(-1);
  if (last === undefined) return [];
  const recent = rows.filter((row) => last.capturedNs - row.capturedNs <= TRAIL_NS);
  return last.boxes.flatMap(({ track }) => {
    if (track === null) return [];
    const trail = recent.flatMap(({ boxes }) =>
      boxes
        .filter((one) => one.track === track)
        .map(({ box: [x, y, w, h] }): [number, number] => [x + w / 2, y + h]),
    );
    return trail.length > 1 ? [trail] : [];
  });
}

/** The last detections of one camera, looked up by the unit on screen. */
export class LiveDetections {
  private readonly rows: Row[] = [];
  private readonly limit: number;

  constructor(limit = 240) {
    this.limit = limit;
  }

  add(capturedNs: bigint, boxes: DetectedBox[]): void {
    let index = this.rows.length;
    while (index > 0 && this.rows[index - 1]!.capturedNs > capturedNs) index -= 1;
    this.rows.splice(index, 0, { capturedNs, boxes });
    if (this.rows.length > this.limit) this.rows.shift();
  }

  /** Boxes of exactly this unit; else those of the last earlier one, if at most a second old. */
  at(capturedNs: bigint): BoxesOnScreen | null {
    for (let index = this.rows.length - 1; index >= 0; index -= 1) {
      const row = this.rows[index]!;
      if (row.capturedNs > capturedNs) continue;
      if (capturedNs - row.capturedNs > HOLD_NS) return null;
      const trails = trailsOf(this.rows.slice(0, index + 1));
      return { ...row, exact: row.capturedNs === capturedNs, trails };
    }
    return null;
  }
}

const between = (a: Box, b: Box, part: number): Box => [
  a[0] + (b[0] - a[0]) * part,
  a[1] + (b[1] - a[1]) * part,
  a[2] + (b[2] - a[2]) * part,
  a[3] + (b[3] - a[3]) * part,
];

/** Joints between two frames in which all of them are known; none otherwise. */
function jointsBetween(a: DetectedBox, b: DetectedBox, part: number): Joint[] {
  const [from, to] = [a.points ?? [], b.points ?? []];
  if (from.length !== to.length) return [];
  return from.map(([x, y, score], index) => {
    const [x2, y2, score2] = to[index]!;
    return [x + (x2 - x) * part, y + (y2 - y) * part, Math.min(score, score2)];
  });
}

/** Half a frame at 60 fps: a detection this near belongs to the presented frame. */
const SAME_FRAME_S = 0.008;
const MAX_BRIDGE_S = 1.5;

/**
 * Boxes for the clip's frame at `clipS` (seconds from its start). Between two examined frames the boxes of a track
 * are interpolated and marked as such; a track that is not in both is not shown.
 */
export function clipBoxes(detections: readonly ClipDetection[], clipS: number): BoxesOnScreen | null {
  let before: ClipDetection | null = null;
  let after: ClipDetection | null = null;
  for (const row of detections) {
    if (Math.abs(row.clip_s - clipS) <= SAME_FRAME_S) {
      return {
        boxes: row.boxes,
        exact: true,
        capturedNs: BigInt(row.captured_ns),
        trails: clipTrails(detections, row),
      };
    }
    if (row.clip_s < clipS) before = row;
    else if (after === null) after = row;
  }
  if (before === null || after === null || after.clip_s - before.clip_s > MAX_BRIDGE_S) return null;
  const part = (clipS - before.clip_s) / (after.clip_s - before.clip_s);
  const later = after.boxes;
  const boxes = before.boxes.flatMap((box) => {
    const same = box.track === null ? undefined : later.find((other) => other.track === box.track);
    if (same === undefined) return [];
    return [{ ...box, box: between(box.box, same.box, part), points: jointsBetween(box, same, part) }];
  });
  return {
    boxes,
    exact: false,
    capturedNs: BigInt(before.captured_ns),
    trails: clipTrails(detections, before),
  };
}

function clipTrails(detections: readonly ClipDetection[], until: ClipDetection): Trail[] {
  const rows = detections.filter((row) => row.clip_s <= until.clip_s);
  return trailsOf(rows.map((row) => ({ capturedNs: BigInt(row.captured_ns), boxes: row.boxes })));
}
