import fc from "fast-check";
import { expect, test } from "vitest";
import { parseClock, parseWhen } from "./parse";

const noon = Date.UTC(2026, 10, 21, 3);

test("a time of day is read on the site's clock, on the same day", () => {
  expect(parseClock("14:03:22", noon, "Asia/Seoul")).toBe(Date.UTC(2026, 10, 21, 5, 3, 22));
  expect(parseClock(" 7:05 ", noon, "Asia/Seoul")).toBe(Date.UTC(2026, 10, 20, 22, 5));
});

test("what is no time is told, not guessed", () => {
  for (const text of ["", "25:00", "12:60", "12", "noon", "12:00:99"])
    expect(parseClock(text, noon, "UTC")).toBeNull();
});

// 21 November 2026 is a Saturday.
const now = Date.UTC(2026, 10, 21, 12, 30);
const seen = Date.UTC(2026, 10, 18, 8, 15);
const on = (month: number, day: number, hour: number, minute = 0, second = 0): number =>
  Date.UTC(2026, month - 1, day, hour, minute, second);

test.each([
  ["yesterday 3pm", on(11, 20, 15)],
  ["Yesterday 15:20", on(11, 20, 15, 20)],
  ["today 9am", on(11, 21, 9)],
  ["yesterday", on(11, 20, 8, 15)],
  ["3pm", on(11, 18, 15)],
  ["12am", on(11, 18, 0)],
  ["14:03:22", on(11, 18, 14, 3, 22)],
  ["mon 9:30", on(11, 16, 9, 30)],
  ["saturday 9:30", on(11, 21, 9, 30)],
  ["2026-11-01 23:59", on(11, 1, 23, 59)],
  ["2026/11/01", on(11, 1, 8, 15)],
  ["11/20 15:00", on(11, 20, 15)],
  ["12/24 15:00", Date.UTC(2025, 11, 24, 15)],
  ["10 min ago", now - 600_000],
  ["2h ago", now - 7_200_000],
  ["어제 오후 3시", on(11, 20, 15)],
  ["오전 9시 30분", on(11, 18, 9, 30)],
  ["월요일 9:30", on(11, 16, 9, 30)],
  ["10분 전", now - 600_000],
  ["昨日 午後3時", on(11, 20, 15)],
  ["昨日 15時", on(11, 20, 15)],
  ["10分前", now - 600_000],
  ["11月20日 15:00", on(11, 20, 15)],
])("“%s” is understood", (text, ms) => {
  expect(parseWhen(text, seen, now, "UTC")).toBe(ms);
});

test.each([
  "",
  "3",
  "13pm",
  "0am",
  "25:00",
  "2026-13-01",
  "2026-02-30 1:00",
  "someday",
  "monkey",
  "yesterday noonish",
])("“%s” is not", (text) => {
  expect(parseWhen(text, seen, now, "UTC")).toBeNull();
});

test("noise gives an instant or nothing, never an exception", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      const found = parseWhen(text, seen, now, "Europe/Berlin");
      expect(found === null || Number.isFinite(found)).toBe(true);
    }),
  );
});
