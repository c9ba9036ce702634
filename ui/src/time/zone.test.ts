import fc from "fast-check";
import { expect, test } from "vitest";
import { dayBounds, dayOf, instantOf, isTimeZone, offsetText, siteClock, wallTime, zoneBadge } from "./zone";

const ZONES = ["Asia/Seoul", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"];

test("times are those of the site, with its offset", () => {
  const ms = Date.UTC(2026, 10, 21, 5, 3, 22, 45);
  const clock = siteClock("Asia/Seoul", "en");
  expect(clock.time(ms)).toBe("14:03:22");
  expect(clock.timeMillis(ms)).toBe("14:03:22.045");
  expect(clock.badge(ms)).toBe("KST +09:00");
  expect(zoneBadge(ms, "Asia/Kathmandu")).toBe("UTC+05:45");
  expect(offsetText(ms, "America/New_York")).toBe("-05:00");
});

test("a day with a clock change has 23 or 25 hours", () => {
  const hours = (day: string, zone: string) => {
    const { start_ms, end_ms } = dayBounds(day, zone);
    return (end_ms - start_ms) / 3_600_000;
  };
  expect(hours("2026-03-29", "Europe/Berlin")).toBe(23);
  expect(hours("2026-10-25", "Europe/Berlin")).toBe(25);
  expect(hours("2026-11-21", "Asia/Seoul")).toBe(24);
});

test("wall time to instant and back is the same, in every zone, outside skipped hours", () => {
  const start = Date.UTC(2026, 0, 1);
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), fc.nat(365 * 86_400), (zone, second) => {
      const ms = start + second * 1_000;
      const wall = wallTime(ms, zone);
      const again = instantOf(zone, wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second);
      expect(wallTime(again, zone)).toEqual(wall);
      const { start_ms, end_ms } = dayBounds(dayOf(ms, zone), zone);
      expect(ms >= start_ms && ms < end_ms).toBe(true);
    }),
  );
});

test("a skipped hour is the instant that the clock jumps to or later, never earlier", () => {
  const skipped = instantOf("Europe/Berlin", 2026, 3, 29, 2, 30);
  expect(skipped).toBeGreaterThanOrEqual(Date.UTC(2026, 2, 29, 1, 0));
});

test("a zone that does not exist is told", () => {
  expect(isTimeZone("Asia/Seoul")).toBe(true);
  expect(isTimeZone("Asia/Atlantis")).toBe(false);
  expect(isTimeZone("")).toBe(false);
});
