import { describe, expect, test } from "vitest";
import {
  clockText,
  dayNames,
  daysText,
  isOvernight,
  isWhole,
  minutesOf,
  OFFICE,
  rowText,
  toggled,
} from "./schedule";

const NAMES = dayNames("en");

describe("hours of the week", () => {
  test("times of the day are read as they are written", () => {
    for (const minutes of [0, 1, 59, 60, 719, 1_439]) expect(minutesOf(clockText(minutes))).toBe(minutes);
    expect(clockText(1_440)).toBe("00:00");
    expect([minutesOf("24:00"), minutesOf("8:60"), minutesOf(""), minutesOf("noon")]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  test("the week begins on Monday", () => {
    expect(NAMES[0]).toBe("Mon");
    expect(dayNames("ko")[6]).toBe("일");
  });

  test("days in a row are told by their ends", () => {
    expect(rowText(OFFICE, NAMES)).toBe("Mon–Fri 08:00–18:00");
    expect(daysText([5, 6], NAMES)).toBe("Sat, Sun");
    expect(daysText([6, 0, 2], NAMES)).toBe("Mon, Wed, Sun");
  });

  test("a day is taken out and put back in order", () => {
    const without = toggled(OFFICE, 2);
    expect(without.days).toEqual([0, 1, 3, 4]);
    expect(toggled(without, 2).days).toEqual(OFFICE.days);
  });

  test("no hours or no days cannot be kept; the end of the night is on the next day", () => {
    expect(isWhole({ hours: [], outside: false })).toBe(false);
    expect(isWhole({ hours: [{ ...OFFICE, days: [] }], outside: false })).toBe(false);
    expect(isWhole({ hours: [OFFICE], outside: true })).toBe(true);
    expect(isOvernight({ days: [0], start_min: 1_080, end_min: 480 })).toBe(true);
    expect(isOvernight(OFFICE)).toBe(false);
  });
});
