import { afterEach, beforeEach, expect, test } from "vitest";
import { KIND_CHUNK, KIND_INIT, type LiveHeader } from "./header";
import { PaintTile } from "./painttile";
import type { FromPainter } from "./wallmessages";

const u32 = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];
const box = (type: string, body: number[]): number[] => [
  ...u32(body.length + 8),
  ...[...type].map((letter) => letter.charCodeAt(0)),
  ...body,
];
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const INIT = Uint8Array.from(
  ["stbl", "minf", "mdia", "trak", "moov"].reduce(
    (inner, type) => box(type, inner),
    box("stsd", [...zeros(8), ...box("avc1", [...zeros(78), ...box("avcC", [1, 66, 0, 30])])]),
  ),
);
const CHUNK = Uint8Array.from(box("mdat", [0, 0, 0, 1, 101]));
const MIME = 'video/mp4; codecs="avc1.42001E"';

interface Frame {
  timestamp: number;
  displayWidth: number;
  displayHeight: number;
  closed: boolean;
  close(): void;
}

/** A decoder that gives a frame for each chunk when it is told to, as the browser's does from its own thread. */
class Decoder {
  static all: Decoder[] = [];
  state = "unconfigured";
  decodeQueueSize = 0;
  readonly chunks: { type: string; timestamp: number }[] = [];
  readonly made: Frame[] = [];
  private readonly init: VideoDecoderInit;

  constructor(init: VideoDecoderInit) {
    this.init = init;
    Decoder.all.push(this);
  }

  configure(): void {
    this.state = "configured";
  }

  decode(chunk: { type: string; timestamp: number }): void {
    this.chunks.push(chunk);
    this.decodeQueueSize += 1;
  }

  close(): void {
    this.state = "closed";
  }

  finish(): void {
    for (const { timestamp } of this.chunks.splice(0)) {
      const frame: Frame = {
        timestamp,
        displayWidth: 320,
        displayHeight: 180,
        closed: false,
        close: () => undefined,
      };
      frame.close = () => {
        frame.closed = true;
      };
      this.made.push(frame);
      this.init.output(frame as unknown as VideoFrame);
    }
    this.decodeQueueSize = 0;
  }

  fail(name: string): void {
    this.state = "closed";
    this.init.error(new DOMException("broken", name));
  }
}

const head = (seq: number, isSync: boolean, kind: LiveHeader["kind"] = KIND_CHUNK): LiveHeader => ({
  id: 1,
  kind,
  isSync,
  run: 3,
  seq,
  capturedNs: BigInt(seq) * 100_000_000n + 7n,
});

function started(): { tile: PaintTile; decoder: Decoder; told: FromPainter[] } {
  const told: FromPainter[] = [];
  const tile = new PaintTile(
    1,
    9,
    (message) => told.push(message),
    () => undefined,
  );
  tile.subscribed(MIME, 320, 180);
  tile.data(head(0, false, KIND_INIT), INIT);
  return { tile, decoder: Decoder.all.at(-1)!, told };
}

beforeEach(() => {
  Decoder.all = [];
  Object.assign(globalThis, {
    VideoDecoder: Decoder,
    EncodedVideoChunk: class {
      constructor(init: object) {
        Object.assign(this, init);
      }
    },
  });
});
afterEach(() => {
  for (const name of ["VideoDecoder", "EncodedVideoChunk"]) Reflect.deleteProperty(globalThis, name);
});

test("the newest picture is painted, once, under the name of its very unit; older ones are given back", () => {
  const { tile, decoder } = started();
  for (let seq = 0; seq < 3; seq += 1) tile.data(head(seq, seq === 0), CHUNK);
  decoder.finish();
  const picture = tile.take();
  expect(picture).toBe(decoder.made[2]);
  expect(decoder.made.map(({ closed }) => closed)).toEqual([true, true, false]);
  expect(tile.take()).toBeNull();
  const news = tile.news();
  expect(news).toMatchObject({ run: 3, seq: 2, capturedNs: 200_000_007n, width: 320, height: 180, shown: 1 });
  expect(tile.news()).toBeNull();
});

test("what comes before a sync unit is left out and counted; a decoder that is behind waits for the next one", () => {
  const { tile, decoder } = started();
  tile.data(head(0, false), CHUNK);
  tile.data(head(1, true), CHUNK);
  expect(decoder.chunks.map(({ type }) => type)).toEqual(["key"]);
  for (let seq = 2; seq < 60; seq += 1) tile.data(head(seq, false), CHUNK);
  const waiting = decoder.chunks.length;
  expect(waiting).toBeLessThan(30);
  decoder.finish();
  tile.data(head(60, false), CHUNK);
  expect(decoder.chunks).toEqual([]);
  tile.data(head(61, true), CHUNK);
  expect(decoder.chunks.length).toBe(1);
  tile.take();
  expect(tile.news()?.dropped).toBe(62 - waiting - 1);
});

test("a tile that is closed gives back its picture, those that still come, and its decoder", () => {
  const { tile, decoder } = started();
  tile.data(head(0, true), CHUNK);
  decoder.finish();
  tile.data(head(1, false), CHUNK);
  tile.close();
  decoder.finish();
  expect(decoder.made.every(({ closed }) => closed)).toBe(true);
  expect(decoder.state).toBe("closed");
  expect(tile.take()).toBeNull();
});

test("a decoder that breaks says so once; one that cannot do it at all says that", () => {
  const { decoder, told } = started();
  decoder.fail("EncodingError");
  expect(told.at(-1)).toMatchObject({ type: "failed", code: "player-decode" });
  const other = started();
  other.decoder.fail("NotSupportedError");
  expect(other.told.at(-1)).toMatchObject({ type: "failed", code: "codec-not-playable" });
});

test("what is no H.264 is not played here", () => {
  const told: FromPainter[] = [];
  const tile = new PaintTile(
    1,
    9,
    (message) => told.push(message),
    () => undefined,
  );
  tile.subscribed('video/mp4; codecs="hvc1.1.6.L93.B0"', 320, 180);
  tile.data(head(0, false, KIND_INIT), Uint8Array.from(box("moov", [])));
  expect(told.at(-1)).toMatchObject({ type: "failed", code: "codec-not-playable" });
});
