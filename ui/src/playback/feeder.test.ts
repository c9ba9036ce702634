import { describe, expect, test } from "vitest";
import type { MediaBuffer } from "./buffer";
import { Feeder } from "./feeder";
import { Gate } from "./gate";
import type { Piece, PieceAnswer, Span } from "./pieces";
import type { FootageSource } from "./source";

const NOW = 1_795_000_000_000;
const PIECE_MS = 2_000;

/** A browser's buffer, as far as ranges go; pieces are as long as their first four bytes say. */
class Shelf implements MediaBuffer {
  held: Span[] = [];
  log: string[] = [];
  finished = false;
  quota = Number.POSITIVE_INFINITY;

  ranges(): Span[] {
    const out: Span[] = [];
    for (const span of [...this.held].sort((a, b) => a.start_ms - b.start_ms)) {
      const last = out.at(-1);
      if (last !== undefined && span.start_ms <= last.end_ms + 1)
        last.end_ms = Math.max(last.end_ms, span.end_ms);
      else out.push({ ...span });
    }
    return out;
  }

  async append(mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void> {
    const view = new DataView(bytes);
    const media_ms = view.getUint32(0);
    const length = view.getUint32(4);
    if (length === 0) {
      this.log.push(`init ${mime}`);
      return;
    }
    const sum = this.held.reduce((all, span) => all + span.end_ms - span.start_ms, 0);
    if (sum + length > this.quota) throw new DOMException("full", "QuotaExceededError");
    const start_ms = Math.round(shift_s * 1_000) + media_ms;
    this.log.push(`piece ${start_ms - NOW}`);
    this.held.push({ start_ms, end_ms: start_ms + length });
  }

  async remove(start_ms: number, end_ms: number): Promise<void> {
    this.held = this.held.flatMap((span) => {
      const before = { start_ms: span.start_ms, end_ms: Math.min(span.end_ms, start_ms) };
      const after = { start_ms: Math.max(span.start_ms, end_ms), end_ms: span.end_ms };
      return [before, after].filter((part) => part.end_ms > part.start_ms);
    });
  }

  finish(): void {
    this.finished = true;
  }

  sated = false;
  wants = (): boolean => !this.sated;
  thrownAway = false;

  lost(): boolean {
    const lost = this.thrownAway;
    this.thrownAway = false;
    return lost;
  }

  close(): void {
    this.held = [];
  }
}

/** A camera that recorded from `from` to `to`, two seconds a piece, every `gop`-th of which can be started at. */
class Recorder implements FootageSource {
  asked: string[] = [];
  fails = false;
  codec = "avc1.640028";

  constructor(
    readonly from: number,
    readonly to: number,
    readonly gop = 1,
  ) {}

  async pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer> {
    signal.throwIfAborted();
    this.asked.push(`pieces ${Math.round(span.start_ms - NOW)}`);
    if (this.fails) throw new Error("down");
    const pieces: Piece[] = [];
    for (let at = this.from, index = 0; at < this.to; at += PIECE_MS, index += 1) {
      const start_ms = NOW + at;
      if (start_ms + PIECE_MS < span.start_ms || start_ms > span.end_ms) continue;
      const is_sync = index % this.gop === 0;
      const media_s = (at - this.from) / 1_000;
      pieces.push({
        recording: "7",
        offset: 8 * (index + 1),
        size: 8,
        start_ms,
        end_ms: start_ms + PIECE_MS,
        is_sync,
        media_s,
      });
    }
    return {
      inits: [{ recording: "7", bytes: 8, key: "k", codec: this.codec, width: 1, height: 1 }],
      pieces,
      next_ms: null,
    };
  }

  async bytes(_recording: string, start: number, end: number, signal: AbortSignal): Promise<ArrayBuffer> {
    signal.throwIfAborted();
    this.asked.push(`bytes ${start}-${end}`);
    const view = new DataView(new ArrayBuffer(end - start));
    for (let at = start; at < end; at += 8) {
      if (at === 0) continue;
      view.setUint32(at - start, (at / 8 - 1) * PIECE_MS);
      view.setUint32(at - start + 4, PIECE_MS);
    }
    return view.buffer;
  }

  async syncs(span: Span): Promise<ArrayBuffer | null> {
    this.asked.push(`syncs ${span.start_ms - NOW}`);
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(4, span.end_ms - span.start_ms);
    return view.buffer;
  }

  units = async (): Promise<never[]> => [];
  hole = async () => ({ gap: null, next_ms: null });
}

function stage(source: Recorder, plays = (_mime: string): boolean => true) {
  const buffer = new Shelf();
  const time = { now: NOW + 3_600_000 };
  const feeder = new Feeder({
    buffer,
    source,
    gate: new Gate(4),
    plays,
    now: () => time.now,
    crowd: () => 1,
  });
  const settle = async (at: number, speed = 1): Promise<void> => {
    time.now += 1_500;
    for (let turn = 0; turn < 25; turn += 1) {
      feeder.aim(NOW + at, speed);
      await new Promise((done) => setTimeout(done));
    }
  };
  return { buffer, feeder, settle, time };
}

describe("feeding a camera's buffer", () => {
  test("the picture that is wanted comes first, then what follows, and no more than a window of it", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 600_000));
    await settle(100_500);
    expect(buffer.log.slice(0, 2)).toEqual(['init video/mp4; codecs="avc1.640028"', "piece 100000"]);
    expect(feeder.covers(NOW + 100_500)).toBe(true);
    const [range] = buffer.ranges();
    expect(range!.end_ms).toBeGreaterThanOrEqual(NOW + 112_000);
    expect(range!.end_ms).toBeLessThan(NOW + 130_000);
  });

  test("a piece that no decoder can start at is preceded by those back to one where it can", async () => {
    const { buffer, settle } = stage(new Recorder(0, 600_000, 4));
    await settle(103_000);
    expect(buffer.log.slice(1, 5)).toEqual(["piece 96000", "piece 98000", "piece 100000", "piece 102000"]);
  });

  test("a group of pictures that goes on in another file, and begins in none, is loaded once and in order", async () => {
    class Split extends Recorder {
      override async pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer> {
        const answer = await super.pieces(span, signal);
        const late = (piece: Piece): boolean => piece.start_ms >= NOW + 100_000;
        const pieces = answer.pieces.map((piece) => (late(piece) ? { ...piece, recording: "8" } : piece));
        return { ...answer, pieces, inits: [...answer.inits, { ...answer.inits[0]!, recording: "8" }] };
      }
    }
    const source = new Split(0, 600_000, 4);
    const { buffer, feeder, settle } = stage(source);
    await settle(101_000);
    expect(buffer.log.filter((line) => line.startsWith("init"))).toHaveLength(1);
    expect(buffer.log.slice(1, 5)).toEqual(["piece 96000", "piece 98000", "piece 100000", "piece 102000"]);
    expect(feeder.covers(NOW + 101_000)).toBe(true);
    expect(new Set(buffer.log).size).toBe(buffer.log.length);
  });

  test("what a camera sends later of a gap is found without a reload", async () => {
    class Late extends Recorder {
      isBack = false;
      override async pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer> {
        const answer = await super.pieces(span, signal);
        const away = (piece: Piece): boolean =>
          piece.start_ms >= NOW + 40_000 && piece.start_ms < NOW + 80_000;
        return { ...answer, pieces: answer.pieces.filter((piece) => this.isBack || !away(piece)) };
      }
    }
    const source = new Late(0, 600_000);
    const { feeder, settle, time } = stage(source);
    await settle(60_000);
    expect(feeder.place(NOW + 60_000)).toBeNull();
    source.isBack = true;
    time.now += 30_000;
    await settle(60_000);
    expect(feeder.covers(NOW + 60_000)).toBe(true);
  });

  test("playing on keeps the buffer filled ahead and empties it behind", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 600_000));
    for (let at = 10_000; at < 90_000; at += 4_000) await settle(at);
    const ranges = buffer.ranges();
    expect(ranges).toHaveLength(1);
    expect(ranges[0]!.start_ms).toBeGreaterThan(NOW + 50_000);
    expect(feeder.covers(NOW + 95_000)).toBe(true);
  });

  test("a gap is known as one, and is not asked for again and again", async () => {
    const source = new Recorder(0, 60_000);
    const { feeder, settle } = stage(source);
    await settle(80_000);
    expect(feeder.knows(NOW + 80_000)).toBe(true);
    expect(feeder.place(NOW + 80_000)).toBeNull();
    expect(source.asked.filter((line) => line.startsWith("pieces")).length).toBeLessThanOrEqual(2);
  });

  test("a full browser gets less, not nothing", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 600_000));
    buffer.quota = 9_000;
    for (let at = 10_000; at < 60_000; at += 2_000) await settle(at);
    expect(feeder.covers(NOW + 58_500)).toBe(true);
    expect(feeder.fault).toBeNull();
  });

  test("a server that fails is told after three tries, and forgotten when it works again", async () => {
    const source = new Recorder(0, 600_000);
    source.fails = true;
    const { feeder, settle, time } = stage(source);
    for (let turn = 0; turn < 5; turn += 1) {
      await settle(100_000);
      time.now += 6_000;
    }
    expect(feeder.fault).toBe("failed");
    source.fails = false;
    await settle(100_000);
    expect(feeder.fault).toBeNull();
    expect(feeder.covers(NOW + 100_000)).toBe(true);
  });

  test("a coding that the browser cannot play is named", async () => {
    const { feeder, settle } = stage(new Recorder(0, 600_000), () => false);
    await settle(100_000);
    expect(feeder.fault).toBe("unsupported");
  });

  test("where a camera changed its coding, only what cannot be played is missing", async () => {
    class Mixed extends Recorder {
      override async pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer> {
        const answer = await super.pieces(span, signal);
        const strange = (piece: Piece): boolean =>
          piece.start_ms >= NOW + 20_000 && piece.start_ms < NOW + 26_000;
        const pieces = answer.pieces.map((piece) => (strange(piece) ? { ...piece, recording: "8" } : piece));
        return {
          ...answer,
          pieces,
          inits: [...answer.inits, { ...answer.inits[0]!, recording: "8", codec: "hvc1" }],
        };
      }
    }
    const { feeder, settle } = stage(new Mixed(0, 600_000), (mime) => !mime.includes("hvc1"));
    await settle(12_000);
    expect(feeder.fault).toBeNull();
    expect(feeder.covers(NOW + 19_500)).toBe(true);
    await settle(21_000);
    expect(feeder.fault).toBe("unsupported");
    await settle(27_000);
    expect(feeder.fault).toBeNull();
    expect(feeder.covers(NOW + 27_000)).toBe(true);
    await settle(15_000);
    expect(feeder.fault).toBeNull();
    expect(feeder.covers(NOW + 15_000)).toBe(true);
  });

  test("very fast and backwards only sync units are loaded, and at 1x all pictures again", async () => {
    const source = new Recorder(0, 600_000);
    const { buffer, feeder, settle } = stage(source);
    await settle(300_000);
    await settle(300_000, 16);
    expect(feeder.suits(16)).toBe(true);
    expect(feeder.covers(NOW + 300_000)).toBe(true);
    expect(source.asked.some((line) => line.startsWith("syncs"))).toBe(true);
    await settle(300_000, -4);
    expect(feeder.place(NOW + 300_000)).toBeCloseTo(NOW + 300_000, -1);
    buffer.log = [];
    await settle(250_000, 1);
    expect(feeder.suits(1)).toBe(true);
    expect(buffer.log).toContain("piece 250000");
  });

  test("backwards at 1x the pictures before are loaded, a whole group at a time", async () => {
    const { buffer, settle } = stage(new Recorder(0, 600_000, 3));
    await settle(300_500, -1);
    const range = buffer.ranges().find((one) => one.start_ms <= NOW + 300_500 && one.end_ms > NOW + 300_500);
    expect(range!.start_ms).toBeLessThanOrEqual(NOW + 290_000);
  });

  test("a browser that has enough gets only the picture that is wanted, and the rest when it wants more", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 600_000));
    buffer.sated = true;
    await settle(100_500);
    expect(feeder.covers(NOW + 100_500)).toBe(true);
    const end_ms = buffer.ranges()[0]!.end_ms;
    await settle(100_600);
    expect(buffer.ranges()[0]!.end_ms).toBe(end_ms);
    await settle(end_ms - NOW + 10);
    expect(feeder.covers(end_ms + 10)).toBe(true);
    buffer.sated = false;
    await settle(end_ms - NOW + 20);
    expect(buffer.ranges()[0]!.end_ms).toBeGreaterThan(end_ms + 10_000);
  });

  test("what a browser threw away by itself is fetched again, as often as it does so", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 600_000));
    for (let turn = 0; turn < 5; turn += 1) {
      await settle(100_500);
      expect(feeder.covers(NOW + 100_500)).toBe(true);
      buffer.held = [];
      buffer.thrownAway = true;
    }
  });

  test("the last pictures before a gap need no more to come", async () => {
    const { buffer, feeder, settle } = stage(new Recorder(0, 60_000));
    await settle(59_900);
    await feeder.finish(NOW + 59_900);
    expect(buffer.finished).toBe(true);
  });
});
