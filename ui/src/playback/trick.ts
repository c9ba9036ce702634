import type { FeederParts } from "./feeder";
import { EDGE_MS, type Span } from "./pieces";

/** Sync units only, for 8x and more and for going back: a few pictures a second, each shown at its own time. */

const PICTURES_PER_S = 8;
const CHUNK_S = 5;
const MOST_CHUNKS = 24;
const AGAIN_MS = 2_000;
/** A sync unit further back than this is not what was to be seen at a moment. */
const OLDEST_MS = 12_000;

interface Chunk {
  empty: boolean;
  /** When to ask again; the newest footage grows. */
  stale_ms: number;
}

export class TrickFeed {
  private readonly parts: FeederParts;
  private chunks = new Map<number, Chunk>();
  private chunk_ms = 0;
  private step_ms = 0;

  constructor(parts: FeederParts) {
    this.parts = parts;
  }

  forget(): void {
    this.chunks.clear();
  }

  /** Whether the chunk of `ms` is there, with or without footage in it. */
  has(ms: number): boolean {
    return this.chunk_ms > 0 && this.chunks.has(Math.floor(ms / this.chunk_ms));
  }

  /** Where the newest sync unit at `ms` is shown, ms; null: there is none near. */
  place(ms: number, ranges: readonly Span[]): number | null {
    const own = ranges.findLast((range) => range.start_ms <= ms + 1);
    if (own === undefined || ms - own.end_ms > OLDEST_MS + this.step_ms) return null;
    return Math.max(own.start_ms, Math.min(ms, own.end_ms - 1)) + 0.5;
  }

  /** Loads one chunk; false when all that is needed is there. */
  async step(target_ms: number, speed: number, signal: AbortSignal): Promise<boolean> {
    this.pace(Math.abs(speed));
    const direction = Math.sign(speed);
    const own = Math.floor(target_ms / this.chunk_ms);
    const now = this.parts.now();
    const wanted = [own, own + direction, own + 2 * direction, own - direction].find((index) => {
      const chunk = this.chunks.get(index);
      return index * this.chunk_ms < now && (chunk === undefined || chunk.stale_ms < now);
    });
    if (wanted === undefined) return false;
    await this.load(wanted, Math.abs(wanted - own) * CHUNK_S, signal);
    if (this.chunks.size > MOST_CHUNKS) await this.thin(own);
    return true;
  }

  private pace(speed: number): void {
    const crowd = this.parts.crowd();
    const rate = crowd > 6 ? PICTURES_PER_S / 4 : crowd > 2 ? PICTURES_PER_S / 2 : PICTURES_PER_S;
    const chunk_ms = Math.max(10_000, speed * CHUNK_S * 1_000);
    this.step_ms = (speed * 1_000) / rate;
    if (chunk_ms === this.chunk_ms) return;
    this.chunk_ms = chunk_ms;
    this.chunks.clear();
  }

  private async load(index: number, urgency: number, signal: AbortSignal): Promise<void> {
    const { source, gate, buffer, now } = this.parts;
    const span = { start_ms: index * this.chunk_ms, end_ms: Math.min((index + 1) * this.chunk_ms, now()) };
    const asked = now();
    const bytes = await gate.through(urgency, signal, () => source.syncs(span, this.step_ms, signal));
    signal.throwIfAborted();
    if (bytes !== null && bytes.byteLength > 0) {
      const mime = mimeOf(new Uint8Array(bytes));
      await buffer.append(mime, bytes, span.start_ms / 1_000);
    }
    const grows = (index + 1) * this.chunk_ms > asked - EDGE_MS;
    const stale_ms = grows ? asked + AGAIN_MS : Number.POSITIVE_INFINITY;
    this.chunks.set(index, { empty: bytes === null, stale_ms });
  }

  private async thin(own: number): Promise<void> {
    const far = [...this.chunks.keys()].filter((index) => Math.abs(index - own) > MOST_CHUNKS / 3);
    for (const index of far) {
      this.chunks.delete(index);
      await this.parts.buffer.remove(index * this.chunk_ms, (index + 1) * this.chunk_ms);
    }
  }
}

/** The codec of a film, from the box that configures its decoder (`avcC`, `hvcC`: ISO/IEC 14496-15). */
export function mimeOf(bytes: Uint8Array): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const avc = find(bytes, "avcC");
  if (avc >= 0)
    return `video/mp4; codecs="avc1.${[1, 2, 3].map((at) => hex(bytes[avc + at] ?? 0)).join("")}"`;
  const hvc = find(bytes, "hvcC");
  if (hvc < 0) return "video/mp4";
  const profile = (bytes[hvc + 1] ?? 1) & 31;
  const tier = ((bytes[hvc + 1] ?? 0) & 32) === 0 ? "L" : "H";
  const flags = [2, 3, 4, 5].reduce((value, at) => value * 256 + (bytes[hvc + at] ?? 0), 0);
  let turned = 0;
  for (let bit = 0; bit < 32; bit += 1) if ((flags / 2 ** bit) & 1) turned += 2 ** (31 - bit);
  return `video/mp4; codecs="hvc1.${profile}.${turned.toString(16)}.${tier}${bytes[hvc + 12] ?? 93}.B0"`;
}

/** First byte after the four letters of a box in the first 4 kB, or -1. */
function find(bytes: Uint8Array, name: string): number {
  const letters = [...name].map((letter) => letter.charCodeAt(0));
  for (let at = 0; at < Math.min(bytes.length, 4_096) - 4; at += 1)
    if (letters.every((letter, index) => bytes[at + index] === letter)) return at + 4;
  return -1;
}
