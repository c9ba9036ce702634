import fc from "fast-check";
import { expect, test } from "vitest";
import type { Point } from "@/api/types";
import {
  addPoint,
  addZone,
  faultsOf,
  HISTORY_LIMIT,
  movePoint,
  moveZone,
  openEditor,
  redo,
  removePoint,
  removeZone,
  undo,
} from "./editor";
import { area, contains, crossingEdges, nearestEdge } from "./geometry";

const square: Point[] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const bowTie: Point[] = [
  [0, 0],
  [1, 1],
  [1, 0],
  [0, 1],
];

test("a convex polygon crosses nothing; a bow tie names the two edges", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 20 }), (count) => {
      const ring = Array.from({ length: count }, (_unused, index): Point => {
        const angle = (index / count) * 2 * Math.PI;
        return [0.5 + 0.4 * Math.cos(angle), 0.5 + 0.4 * Math.sin(angle)];
      });
      expect(crossingEdges(ring)).toEqual([]);
      expect(contains(ring, [0.5, 0.5])).toBe(true);
    }),
  );
  expect(crossingEdges(bowTie)).toEqual([0, 2]);
});

test("area, inside and the nearest edge", () => {
  expect(area(square)).toBe(1);
  expect(contains(square, [0.5, 0.5])).toBe(true);
  expect(contains(square, [1.5, 0.5])).toBe(false);
  expect(nearestEdge(square, [0.5, 0.1])).toBe(0);
  expect(nearestEdge(square, [0.95, 0.5])).toBe(1);
});

test("every command can be undone and redone to the same value, and history is bounded", () => {
  let editor = addZone(openEditor([]), "Door");
  const first = editor.now;
  editor = addPoint(editor, 0, [0.5, 0.3]);
  editor = movePoint(editor, 0, 0, [0.1, 0.1]);
  editor = moveZone(editor, 0, [0.05, 0.05]);
  editor = removePoint(editor, 0, 1);
  const last = editor.now;
  for (let step = 0; step < 4; step += 1) editor = undo(editor);
  expect(editor.now).toEqual(first);
  for (let step = 0; step < 4; step += 1) editor = redo(editor);
  expect(editor.now).toEqual(last);
  for (let step = 0; step < 80; step += 1) editor = movePoint(editor, 0, 0, [step / 100, 0]);
  expect(editor.past).toHaveLength(HISTORY_LIMIT);
});

test("a drag is one step of history", () => {
  let editor = addZone(openEditor([]), "Door");
  editor = movePoint(editor, 0, 0, [0.2, 0.2]);
  editor = movePoint(editor, 0, 0, [0.25, 0.2], true);
  editor = movePoint(editor, 0, 0, [0.28, 0.2], true);
  expect(undo(editor).now.zones[0]?.points[0]).toEqual([0.3, 0.35]);
});

test("points never leave the picture, and a moved zone keeps its shape at the border", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.double({ min: -3, max: 3, noNaN: true }),
      (dx, dy) => {
        const editor = moveZone(addZone(openEditor([]), "Door"), 0, [dx, dy]);
        const points = editor.now.zones[0]!.points;
        expect(points.flat().every((value) => value >= 0 && value <= 1)).toBe(true);
        expect(area(points)).toBeCloseTo(0.16);
      },
    ),
  );
});

test("three points are the least, and faults are named", () => {
  let editor = addZone(openEditor([]), " ");
  editor = removePoint(editor, 0, 0);
  editor = removePoint(editor, 0, 0);
  expect(editor.now.zones[0]?.points).toHaveLength(3);
  expect(faultsOf(editor.now.zones[0]!)).toEqual(["no-name"]);
  expect(faultsOf({ name: "x", colour: "#fff", points: bowTie })).toContain("crosses");
  expect(
    faultsOf({
      name: "x",
      colour: "#fff",
      points: [
        [0, 0],
        [0, 0.01],
        [0.01, 0],
      ],
    }),
  ).toContain("too-small");
  expect(removeZone(editor, 0).now.zone).toBeNull();
});
