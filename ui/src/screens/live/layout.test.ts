import { expect, test } from "vitest";
import { bestColumns, wallGrid } from "./layout";

test("a wide window fills rows, a phone gets one column", () => {
  expect(bestColumns(4, 1_600, 900)).toBe(2);
  expect(bestColumns(1, 1_600, 900)).toBe(1);
  expect(bestColumns(6, 1_600, 900)).toBe(3);
  expect(bestColumns(16, 1_600, 900)).toBe(4);
  expect(bestColumns(4, 390, 800)).toBe(1);
});

test("the tiles of a wall fit into the window in both directions", () => {
  for (const count of [1, 2, 4, 5, 6, 9, 16]) {
    const { columns, tileWidth } = wallGrid(count, 1_190, 790);
    const rows = Math.ceil(count / columns);
    expect(columns * tileWidth + (columns - 1) * 6).toBeLessThanOrEqual(1_190);
    expect((rows * tileWidth * 9) / 16 + (rows - 1) * 6).toBeLessThanOrEqual(790);
  }
});
