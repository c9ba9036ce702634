import { expect, test } from "vitest";
import { parseClock } from "./parse";

const noon = Date.UTC(2026, 10, 21, 3);

test("a time of day is read on the site's clock, on the same day", () => {
  expect(parseClock("14:03:22", noon, "Asia/Seoul")).toBe(Date.UTC(2026, 10, 21, 5, 3, 22));
  expect(parseClock(" 7:05 ", noon, "Asia/Seoul")).toBe(Date.UTC(2026, 10, 20, 22, 5));
});

test("what is no time is told, not guessed", () => {
  for (const text of ["", "25:00", "12:60", "12", "noon", "12:00:99"])
    expect(parseClock(text, noon, "UTC")).toBeNull();
});
