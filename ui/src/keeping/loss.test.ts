import fc from "fast-check";
import { expect, test } from "vitest";
import type { Accounts, Minute } from "@/api/keeping";
import { causesOf, levelOf, shareText, strip, underway } from "./loss";

const START = Date.UTC(2026, 10, 21, 12);
const minute = (at: number, expected: number, missing: Record<string, number> = {}): Minute => {
  const lost = Object.values(missing).reduce((sum, count) => sum + count, 0);
  const came = expected - lost;
  return { start_ms: START + at * 60_000, expected, received: came, stored: came, decoded: came, missing };
};
const accounts = (...minutes: Minute[]): Accounts => ({
  minutes,
  totals: { expected: 0, received: 0, stored: 0, decoded: 0, missing: {} },
});

test("a minute is as bad as the share that is missing", () => {
  expect(levelOf(minute(0, 900))).toBe("none");
  expect(levelOf(minute(0, 900, { "packet-loss": 18 }))).toBe("some");
  expect(levelOf(minute(0, 900, { "packet-loss": 19 }))).toBe("much");
  expect(levelOf({ ...minute(0, 0), missing: { connecting: 900 } })).toBe("much");
  expect(levelOf(undefined)).toBe("none");
});

test("a bad minute never vanishes in a coarse strip", () => {
  fc.assert(
    fc.property(fc.nat(1_439), fc.integer({ min: 1, max: 240 }), (at, most) => {
      const rows = Array.from({ length: 1_440 }, (_none, index) =>
        minute(index, 900, index === at ? { "disk-full": 500 } : {}),
      );
      const cells = strip(accounts(...rows), START, START + 86_400_000, most);
      expect(cells.length).toBeLessThanOrEqual(most);
      expect(cells.filter((cell) => cell === "much")).toHaveLength(1);
    }),
  );
});

test("minutes that are not listed lost nothing, and those outside the range are ignored", () => {
  const rows = [minute(-1, 900, { a: 900 }), minute(1, 900, { a: 9 }), minute(60, 900, { a: 900 })];
  expect(strip(accounts(...rows), START, START + 180_000, 60)).toEqual(["none", "some", "none"]);
});

test("causes come with the worst first, and a loss never reads as all", () => {
  expect(causesOf({ missing: { a: 1, b: 7, c: 0 } })).toEqual([
    ["b", 7],
    ["a", 1],
  ]);
  expect(shareText(99_999, 100_000, "en")).toBe("99.99%");
  expect(shareText(5, 5, "en")).toBe("100%");
  expect(shareText(0, 0, "en")).toBe("–");
});

test("what came and is not stored yet is on its way, unless a cause says that it was lost", () => {
  const totals = { expected: 1_000, received: 990, stored: 960, decoded: 60, missing: { "packet-loss": 10 } };
  expect(underway(totals)).toBe(30);
  expect(underway({ ...totals, missing: { "packet-loss": 10, "disk-full": 30 } })).toBe(0);
  expect(underway({ ...totals, stored: 990 })).toBe(0);
});
