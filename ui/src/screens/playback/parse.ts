import { instantOf, wallTime } from "@/time/zone";

/** `14:03`, `14:03:22` on the wall clock of `zone`, on the day of `near_ms`; null when it is not a time. */
export function parseClock(text: string, near_ms: number, zone: string): number | null {
  const match = /^\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*$/.exec(text);
  if (match === null) return null;
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const day = wallTime(near_ms, zone);
  return instantOf(zone, day.year, day.month, day.day, hour, minute, second);
}
