import { expect, test } from "vitest";
import { bestColumns } from "./layout";

test("a wide window fills rows, a phone gets one column", () => {
  expect(bestColumns(4, 1_600, 900)).toBe(2);
  expect(bestColumns(1, 1_600, 900)).toBe(1);
  expect(bestColumns(6, 1_600, 900)).toBe(3);
  expect(bestColumns(16, 1_600, 900)).toBe(4);
  expect(bestColumns(4, 390, 800)).toBe(1);
});
