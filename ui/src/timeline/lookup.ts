import type { Gap, HaechiEvent, Span, Timeline } from "@/api/types";

export type Moment = { kind: "recording"; span: Span } | { kind: "gap"; gap: Gap } | { kind: "nothing" };

export function momentAt(timeline: Timeline, ms: number): Moment {
  const span = timeline.spans.find((row) => row.start_ms <= ms && ms < row.end_ms);
  if (span !== undefined) return { kind: "recording", span };
  const gap = timeline.gaps.find((row) => row.start_ms <= ms && ms < row.end_ms);
  return gap === undefined ? { kind: "nothing" } : { kind: "gap", gap };
}

/** First recorded instant at or after `ms`, or null. */
export function nextRecorded(timeline: Timeline, ms: number): number | null {
  let best: number | null = null;
  for (const span of timeline.spans) {
    if (span.end_ms <= ms) continue;
    const at = Math.max(span.start_ms, ms);
    if (best === null || at < best) best = at;
  }
  return best;
}

export function eventAt(events: readonly HaechiEvent[], ms: number, slack_ms = 0): HaechiEvent | null {
  let best: HaechiEvent | null = null;
  for (const event of events) {
    const end = event.end_ms ?? event.start_ms;
    if (ms < event.start_ms - slack_ms || ms > end + slack_ms) continue;
    if (best === null || event.start_ms > best.start_ms) best = event;
  }
  return best;
}

/** The event that starts next (`direction` 1) or started before (-1); 300 ms keep repeated presses moving. */
export function neighbourEvent(
  events: readonly HaechiEvent[],
  ms: number,
  direction: 1 | -1,
): HaechiEvent | null {
  const starts = [...events].sort((a, b) => a.start_ms - b.start_ms);
  if (direction === 1) return starts.find((event) => event.start_ms > ms + 300) ?? null;
  return starts.findLast((event) => event.start_ms < ms - 300) ?? null;
}
