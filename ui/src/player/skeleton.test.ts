import { expect, test } from "vitest";
import type { Joint } from "@/api/types";
import { limbs } from "./skeleton";

const body = (length: number, score = 0.9): Joint[] =>
  Array.from({ length }, (_, index) => [index / 100, index / 50, score]);

test("a whole body has all its limbs, in either order of joints", () => {
  expect(limbs(body(26))).toHaveLength(18);
  expect(limbs(body(17))).toHaveLength(14);
  expect(limbs(body(17))[0]).toEqual([body(17)[5], body(17)[7]]);
});

test("what is unsure is left out, and points that are no body are not joined", () => {
  const points = body(26);
  points[9] = [0.1, 0.1, 0.2];
  expect(limbs(points)).toHaveLength(17);
  expect(limbs(body(26, 0.1))).toEqual([]);
  expect(limbs(body(5))).toEqual([]);
});
