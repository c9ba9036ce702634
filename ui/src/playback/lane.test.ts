import { describe, expect, test } from "vitest";
import type { MediaBuffer } from "./buffer";
import { Clock } from "./clock";
import { Gate } from "./gate";
import { Lane, type Screen } from "./lane";
import type { PieceAnswer, Span } from "./pieces";
import { nextOf } from "./player";
import type { FootageSource, Hole } from "./source";
import type { Unit } from "./units";

const NOW = 1_795_000_000_000;
const FRAME_MS = 1_000 / 15;

/** A media element that plays as told: `run` lets time pass. */
class FakeScreen implements Screen {
  currentTime = 0;
  paused = true;
  seeking = false;
  readyState = 4 as Screen["readyState"];
  playbackRate = 1;
  error = null;

  async play(): Promise<void> {
    this.paused = false;
  }

  pause(): void {
    this.paused = true;
  }

  run(ms: number, drift = 0): void {
    if (!this.paused) this.currentTime += (ms / 1_000) * (this.playbackRate + drift);
  }
}

/** Recorded from 0 to 60 s and from 100 s on; everything is in the buffer at once. */
const recorded = (ms: number): boolean => ms < NOW + 60_000 || ms >= NOW + 100_000;

class Source implements FootageSource {
  async pieces(span: Span): Promise<PieceAnswer> {
    const pieces = [];
    for (let at = 0; at < 200_000; at += 2_000) {
      if (!recorded(NOW + at) || NOW + at > span.end_ms || NOW + at + 2_000 < span.start_ms) continue;
      pieces.push({
        recording: "1",
        offset: at,
        size: 2_000,
        start_ms: NOW + at,
        end_ms: NOW + at + 2_000,
        is_sync: true,
        media_s: at / 1_000,
      });
    }
    return {
      inits: [{ recording: "1", bytes: 8, key: "k", codec: "avc1.640028", width: 1, height: 1 }],
      pieces,
      next_ms: null,
    };
  }

  bytes = async (_recording: string, start: number, end: number): Promise<ArrayBuffer> =>
    new ArrayBuffer(end - start);
  syncs = async (): Promise<ArrayBuffer> => new ArrayBuffer(8);

  async units(span: Span): Promise<Unit[]> {
    const out: Unit[] = [];
    for (let index = 0; index < 3_000; index += 1) {
      const at_ms = NOW + index * FRAME_MS;
      if (at_ms >= span.start_ms && at_ms < span.end_ms && recorded(at_ms))
        out.push({ at_ms, shown_ms: at_ms, duration_ms: FRAME_MS });
    }
    return out;
  }

  async hole(): Promise<Hole> {
    return {
      gap: { start_ms: NOW + 60_000, end_ms: NOW + 100_000, cause: "unreachable" },
      next_ms: NOW + 100_000,
    };
  }
}

class FullBuffer implements MediaBuffer {
  private all: Span[] = [];
  ranges = (): Span[] => this.all;
  remove = async (): Promise<void> => undefined;
  finish = (): void => undefined;
  wants = (): boolean => true;
  lost = (): boolean => false;
  close = (): void => undefined;

  async append(): Promise<void> {
    this.all = [
      { start_ms: NOW, end_ms: NOW + 60_000 },
      { start_ms: NOW + 100_000, end_ms: NOW + 300_000 },
    ];
  }
}

Object.assign(globalThis, { MediaSource: { isTypeSupported: () => true } });

function stage(at: number) {
  let perf = 0;
  const clock = new Clock(NOW + at, () => perf);
  const screen = new FakeScreen();
  const now = (): number => NOW + 3_600_000 + perf;
  const parts = {
    camera: "cam",
    clock,
    source: new Source(),
    gate: new Gate(4),
    crowd: () => 1,
    now,
  };
  const lane = new Lane(parts, screen, () => new FullBuffer());
  /** Time passes in steps of 33 ms; `drift` is how much faster the element runs than it is told. */
  const pass = async (ms: number, drift = 0): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 33) {
      perf += 33;
      screen.run(33, drift);
      lane.tick();
      await new Promise((done) => setTimeout(done));
    }
  };
  const off = (): number => screen.currentTime * 1_000 - clock.now();
  return { clock, screen, lane, pass, off };
}

describe("a camera on the clock", () => {
  test("an instant opens on the middle of the very picture that was the newest then", async () => {
    const { screen, lane, pass } = stage(10_020);
    await pass(600);
    expect(lane.shows.state, "the browser has not said what it shows").not.toBe("shown");
    await pass(900);
    expect(lane.shows.state, "it never does").toBe("shown");
    expect(screen.paused).toBe(true);
    const index = Math.floor(10_020 / FRAME_MS);
    expect(screen.currentTime * 1_000 - NOW).toBeCloseTo((index + 0.5) * FRAME_MS, 0);
  });

  test("a browser that shows the neighbour is asked again, until it shows the very picture", async () => {
    const { screen, lane, pass } = stage(10_020);
    const index = Math.floor(10_020 / FRAME_MS);
    await pass(200);
    lane.presented(NOW + (index + 1) * FRAME_MS);
    await pass(66);
    expect(lane.shows.state).not.toBe("shown");
    const first = screen.currentTime;
    await pass(300);
    expect(screen.currentTime).not.toBe(first);
    expect(Math.floor((screen.currentTime * 1_000 - NOW) / FRAME_MS)).toBe(index);
    lane.presented(NOW + index * FRAME_MS);
    await pass(100);
    expect(lane.shows.state).toBe("shown");
  });

  test("it rests only on what belongs to the time that is asked for, and never while time goes", async () => {
    const { clock, lane, pass } = stage(10_020);
    await pass(1_500);
    expect([lane.rests(NOW + 10_020), lane.rests(NOW + 10_021)]).toEqual([true, false]);
    clock.seek(NOW + 12_000);
    lane.jumped();
    expect(lane.rests(NOW + 12_000)).toBe(false);
    await pass(1_500);
    expect(lane.rests(NOW + 12_000)).toBe(true);
    clock.play();
    await pass(200);
    expect(lane.rests(clock.now())).toBe(false);
  });

  test("a step leads to the next and the previous picture, wherever in a picture it starts", async () => {
    const { lane, pass } = stage(10_020);
    await pass(300);
    const index = Math.floor(10_020 / FRAME_MS);
    expect((await lane.neighbour(NOW + 10_020, 1))!.at_ms - NOW).toBeCloseTo((index + 1) * FRAME_MS, 1);
    expect((await lane.neighbour(NOW + 10_020, -1))!.at_ms - NOW).toBeCloseTo((index - 1) * FRAME_MS, 1);
    expect((await lane.neighbour(NOW + 10_020, 200))!.at_ms - NOW).toBeCloseTo((index + 200) * FRAME_MS, 1);
  });

  test.each([0.04, -0.04])(
    "an element that runs %d too fast is kept within half a picture",
    async (drift) => {
      const { clock, pass, off } = stage(10_000);
      await pass(300);
      clock.play();
      await pass(2_000, drift);
      for (let turn = 0; turn < 20; turn += 1) {
        await pass(100, drift);
        expect(Math.abs(off())).toBeLessThan(FRAME_MS / 2);
      }
    },
  );

  test("an element that is far off is put where it belongs", async () => {
    const { clock, screen, pass, off } = stage(10_000);
    await pass(300);
    clock.play();
    await pass(300);
    screen.currentTime += 3;
    await pass(100);
    expect(Math.abs(off())).toBeLessThan(40);
  });

  test("the clock waits while the pictures are not there, and goes on when they are", async () => {
    const { clock, screen, pass } = stage(10_000);
    await pass(300);
    screen.readyState = 1 as Screen["readyState"];
    clock.play();
    await pass(300);
    expect(clock.held).toBe(true);
    const stood = clock.now();
    await pass(300);
    expect(clock.now()).toBe(stood);
    screen.readyState = 4;
    await pass(300);
    expect(clock.now()).toBeGreaterThan(stood + 200);
  });

  test("in a gap it says why and where footage goes on, and holds nobody up", async () => {
    const { clock, lane, pass } = stage(70_000);
    await pass(300);
    expect(lane.shows).toEqual({
      state: "gap",
      hole: {
        gap: { start_ms: NOW + 60_000, end_ms: NOW + 100_000, cause: "unreachable" },
        next_ms: NOW + 100_000,
      },
    });
    expect(clock.held).toBe(false);
    clock.seek(NOW + 101_000);
    lane.jumped();
    await pass(1_500);
    expect(lane.shows.state).toBe("shown");
  });

  test("backwards it shows one earlier picture after the other", async () => {
    const { clock, screen, pass } = stage(20_000);
    await pass(300);
    clock.setSpeed(-1);
    clock.play();
    let before = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < 10; turn += 1) {
      await pass(200);
      expect(screen.currentTime).toBeLessThan(before);
      before = screen.currentTime;
    }
    expect(screen.paused).toBe(true);
  });
});

test("what comes after a shared gap is known when it is known of every camera", () => {
  const face = (next_ms: number | null) => ({ state: "gap" as const, hole: { gap: null, next_ms } });
  expect(nextOf([face(5), face(3)])).toBe(3);
  expect(nextOf([face(5), { state: "gap", hole: null }])).toBeNull();
  expect(nextOf([face(null), face(null)])).toBeNull();
});
