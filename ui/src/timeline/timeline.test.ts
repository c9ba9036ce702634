import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HaechiEvent, Timeline } from "@/api/types";
import { wallTime } from "@/time/zone";
import { MediaClock, playlistFragments } from "./clock";
import { momentAt, neighbourEvent, nextRecorded } from "./lookup";
import { ticks } from "./ticks";
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
  });
});

describe("what was recorded when", () => {
  const event = (start_ms: number): HaechiEvent => ({ id: String(start_ms), start_ms }) as HaechiEvent;
  const timeline: Timeline = {
    spans: [
      { start_ms: 0, end_ms: 100 },
      { start_ms: 200, end_ms: 300 },
    ],
    gaps: [{ start_ms: 100, end_ms: 200, cause: "camera-offline", detail: "" }],
    events: [event(1_000), event(5_000)],
  };

  test("recording, gap or nothing", () => {
    expect(momentAt(timeline, 99).kind).toBe("recording");
    expect(momentAt(timeline, 100)).toMatchObject({ kind: "gap", gap: { cause: "camera-offline" } });
    expect(momentAt(timeline, 300).kind).toBe("nothing");
  });

  test("the skip button leads to the next recorded instant", () => {
    expect(nextRecorded(timeline, 150)).toBe(200);
    expect(nextRecorded(timeline, 250)).toBe(250);
    expect(nextRecorded(timeline, 300)).toBeNull();
  });

  test("next and previous event", () => {
    expect(neighbourEvent(timeline.events, 1_000, 1)?.start_ms).toBe(5_000);
    expect(neighbourEvent(timeline.events, 5_100, -1)?.start_ms).toBe(1_000);
    expect(neighbourEvent(timeline.events, 1_000, -1)).toBeNull();
  });
});

describe("the media clock", () => {
  const clock = new MediaClock([
    { at_s: 0, duration_s: 2, wall_ms: 10_000 },
    { at_s: 2, duration_s: 2, wall_ms: 12_000 },
    { at_s: 4, duration_s: 2, wall_ms: 60_000 },
  ]);

  test("media time and world time agree across a gap", () => {
    expect(clock.toWall(3)).toBe(13_000);
    expect(clock.toWall(4.5)).toBe(60_500);
    expect(clock.toMedia(13_000)).toBeCloseTo(3);
    expect(clock.toMedia(61_000)).toBeCloseTo(5);
    expect(clock.endWallMs).toBe(62_000);
  });

  test("inside the gap there is no media time; the next recorded one is after it", () => {
    expect(clock.toMedia(30_000)).toBeNull();
    expect(clock.nextMedia(30_000)).toBe(4);
    expect(clock.nextMedia(70_000)).toBeNull();
  });
});

describe("the playlist", () => {
  const text = [
    "#EXTM3U",
    "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:00:00.500Z",
    "#EXTINF:2.00000,",
    "#EXT-X-BYTERANGE:10@0",
    "recordings/1.mp4",
    "#EXTINF:4,",
    "recordings/1.mp4",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:01:00.000Z",
    "#EXTINF:2,",
    "recordings/2.mp4",
    "#EXT-X-ENDLIST",
  ].join("\n");

  test("dates are carried on from fragment to fragment, and renewed after a gap", () => {
    const start = Date.UTC(2026, 10, 21, 9);
    expect(playlistFragments(text)).toEqual([
      { at_s: 0, duration_s: 2, wall_ms: start + 500 },
      { at_s: 2, duration_s: 4, wall_ms: start + 2_500 },
      { at_s: 6, duration_s: 2, wall_ms: start + 60_000 },
    ]);
  });

  test("noise gives a list, never an exception", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (noise) => void playlistFragments(noise)));
    expect(playlistFragments("")).toEqual([]);
  });
});
