import fc from "fast-check";
import { expect, test } from "vitest";
import { localText, parseLocal } from "./local";
import { offsetMs } from "./zone";

test("what a field shows is read back as the same second, outside repeated hours", () => {
  const start = Date.UTC(2026, 0, 1);
  fc.assert(
    fc.property(
      fc.constantFrom("Asia/Seoul", "Europe/Berlin", "America/New_York", "UTC"),
      fc.nat(365 * 86_400),
      (zone, seconds) => {
        const ms = start + seconds * 1_000;
        fc.pre(
          offsetMs(ms, zone) === offsetMs(ms - 7_200_000, zone) &&
            offsetMs(ms, zone) === offsetMs(ms + 7_200_000, zone),
        );
        expect(parseLocal(localText(ms, zone), zone)).toBe(ms);
      },
    ),
  );
});

test.each(["", "yesterday", "2026-13-01T00:00", "2026-11-21T24:00:00", "2026-11-21"])(
  "%j is not a time",
  (text) => {
    expect(parseLocal(text, "UTC")).toBeNull();
  },
);

test("seconds may be left out", () => {
  expect(parseLocal("2026-11-21T14:03", "Asia/Seoul")).toBe(Date.UTC(2026, 10, 21, 5, 3));
});
