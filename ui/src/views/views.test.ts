import { expect, test } from "vitest";
import { distance, through } from "./views";

test("points go where the transform says, also where far things are smaller", () => {
  expect(through([[0.5, 0.5]], [1, 0, 0.1, 0, 1, -0.2, 0, 0, 1])).toEqual([[0.6, 0.3]]);
  const [[x, y]] = through([[1, 1]], [1, 0, 0, 0, 1, 0, 0.5, 0.5, 1]) as [[number, number]];
  expect([x, y]).toEqual([0.5, 0.5]);
});

test("a move is as long as it is, whichever way it goes", () => {
  expect(distance({ x: 3, y: -4, degrees: 0, scale: 1 })).toBe(5);
});
