import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wallTime } from "@/time/zone";
import { laneAt, laneBoxes } from "./lanes";
import { eventsIn, firstRecorded, gapsIn, momentAt, neighbourStart } from "./lookup";
import { ticks } from "./ticks";
import type { LaneData, Placed, TileEvent } from "./tiles";
import { clampToNow, MAX_SPAN_MS, MIN_SPAN_MS, msAt, reveal, spanOf, viewAround, xOf, zoom } from "./view";

const NOW = Date.UTC(2026, 10, 21, 9);

describe("the view", () => {
  test("zooming keeps the instant under the pointer, and stays between 10 s and 31 days", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: MIN_SPAN_MS, max: MAX_SPAN_MS }),
        fc.double({ min: 0.05, max: 20, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (span, factor, part) => {
          const view = viewAround(NOW, span);
          const anchor = msAt(view, part * 900, 900);
          const next = zoom(view, factor, anchor);
          expect(spanOf(next)).toBeGreaterThanOrEqual(MIN_SPAN_MS - 1);
          expect(spanOf(next)).toBeLessThanOrEqual(MAX_SPAN_MS + 1);
          expect(xOf(next, anchor, 900)).toBeCloseTo(part * 900, 0);
        },
      ),
    );
  });

  test("pixels to time and back", () => {
    const view = viewAround(NOW, 3_600_000);
    expect(msAt(view, xOf(view, NOW + 12_345, 700), 700)).toBeCloseTo(NOW + 12_345, 3);
  });

  test("an instant outside is revealed with the span unchanged; the future is kept short", () => {
    const view = viewAround(NOW, 60_000);
    const moved = reveal(view, NOW + 500_000);
    expect(spanOf(moved)).toBe(60_000);
    expect(moved.end_ms).toBeGreaterThan(NOW + 500_000);
    expect(reveal(view, NOW)).toBe(view);
    expect(clampToNow(viewAround(NOW + 900_000, 60_000), NOW).end_ms).toBe(NOW + 15_000);
  });
});

describe("ticks", () => {
  test("they are round on the site's clock, ordered, and not crowded", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("Asia/Seoul", "Asia/Kathmandu", "Europe/Berlin"),
        fc.integer({ min: MIN_SPAN_MS, max: MAX_SPAN_MS }),
        fc.integer({ min: 300, max: 2_400 }),
        (zone, span, width) => {
          const marks = ticks(viewAround(NOW, span), width, zone);
          expect(marks.length).toBeLessThanOrEqual(width / 60 + 3);
          marks.forEach((mark, index) => {
            if (index > 0) expect(mark.ms).toBeGreaterThan(marks[index - 1]!.ms);
            if (mark.kind === "day") expect(wallTime(mark.ms, zone).hour).toBe(0);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test("on the day of a clock change midnight is still midnight and the repeated hour has two ticks", () => {
    const start = Date.UTC(2026, 9, 24, 22);
    const marks = ticks({ start_ms: start, end_ms: start + 25 * 3_600_000 }, 2_600, "Europe/Berlin");
    const hours = marks.map((mark) => wallTime(mark.ms, "Europe/Berlin").hour);
    expect(hours.filter((hour) => hour === 2)).toHaveLength(2);
    expect(marks.filter((mark) => mark.kind === "day")).toHaveLength(2);
    const twins = marks.filter((mark) => mark.repeated);
    expect(twins.map((mark) => mark.offset)).toContain("+02:00");
    expect(twins.map((mark) => mark.offset)).toContain("+01:00");
    expect(new Set(twins.map((mark) => wallTime(mark.ms, "Europe/Berlin").hour))).toEqual(new Set([2]));
  });
});

const laneOf = (rest: Partial<LaneData>): LaneData => ({
  spans: [],
  gaps: [],
  motion: new Uint8Array(),
  score: new Uint8Array(),
  loss: new Uint8Array(),
  events: [],
  counts: new Uint8Array(),
  ...rest,
});
const placedOf = (start_ms: number, end_ms: number, rest: Partial<LaneData>): Placed => ({
  start_ms,
  end_ms,
  tile: { start_ms, end_ms, bucket_ms: 1, lane: laneOf(rest) },
});
const event = (id: string, start_ms: number): TileEvent => ({
  id,
  start_ms,
  end_ms: start_ms + 10,
  label: "person",
  severity: "alert",
});

describe("what was recorded when", () => {
  const placed = [
    placedOf(0, 200, {
      spans: [[0, 100]],
      gaps: [[100, 200, "unreachable", ""]],
      events: [event("a", 10), event("b", 190)],
    }),
    placedOf(200, 400, {
      spans: [[250, 300]],
      gaps: [[200, 250, "unreachable", ""]],
      events: [event("b", 190)],
    }),
  ];

  test("recording, gap or nothing", () => {
    expect(momentAt(placed, 99).kind).toBe("recording");
    expect(momentAt(placed, 100)).toMatchObject({ kind: "gap", gap: [100, 200, "unreachable", ""] });
    expect(momentAt(placed, 350).kind).toBe("nothing");
    expect(momentAt(placed, 500).kind).toBe("nothing");
  });

  test("what lies across two tiles is one", () => {
    expect(eventsIn(placed).map((row) => row.id)).toEqual(["a", "b"]);
    expect(gapsIn(placed)).toEqual([[100, 250, "unreachable", ""]]);
    expect(placed[0]?.tile.lane.gaps[0]?.[1]).toBe(200);
  });

  test("the first recorded instant of a view", () => {
    expect(firstRecorded(placed, 50)).toBe(50);
    expect(firstRecorded(placed, 120)).toBe(250);
    expect(firstRecorded(placed, 300)).toBeNull();
  });

  test("next and previous event", () => {
    expect(neighbourStart([5_000, 1_000], 1_000, 1)).toBe(5_000);
    expect(neighbourStart([1_000, 5_000], 5_100, -1)).toBe(1_000);
    expect(neighbourStart([1_000, 5_000], 1_000, -1)).toBeNull();
  });
});

describe("the lanes", () => {
  test("every pointer height finds the lane that is drawn there, and sixteen fit", () => {
    for (let count = 1; count <= 16; count += 1) {
      const { lanes, height } = laneBoxes(count);
      expect(height).toBeLessThanOrEqual(340);
      lanes.forEach((box, index) => {
        expect(laneAt(box.top, count)).toBe(index);
        expect(laneAt(box.top + box.height - 1, count)).toBe(index);
      });
      expect(laneAt(-5, count)).toBe(0);
      expect(laneAt(height + 50, count)).toBe(count - 1);
    }
  });
});
