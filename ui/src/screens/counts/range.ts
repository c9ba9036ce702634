import type { Counts } from "@/api/types";
import { dayBounds, dayOf } from "@/time/zone";

export const RANGES = ["today", "week", "month"] as const;
export type Range = (typeof RANGES)[number];

const DAY_MS = 86_400_000;
const DAYS: Record<Range, number> = { today: 0, week: 6, month: 29 };

/** Whole days of the site's clock, up to the end of today. */
export function rangeOf(
  range: Range,
  nowMs: number,
  zone: string,
): { startMs: number; endMs: number; bucket: Counts["bucket"] } {
  const today = dayBounds(dayOf(nowMs, zone), zone);
  // Noon of the first day: days of 23 and 25 hours do not lead to another one.
  const noon = today.start_ms + DAY_MS / 2 - DAYS[range] * DAY_MS;
  const first = dayBounds(dayOf(noon, zone), zone);
  return { startMs: first.start_ms, endMs: today.end_ms, bucket: range === "today" ? "hour" : "day" };
}

/** Round numbers for an axis: at most four steps up to the largest value. */
export function steps(most: number): number[] {
  const rough = Math.max(1, most) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((by) => by * power).find((by) => by >= rough) ?? 1);
  const count = Math.max(1, Math.ceil(most / step));
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}

/** What was counted in each bucket, of one class or of all. */
export function summed(rows: readonly (readonly number[])[], count: number): number[] {
  return Array.from({ length: count }, (_, at) => rows.reduce((sum, row) => sum + (row[at] ?? 0), 0));
}
