import { expect, test } from "vitest";
import type { ClipDetection, DetectedBox } from "@/api/types";
import { clipBoxes, LiveDetections } from "./overlay";

const box = (x: number, track: number | null = 1): DetectedBox => ({
  label: "person",
  score: 0.9,
  box: [x, 0.1, 0.2, 0.3],
  track,
});
const row = (clip_s: number, x: number): ClipDetection => ({
  ref: "r",
  captured_ns: String(Math.round(clip_s * 1e9)),
  clip_s,
  boxes: [box(x)],
});

test("live boxes are exact on their own unit, held for a second after it, gone then", () => {
  const live = new LiveDetections();
  live.add(2_000_000_000n, [box(0.2)]);
  live.add(1_000_000_000n, [box(0.1)]);
  expect(live.at(2_000_000_000n)).toMatchObject({ exact: true, boxes: [box(0.2)] });
  expect(live.at(1_500_000_000n)).toMatchObject({ exact: false, boxes: [box(0.1)] });
  expect(live.at(3_000_000_001n)).toBeNull();
  expect(live.at(999_999_999n)).toBeNull();
});

test("in a clip the examined frame shows its own boxes, a frame between shows them interpolated", () => {
  const rows = [row(0, 0.1), row(0.5, 0.3)];
  expect(clipBoxes(rows, 0.5)).toMatchObject({ exact: true, boxes: [box(0.3)] });
  const middle = clipBoxes(rows, 0.25);
  expect(middle?.exact).toBe(false);
  expect(middle?.boxes[0]?.box[0]).toBeCloseTo(0.2);
  expect(clipBoxes(rows, 0.8)).toBeNull();
});

test("no bridge over a long silence, and none for an object that is in one frame only", () => {
  expect(clipBoxes([row(0, 0.1), row(4, 0.3)], 2)).toBeNull();
  const other = { ...row(0.5, 0.3), boxes: [box(0.3, 2)] };
  expect(clipBoxes([row(0, 0.1), other], 0.25)?.boxes).toEqual([]);
});

test("a trail ends at the foot of what is on screen, live as in a clip, and forgets what is long ago", () => {
  const live = new LiveDetections();
  const rows = [row(0, 0.0), row(1, 0.1), row(4.5, 0.2), row(5, 0.3)];
  for (const one of rows) live.add(BigInt(one.captured_ns), one.boxes);
  const trail = [
    [0.2, 0.4],
    [0.30000000000000004, 0.4],
    [0.4, 0.4],
  ];
  expect(live.at(5_000_000_000n)?.trails).toEqual([trail]);
  expect(clipBoxes(rows, 5)?.trails).toEqual([trail]);
  expect(live.at(4_700_000_000n)?.trails[0]?.at(-1)).toEqual([0.30000000000000004, 0.4]);
});

test("joints move with their box between two examined frames, and are not guessed where one lacks them", () => {
  const posed = (clip_s: number, x: number): ClipDetection => ({
    ...row(clip_s, x),
    boxes: [{ ...box(x), points: [[x, 0.2, 0.9]] }],
  });
  const middle = clipBoxes([posed(0, 0.1), posed(0.5, 0.3)], 0.25)?.boxes[0]?.points?.[0];
  expect(middle?.[0]).toBeCloseTo(0.2);
  expect(clipBoxes([posed(0, 0.1), row(0.5, 0.3)], 0.25)?.boxes[0]?.points).toEqual([]);
});

test("live and in the clip the same unit has the same boxes, joints and tracks", () => {
  const rows = [row(0, 0.1), row(0.2, 0.15), row(0.4, 0.2)].map((one) => ({
    ...one,
    boxes: one.boxes.map((found): DetectedBox => ({ ...found, points: [[found.box[0], 0.2, 0.9]] })),
  }));
  const live = new LiveDetections();
  for (const one of rows) live.add(BigInt(one.captured_ns), one.boxes);
  for (const one of rows) expect(live.at(BigInt(one.captured_ns))).toEqual(clipBoxes(rows, one.clip_s));
});
