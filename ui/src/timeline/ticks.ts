import { offsetMs, offsetText } from "@/time/zone";
import { spanOf, type View } from "./view";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
] as const;

export interface Tick {
  ms: number;
  kind: "second" | "minute" | "day";
  /** This wall time comes twice in view, because clocks go back; the offset tells which one it is. */
  repeated: boolean;
  offset: string;
}

export function tickStep(span_ms: number, width: number, minGap = 84): number {
  const wanted = (span_ms / Math.max(1, width)) * minGap;
  return STEPS.find((step) => step >= wanted) ?? 7 * DAY;
}

/**
 * Ticks at round times of the *site's* wall clock. A day with a clock change has 23 or 25 hours: each candidate is
 * mapped through the offset in force there, so 00:00 stays 00:00 and a repeated hour gets both its ticks.
 */
export function ticks(view: View, width: number, zone: string): Tick[] {
  const step = tickStep(spanOf(view), width);
  const out: Tick[] = [];
  const seen = new Set<number>();
  const offsets = new Set([offsetMs(view.start_ms, zone), offsetMs(view.end_ms, zone)]);
  const add = (ms: number): void => {
    if (ms < view.start_ms || ms > view.end_ms || seen.has(ms)) return;
    seen.add(ms);
    const local = ms + offsetMs(ms, zone);
    const kind = local % DAY === 0 ? "day" : step < MINUTE ? "second" : "minute";
    out.push({ ms, kind, repeated: false, offset: offsets.size > 1 ? offsetText(ms, zone) : "" });
  };
  for (const offset of offsets) {
    const first = Math.ceil((view.start_ms + offset) / step) * step;
    for (let local = first; local - offset <= view.end_ms; local += step) {
      const ms = local - offset;
      if (offsetMs(ms, zone) === offset) add(ms);
    }
  }
  if (offsets.size > 1) markRepeated(out, zone);
  return out.sort((a, b) => a.ms - b.ms);
}

function markRepeated(all: Tick[], zone: string): void {
  const walls = new Map<number, Tick>();
  for (const tick of all) {
    const wall = tick.ms + offsetMs(tick.ms, zone);
    const twin = walls.get(wall);
    walls.set(wall, tick);
    if (twin === undefined) continue;
    twin.repeated = true;
    tick.repeated = true;
  }
}
