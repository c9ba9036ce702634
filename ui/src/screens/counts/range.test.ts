import { expect, test } from "vitest";
import { rangeOf, steps, summed } from "./range";

const at = (text: string): number => Date.parse(text);

test("today is the day of the site's clock, by hours", () => {
  expect(rangeOf("today", at("2026-11-21T16:30:00Z"), "Asia/Seoul")).toEqual({
    startMs: at("2026-11-22T00:00:00+09:00"),
    endMs: at("2026-11-23T00:00:00+09:00"),
    bucket: "hour",
  });
});

test("a week begins at a midnight, also when the clock was put back in between", () => {
  expect(rangeOf("week", at("2026-10-27T10:00:00Z"), "Europe/Berlin").startMs).toBe(
    at("2026-10-21T00:00:00+02:00"),
  );
  expect(rangeOf("month", at("2026-10-27T10:00:00Z"), "Europe/Berlin").startMs).toBe(
    at("2026-09-28T00:00:00+02:00"),
  );
});

test("an axis has round numbers, and reaches over the largest value", () => {
  for (const most of [0, 1, 3, 7, 10, 48, 99, 1_234]) {
    const found = steps(most);
    expect(found[0]).toBe(0);
    expect(found.at(-1)).toBeGreaterThanOrEqual(most);
    expect(found.length).toBeLessThanOrEqual(6);
    expect(found.every(Number.isInteger)).toBe(true);
  }
});

test("classes are summed up bucket by bucket", () => {
  expect(
    summed(
      [
        [1, 2],
        [3, 0],
      ],
      2,
    ),
  ).toEqual([4, 2]);
  expect(summed([], 2)).toEqual([0, 0]);
});
