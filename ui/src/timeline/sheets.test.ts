import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AskSheet, CELLS, type SheetFacts, Sheets, stepFor } from "./sheets";
import type { Placed } from "./tiles";
import { MAX_SPAN_MS, MIN_SPAN_MS, viewAround } from "./view";

const NOW = Date.UTC(2026, 10, 21, 9);
const WIDTH = 1_400;

/** Everything is recorded, up to now. */
const placed = (start_ms = 0, end_ms = NOW): Placed[] => {
  const none = new Uint8Array();
  const lane = {
    spans: [[start_ms, end_ms]] as [number, number][],
    gaps: [],
    motion: none,
    score: none,
    loss: none,
    events: [],
    counts: none,
  };
  return [{ start_ms, end_ms, tile: { start_ms, end_ms, bucket_ms: 1_000, lane } }];
};

/** Answers with sheets whose pictures are their names; `time` may be moved on. */
function server() {
  const asked: string[] = [];
  const dropped: string[] = [];
  const time = { now: NOW };
  const waiting: { name: string; answer: (found: boolean) => void }[] = [];
  const ask: AskSheet<string> = (camera, at_ms, step_ms, signal) => {
    const name = `${camera} ${at_ms} ${step_ms}`;
    asked.push(name);
    const end_ms = at_ms + CELLS * step_ms;
    const cells: SheetFacts["cells"] = Array.from({ length: CELLS }, (_unused, n) => [n, 1, n * 15]);
    cells[5] = null;
    const facts = {
      start_ms: at_ms,
      step_ms,
      columns: 8,
      width_px: 160,
      height_px: 90,
      is_final: end_ms < time.now,
      cells,
    };
    return new Promise((done, fail) => {
      signal.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
      waiting.push({ name, answer: (found) => done(found ? { facts, picture: name } : null) });
    });
  };
  const sheets = new Sheets(
    ask,
    (picture) => dropped.push(picture),
    () => time.now,
  );
  const settle = async (found = true): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) {
      waiting.shift()?.answer(found);
      await new Promise((done) => setTimeout(done));
    }
  };
  return { asked, dropped, sheets, settle, time };
}

describe("sheets of small pictures", () => {
  test("at any zoom a step is a power of two, a few pixels wide, and a view is a few sheets", () => {
    fc.assert(
      fc.property(fc.double({ min: MIN_SPAN_MS, max: MAX_SPAN_MS, noNaN: true }), (span) => {
        const step = stepFor(viewAround(NOW, span), WIDTH);
        expect(Math.log2(step / 1_000) % 1).toBe(0);
        const pixels = (step / span) * WIDTH;
        expect(pixels).toBeGreaterThanOrEqual(4);
        expect(step === 1_000 || pixels < 8).toBe(true);
        expect(span / (step * CELLS)).toBeLessThan(6);
      }),
    );
  });

  test("what is under the pointer comes first, then its neighbours, one at a time, and nothing twice", async () => {
    const { asked, sheets, settle } = server();
    const view = viewAround(NOW - 7_200_000, 3_600_000);
    const at = view.start_ms + 3_000_000;
    sheets.want("a", view, WIDTH, at, placed());
    sheets.want("a", view, WIDTH, at, placed());
    expect(asked).toHaveLength(1);
    await settle();
    const step = stepFor(view, WIDTH);
    const starts = asked.map((name) => Number(name.split(" ")[1]));
    expect(starts[0]).toBe(Math.floor(at / (step * CELLS)) * step * CELLS);
    expect(new Set(starts).size).toBe(starts.length);
    expect(Math.min(...starts)).toBeLessThanOrEqual(view.start_ms);
    expect(Math.max(...starts) + step * CELLS).toBeGreaterThanOrEqual(view.end_ms);
    sheets.want("a", view, WIDTH, at, placed());
    await settle();
    expect(asked).toHaveLength(starts.length);
  });

  test("the cell of a moment is the one of its step, in its place, with its own time", async () => {
    const { sheets, settle } = server();
    const view = viewAround(NOW - 7_200_000, 20_000);
    expect(sheets.cell("a", view, WIDTH, view.start_ms)).toBeNull();
    sheets.want("a", view, WIDTH, view.start_ms, placed());
    await settle();
    for (let ms = view.start_ms; ms < view.end_ms; ms += 333) {
      const cell = sheets.cell("a", view, WIDTH, ms);
      const place = Math.floor(ms / 1_000) % CELLS;
      if (place === 5) {
        expect(cell).toBeNull();
        continue;
      }
      expect(cell!.from_ms <= ms && ms < cell!.to_ms).toBe(true);
      expect([cell!.left, cell!.top]).toEqual([(place % 8) * 160, Math.floor(place / 8) * 90]);
      expect(cell!.captured_ms).toBe(cell!.from_ms + place);
      expect(cell!.unit).toBe(`1:${place * 15}`);
    }
    expect(sheets.cell("b", view, WIDTH, view.start_ms)).toBeNull();
  });

  test("where nothing is recorded nothing is asked for", async () => {
    const { asked, sheets, settle } = server();
    const view = viewAround(NOW - 7_200_000, 3_600_000);
    sheets.want("a", view, WIDTH, view.start_ms, placed(NOW - 60_000));
    await settle();
    expect(asked).toEqual([]);
  });

  test("what may still grow is asked for again after a while, what is final is not", async () => {
    const { asked, dropped, sheets, settle, time } = server();
    const view = viewAround(NOW - 8_000, 20_000);
    sheets.want("a", view, WIDTH, NOW - 5_000, placed());
    await settle();
    const count = asked.length;
    time.now += 5_000;
    sheets.want("a", view, WIDTH, NOW - 5_000, placed());
    await settle();
    const again = asked.slice(count);
    expect(again.length).toBeGreaterThan(0);
    expect(again.every((name) => Number(name.split(" ")[1]) + CELLS * 1_000 >= NOW)).toBe(true);
    expect(dropped).toEqual(again);
  });

  test("another zoom calls off what is asked, and what fails or is empty is not asked for at once again", async () => {
    const { asked, sheets, settle } = server();
    sheets.want("a", viewAround(NOW - 7_200_000, 3_600_000), WIDTH, NOW - 7_200_000, placed());
    const near = viewAround(NOW - 7_200_000, 60_000);
    sheets.want("a", near, WIDTH, NOW - 7_200_000, placed());
    await settle(false);
    expect(asked[1]).toContain(` ${stepFor(near, WIDTH)}`);
    const count = asked.length;
    sheets.want("a", near, WIDTH, NOW - 7_200_000, placed());
    await settle(false);
    expect(asked).toHaveLength(count);
    expect(sheets.cell("a", near, WIDTH, NOW - 7_200_000)).toBeNull();
  });

  test("only so many are kept, and the pictures of the others are given back", async () => {
    const { asked, dropped, sheets, settle } = server();
    for (let back = 1; back <= 30; back += 1) {
      const view = viewAround(NOW - back * 3_600_000 * 24, 30_000);
      sheets.want("a", view, WIDTH, view.start_ms, placed());
      await settle();
    }
    expect(asked.length).toBeGreaterThan(24);
    expect(dropped).toHaveLength(asked.length - 24);
    sheets.close();
    expect(dropped).toHaveLength(asked.length);
  });
});
