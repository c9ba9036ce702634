import type { GapRow, Placed, TileEvent } from "./tiles";

/** What tiles say of an instant. */

export type Moment = { kind: "recording" } | { kind: "gap"; gap: GapRow } | { kind: "nothing" };

const inside = (placed: readonly Placed[], ms: number): Placed | undefined =>
  placed.find((part) => part.start_ms <= ms && ms < part.end_ms);

export function momentAt(placed: readonly Placed[], ms: number): Moment {
  const lane = inside(placed, ms)?.tile.lane;
  if (lane === undefined) return { kind: "nothing" };
  const gap = lane.gaps.find(([start, end]) => start <= ms && ms < end);
  if (gap !== undefined) return { kind: "gap", gap };
  return lane.spans.some(([start, end]) => start <= ms && ms < end)
    ? { kind: "recording" }
    : { kind: "nothing" };
}

/** Each event once, though it may lie in several tiles; in the order of their starts. */
export function eventsIn(placed: readonly Placed[]): TileEvent[] {
  const found = new Map<string, TileEvent>();
  for (const { tile } of placed) for (const event of tile.lane.events ?? []) found.set(event.id, event);
  return [...found.values()].sort((a, b) => a.start_ms - b.start_ms);
}

/** Gaps of the view, those that a tile's edge cut joined again. */
export function gapsIn(placed: readonly Placed[]): GapRow[] {
  const all = placed
    .flatMap((part) =>
      part.tile.lane.gaps.filter(([start, end]) => end > part.start_ms && start < part.end_ms),
    )
    .sort((a, b) => a[0] - b[0]);
  const out: GapRow[] = [];
  for (const gap of all) {
    const last = out.at(-1);
    if (last !== undefined && last[2] === gap[2] && gap[0] <= last[1]) last[1] = Math.max(last[1], gap[1]);
    else out.push([...gap]);
  }
  return out;
}

export function firstRecorded(placed: readonly Placed[], from_ms: number): number | null {
  const starts = placed
    .flatMap((part) => part.tile.lane.spans)
    .filter(([, end]) => end > from_ms)
    .map(([start]) => Math.max(start, from_ms));
  return starts.length === 0 ? null : Math.min(...starts);
}

export function eventAt(events: readonly TileEvent[], ms: number, slack_ms = 0): TileEvent | null {
  let best: TileEvent | null = null;
  for (const event of events) {
    const end = event.end_ms ?? event.start_ms;
    if (ms < event.start_ms - slack_ms || ms > end + slack_ms) continue;
    if (best === null || event.start_ms > best.start_ms) best = event;
  }
  return best;
}

/** The start that comes next (`direction` 1) or went before (-1); 300 ms keep repeated presses moving. */
export function neighbourStart(starts: readonly number[], ms: number, direction: 1 | -1): number | null {
  const sorted = [...starts].sort((a, b) => a - b);
  if (direction === 1) return sorted.find((start) => start > ms + 300) ?? null;
  return sorted.findLast((start) => start < ms - 300) ?? null;
}
