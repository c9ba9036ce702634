import { expect, test } from "vitest";
import { BUSY_MS, Budget, MOST_MOVING, movingTiles } from "./budget";

const NOW = 1_000_000;
const ids = Array.from({ length: 100 }, (_, index) => `cam_${index}`);
const none = new Set<string>();

test("a wall of few tiles moves all of them", () => {
  expect(movingTiles(ids.slice(0, 25), new Map(), none, MOST_MOVING, NOW).size).toBe(25);
});

test("no more than the budget move, and those that do go on", () => {
  const first = movingTiles(ids, new Map(), none, 25, NOW);
  expect(first.size).toBe(25);
  const moved = new Set(ids.slice(40, 65));
  expect(movingTiles(ids, new Map(), moved, 25, NOW)).toEqual(moved);
});

test("what moves before a camera takes the place of a quiet one, and gives it back when it is quiet", () => {
  const before = new Set(ids.slice(0, 25));
  const active = new Map([["cam_99", NOW]]);
  const now = movingTiles(ids, active, before, 25, NOW + 1_000);
  expect(now.has("cam_99")).toBe(true);
  expect([...now].filter((id) => before.has(id)).length).toBe(24);
  const later = movingTiles(ids, active, now, 2, NOW + BUSY_MS);
  expect(later.size).toBe(2);
});

test("among more busy tiles than may move none is thrown out by another that is as busy", () => {
  const active = new Map(ids.map((id, index) => [id, NOW - index]));
  const before = new Set(ids.slice(30, 55));
  expect(movingTiles(ids, active, before, 25, NOW)).toEqual(before);
});

test("only tiles in view count", () => {
  const active = new Map([["cam_99", NOW]]);
  expect(movingTiles(ids.slice(0, 30), active, none, 25, NOW).has("cam_99")).toBe(false);
});

test("a machine that drops pictures shows fewer at once, never fewer than four, and more again after a while", () => {
  const budget = new Budget();
  expect(budget.note(100, 3, NOW)).toBe(false);
  expect(budget.note(100, 10, NOW)).toBe(true);
  expect(budget.limit).toBe(20);
  for (let turn = 0; turn < 50; turn += 1) budget.note(100, 100, NOW);
  expect(budget.limit).toBe(4);
  expect(budget.note(100, 0, NOW + 59_000)).toBe(false);
  expect(budget.note(100, 0, NOW + 61_000)).toBe(true);
  expect(budget.limit).toBe(5);
});
