import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Clock, faster, isTrick, SPEEDS } from "./clock";
import { Gate } from "./gate";
import { batch, EDGE_MS, type Piece, PieceList } from "./pieces";
import { readPieces } from "./source";
import { mimeOf } from "./trick";
import { placeIn, type Unit, UnitTable } from "./units";

const NOW = 1_795_000_000_000;

describe("the clock", () => {
  test("it goes at its speed, stands while somebody holds it, and never jumps when either changes", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom("play", "pause", "hold", "release", "speed"),
            fc.integer({ min: 0, max: 5_000 }),
            fc.constantFrom(...SPEEDS, -1, -16),
          ),
          { maxLength: 30 },
        ),
        (steps) => {
          let perf = 0;
          const clock = new Clock(NOW, () => perf);
          let expected = NOW;
          for (const [what, wait, speed] of steps) {
            if (clock.running) expected += wait * clock.speed;
            perf += wait;
            expect(clock.now()).toBeCloseTo(expected, 3);
            if (what === "play") clock.play();
            else if (what === "pause") clock.pause();
            else if (what === "hold") clock.hold("a");
            else if (what === "release") clock.release("a");
            else clock.setSpeed(speed);
            expect(clock.now()).toBeCloseTo(expected, 3);
          }
        },
      ),
    );
  });

  test("it goes on only when everybody let go", () => {
    let perf = 0;
    const clock = new Clock(NOW, () => perf);
    clock.play();
    clock.hold("a");
    clock.hold("b");
    clock.release("a");
    perf = 1_000;
    expect(clock.now()).toBe(NOW);
    clock.release("b");
    perf = 2_000;
    expect(clock.now()).toBe(NOW + 1_000);
  });

  test("l and j double the speed their way, turn round at 1x, and stop at sixteen", () => {
    expect(faster(1, false, 1)).toBe(1);
    expect(faster(1, true, 1)).toBe(2);
    expect(faster(4, true, -1)).toBe(-1);
    expect(faster(-8, true, -1)).toBe(-16);
    expect(faster(16, true, 1)).toBe(16);
    expect(SPEEDS.filter(isTrick)).toEqual([8, 16]);
    expect([-0.5, -1, -2, -16].filter(isTrick)).toEqual([-2, -16]);
  });
});

const piece = (start: number, end: number, more: Partial<Piece> = {}): Piece => ({
  recording: "1",
  offset: start,
  size: end - start,
  start_ms: NOW + start,
  end_ms: NOW + end,
  is_sync: true,
  media_s: start / 1_000,
  ...more,
});
const listOf = (pieces: Piece[], span = { start_ms: NOW - 10_000, end_ms: NOW + 60_000 }): PieceList => {
  const list = new PieceList();
  const init = { recording: "1", bytes: 700, key: "k", codec: "avc1.640028", width: 1, height: 1 };
  list.add({ inits: [init], pieces, next_ms: null }, span, NOW + 3_600_000);
  return list;
};

describe("the pieces of a recording", () => {
  const list = listOf([piece(0, 2_000), piece(2_050, 4_000, { is_sync: false }), piece(9_000, 11_000)]);

  test("every instant is in a piece, in a gap, or unknown", () => {
    expect(list.at(NOW + 1_999)?.offset).toBe(0);
    expect(list.at(NOW + 2_020)?.offset).toBe(0);
    expect(list.at(NOW + 2_050)?.offset).toBe(2_050);
    expect(list.at(NOW + 4_500)).toBeNull();
    expect(list.knows(NOW + 4_500)).toBe(true);
    expect(list.knows(NOW + 90_000)).toBe(false);
    expect(list.after(NOW + 4_500)?.offset).toBe(9_000);
    expect(list.at(NOW - 1)).toEqual(list.at(NOW));
  });

  test("reading begins at the sync unit before", () => {
    expect(list.from(NOW + 3_000, NOW + 3_500).map((row) => row.offset)).toEqual([0, 2_050]);
    expect(list.from(NOW + 5_000, NOW + 20_000).map((row) => row.offset)).toEqual([9_000]);
  });

  test("what is too young to be written yet is not known to be missing", () => {
    const young = new PieceList();
    const span = { start_ms: NOW - 60_000, end_ms: NOW };
    young.add({ inits: [], pieces: [piece(-40_000, -38_000)], next_ms: null }, span, NOW);
    expect(young.knows(NOW - EDGE_MS - 1)).toBe(true);
    expect(young.knows(NOW - EDGE_MS + 1)).toBe(false);
  });

  test("an answer that goes on elsewhere is known only up to there", () => {
    const part = new PieceList();
    const span = { start_ms: NOW, end_ms: NOW + 60_000 };
    part.add({ inits: [], pieces: [piece(0, 2_000)], next_ms: NOW + 2_000 }, span, NOW + 3_600_000);
    expect(part.knownUntil(NOW)).toBe(NOW + 2_000);
    part.add(
      { inits: [], pieces: [piece(0, 2_000), piece(2_000, 4_000)], next_ms: null },
      { start_ms: NOW + 2_000, end_ms: NOW + 60_000 },
      NOW + 3_600_000,
    );
    expect(part.knownUntil(NOW)).toBe(NOW + 60_000);
    expect(part.from(NOW, NOW + 60_000)).toHaveLength(2);
  });

  test("whatever is recorded, each instant of a piece is found in it", () => {
    const lengths = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4_000 }), fc.integer({ min: 10, max: 4_000 })),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(lengths, fc.double({ min: 0, max: 0.999, noNaN: true }), (rows, part) => {
        let at = 0;
        const pieces = rows.map(([gap, length]) => {
          const made = piece(at + gap, at + gap + length);
          at += gap + length;
          return made;
        });
        const all = listOf(pieces, { start_ms: NOW, end_ms: NOW + at + 1 });
        for (const one of pieces) {
          const found = all.at(one.start_ms + (one.end_ms - one.start_ms) * part);
          expect(found).toEqual(one);
        }
      }),
    );
  });

  test("one request takes what lies together in one file, up to a size", () => {
    const other = piece(4_000, 5_000, { recording: "2" });
    const all = [piece(0, 1_000), piece(1_000, 2_000), piece(2_000, 4_000), other];
    expect(batch(all, 1e9)).toEqual(all.slice(0, 3));
    expect(batch(all, 2_500)).toEqual(all.slice(0, 2));
    expect(batch(all, 1)).toEqual(all.slice(0, 1));
    expect(batch([piece(0, 1_000), piece(5_000, 6_000)], 1e9)).toHaveLength(1);
  });

  test("the server's rows are read as what they are", () => {
    const row = [4_711, 812, 5_000, 1_795_000_000_123_456, 2_000_000, true, 66_667] as never;
    expect(readPieces({ inits: [], pieces: [row], next_ms: null }).pieces[0]).toMatchObject({
      recording: "4711",
      start_ms: 1_795_000_000_123.456,
      end_ms: 1_795_000_002_123.456,
      media_s: 0.066667,
    });
  });
});

describe("the pictures", () => {
  const unit = (at: number) => ({ at_ms: NOW + at, shown_ms: NOW + at + 3, duration_ms: 66 });
  const table = new UnitTable();
  table.add([unit(0.4), unit(66.4), unit(133.1)], { start_ms: NOW - 100, end_ms: NOW + 1_000 }, false);

  test("at an instant there is the newest one; a step leads to its neighbour", () => {
    expect(table.at(NOW + 66)?.at_ms).toBe(NOW + 0.4);
    expect(table.at(Math.ceil(NOW + 66.4))?.at_ms).toBe(NOW + 66.4);
    expect(table.neighbour(NOW + 70, 1)?.at_ms).toBe(NOW + 133.1);
    expect(table.neighbour(NOW + 70, -1)?.at_ms).toBe(NOW + 0.4);
    expect(table.neighbour(NOW + 140, 1)).toBeNull();
    expect(table.at(NOW - 1)).toBeNull();
  });

  test("the player is put into the middle of a picture, as it shows it", () => {
    expect(placeIn(unit(0))).toBe(NOW + 3 + 33);
    for (let tries = 0; tries < 6; tries += 1) {
      expect(placeIn(unit(0), tries)).toBeGreaterThan(NOW + 3);
      expect(placeIn(unit(0), tries)).toBeLessThan(NOW + 69);
    }
  });

  test("the newest picture may have successors that are not written yet", () => {
    expect(table.knows(NOW, NOW + 199)).toBe(true);
    expect(table.knows(NOW, NOW + 300)).toBe(false);
    const past = new UnitTable();
    past.add([unit(0)], { start_ms: NOW - 100, end_ms: NOW + 1_000 }, true);
    expect(past.knows(NOW, NOW + 300)).toBe(true);
  });
});

describe("reordered pictures", () => {
  const FRAME = 100;
  /** As a camera with three B pictures sends them: I0 P4 B2 B1 B3 P8 ...; stamped when they are sent. */
  const sent = (count: number): Unit[] => {
    const order = [0];
    for (let p = 4; order.length < count; p += 4) order.push(p, p - 2, p - 3, p - 1);
    return order.map((number, index) => ({
      at_ms: index * FRAME,
      shown_ms: (number + 3) * FRAME,
      duration_ms: FRAME,
    }));
  };
  const shownAt = (table: UnitTable, ms: number): number => Math.round(table.at(ms)!.shown_ms / FRAME) - 3;

  test("steps follow what is shown, wherever the answers are cut", () => {
    const all = sent(201);
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 160 }), fc.integer({ min: 0, max: 30 }), (cut, overlap) => {
        const table = new UnitTable();
        const parts = [
          { start_ms: 0, end_ms: (cut + overlap) * FRAME },
          { start_ms: (cut - overlap) * FRAME, end_ms: 20_100 },
        ];
        for (const span of parts)
          table.add(
            all.filter((unit) => span.start_ms <= unit.at_ms && unit.at_ms < span.end_ms),
            span,
            true,
          );
        for (let number = 10; number < 180; number += 1) {
          const ms = number * FRAME;
          if (!table.knows(ms - FRAME, ms + 2 * FRAME)) continue;
          expect(shownAt(table, ms)).toBe(number);
          expect(table.neighbour(ms, 1)!.shown_ms).toBe((number + 4) * FRAME);
          expect(table.neighbour(ms, -1)!.shown_ms).toBe((number + 2) * FRAME);
        }
      }),
    );
  });

  test("the rim of what is still being written is not trusted yet", () => {
    const table = new UnitTable();
    table.add(sent(103), { start_ms: 0, end_ms: 20_000 }, false);
    expect(table.knows(5_000, 9_600)).toBe(true);
    expect(table.knows(5_000, 10_200)).toBe(false);
  });
});

describe("the gate", () => {
  test("so many at once, the most urgent next, and who was sent away does nothing", async () => {
    const gate = new Gate(1);
    const order: string[] = [];
    let open = (): void => undefined;
    const first = gate.through(
      9,
      new AbortController().signal,
      () => new Promise<void>((done) => (open = done)),
    );
    const gone = new AbortController();
    const run = (name: string, urgency: number, signal = new AbortController().signal) =>
      gate.through(urgency, signal, async () => void order.push(name));
    const late = run("late", 5);
    const soon = run("soon", 0.1);
    const away = run("away", 0, gone.signal).catch(() => order.push("refused"));
    gone.abort();
    await Promise.resolve();
    open();
    await Promise.all([first, late, soon, away]);
    expect(order.filter((name) => name !== "refused")).toEqual(["soon", "late"]);
    expect(order).toContain("refused");
  });
});

test("the codec of a film is read from its decoder's configuration", () => {
  const bytes = (name: string, ...rest: number[]) =>
    new Uint8Array([0, 0, 0, 40, ...[...name].map((letter) => letter.charCodeAt(0)), ...rest]);
  expect(mimeOf(bytes("avcC", 1, 0x64, 0x00, 0x28))).toBe('video/mp4; codecs="avc1.640028"');
  const hevc = bytes("hvcC", 1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93);
  expect(mimeOf(hevc)).toBe('video/mp4; codecs="hvc1.1.6.L93.B0"');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => void mimeOf(noise)));
});
