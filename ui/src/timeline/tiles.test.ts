import { describe, expect, test } from "vitest";
import { type AskTimeline, BUCKETS, bucketOf, type GapRow, levelFor, TimelineTiles } from "./tiles";
import { MAX_SPAN_MS, type View, viewAround } from "./view";

const NOW = Date.UTC(2026, 10, 21, 9);
const empty = btoa("\0".repeat(BUCKETS));

/** Answers at once, and remembers what was asked. */
function server(gaps: GapRow[] = []) {
  const asked: { cameras: string[]; span: View; buckets: number }[] = [];
  const ask: AskTimeline = async (cameras, span, buckets) => {
    asked.push({ cameras: [...cameras], span, buckets });
    const rows = cameras.map((camera) => ({
      camera,
      spans: [[span.start_ms, Math.min(span.end_ms, NOW)]] as [number, number][],
      gaps,
      motion: empty,
      score: empty,
      loss: empty,
      events: [],
      event_counts: empty,
    }));
    return { ...span, bucket_ms: (span.end_ms - span.start_ms) / buckets, cameras: rows };
  };
  return { asked, ask };
}
const settled = () => new Promise((done) => setTimeout(done));

describe("the timeline in tiles", () => {
  test("any zoom needs few tiles, each with a bucket about as wide as a pixel", () => {
    for (let span = 10_000; span <= MAX_SPAN_MS; span *= 1.7) {
      const level = levelFor(viewAround(NOW, span), 1_400);
      const tiles = span / (bucketOf(level) * BUCKETS) + 2;
      expect(tiles).toBeLessThanOrEqual(6);
      expect(bucketOf(level)).toBeGreaterThanOrEqual((span / 1_400) * 1.49);
    }
  });

  test("a view is asked for once for all cameras, on a grid, and panning asks only for what is new", async () => {
    const { asked, ask } = server();
    const tiles = new TimelineTiles(ask, () => NOW);
    const view = viewAround(NOW - 7_200_000, 3_600_000);
    tiles.want(["a", "b"], view, 1_000);
    await settled();
    expect(asked.every((row) => row.cameras.join() === "a,b")).toBe(true);
    expect(asked.every((row) => row.span.start_ms % (row.span.end_ms - row.span.start_ms) === 0)).toBe(true);
    const count = asked.length;
    tiles.want(["a", "b"], { start_ms: view.start_ms + 1, end_ms: view.end_ms + 1 }, 1_000);
    await settled();
    expect(asked).toHaveLength(count);
    tiles.want(["a", "b", "c"], view, 1_000);
    await settled();
    expect(asked.slice(count).every((row) => row.cameras.join() === "c")).toBe(true);
  });

  test("zooming shows what is known from the other zoom until the new tiles are there", async () => {
    const { ask } = server();
    const tiles = new TimelineTiles(ask, () => NOW);
    const wide = viewAround(NOW - 86_400_000, 6 * 3_600_000);
    tiles.want(["a"], wide, 1_000);
    await settled();
    const near = viewAround(NOW - 86_400_000, 600_000);
    const placed = tiles.placed("a", near, 1_000);
    expect(placed.length).toBeGreaterThan(0);
    expect(Math.min(...placed.map((part) => part.start_ms))).toBeLessThanOrEqual(near.start_ms);
    expect(Math.max(...placed.map((part) => part.end_ms))).toBeGreaterThanOrEqual(near.end_ms);
    expect(tiles.empty(["b"], near, 1_000)).toBe(true);
  });

  test("a gap that a camera may still fill is looked at again, one that stays is not", async () => {
    const wanted = viewAround(NOW - 7_200_000, 3_600_000);
    const gapOf = (cause: string): GapRow => [NOW - 7_500_000, NOW - 7_000_000, cause, ""];
    for (const [cause, again] of [
      ["unreachable", true],
      ["retention", false],
      ["disabled", false],
    ] as const) {
      let now = NOW;
      const { asked, ask } = server([gapOf(cause)]);
      const tiles = new TimelineTiles(ask, () => now);
      tiles.want(["a"], wanted, 1_000);
      await settled();
      const first = asked.length;
      now += 25_000;
      tiles.want(["a"], wanted, 1_000);
      await settled();
      expect(asked.length > first).toBe(again);
    }
  });

  test("what is still growing is asked again after a while, what is past is not", async () => {
    let now = NOW;
    const { asked, ask } = server();
    const tiles = new TimelineTiles(ask, () => now);
    tiles.want(["a"], viewAround(NOW - 60_000, 120_000), 1_000);
    await settled();
    const first = asked.length;
    now += 4_000;
    tiles.want(["a"], viewAround(NOW - 60_000, 120_000), 1_000);
    await settled();
    expect(asked.slice(first).every((row) => row.span.end_ms > NOW - 20_000)).toBe(true);
    expect(asked.length).toBeGreaterThan(first);
  });

  test("a failed question keeps what there was, says so, and is asked again later", async () => {
    let fails = true;
    let now = NOW;
    const good = server().ask;
    const tiles = new TimelineTiles(
      (...all) => (fails ? Promise.reject(new Error("no")) : good(...all)),
      () => now,
    );
    const view = viewAround(NOW - 3_600_000, 60_000);
    tiles.want(["a"], view, 1_000);
    await settled();
    expect(tiles.failed).toBeInstanceOf(Error);
    fails = false;
    now += 5_000;
    tiles.want(["a"], view, 1_000);
    await settled();
    expect(tiles.failed).toBeNull();
    expect(tiles.empty(["a"], view, 1_000)).toBe(false);
  });
});
