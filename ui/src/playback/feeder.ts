import type { MediaBuffer } from "./buffer";
import { isTrick } from "./clock";
import type { Gate } from "./gate";
import { batch, type Init, keyOf, type Piece, PieceList, type Span } from "./pieces";
import type { FootageSource } from "./source";
import { TrickFeed } from "./trick";

/** Keeps the buffer of one camera filled around the time that is wanted, and empties it behind. */

export type FeedFault = "failed" | "unsupported";

export interface FeederParts {
  buffer: MediaBuffer;
  source: FootageSource;
  gate: Gate;
  plays: (mime: string) => boolean;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** How many cameras share the screen. */
  crowd: () => number;
}

const ASK_BEFORE_MS = 30_000;
const ASK_AFTER_MS = 150_000;
const ASK_AGAIN_MS = 900;
const ASK_GAP_MS = 10_000;
const BACKWARDS_MS = 14_000;
const BEHIND_MS = 10_000;
const AHEAD_MS = 12_000;
const FIRST_BYTES = 300_000;
const BATCH_BYTES = 2_000_000;
const EVICT_EVERY_MS = 1_000;
const LAST_MS = 500;
const RIM_MS = 50;
const MOST_RETRY_MS = 5_000;

export class Feeder {
  readonly list = new PieceList();
  fault: FeedFault | null = null;
  private readonly parts: FeederParts;
  private readonly trick: TrickFeed;
  private readonly inits = new Map<string, ArrayBuffer>();
  private target = 0;
  private speed = 1;
  private abort = new AbortController();
  private busy = false;
  private closed = false;
  private lastInit = "";
  private lastPiece = "";
  private mode: "all" | "syncs" = "all";
  private tries = new Map<string, number>();
  private failures = 0;
  private quietUntil = 0;
  private askedEdgeAt = 0;
  private askedGapAt = 0;
  private evictedAt = 0;
  private shrink = 1;

  constructor(parts: FeederParts) {
    this.parts = parts;
    this.trick = new TrickFeed(parts);
  }

  close(): void {
    this.closed = true;
    this.abort.abort();
    this.parts.buffer.close();
  }

  /** What is shown now; called often. Fetches what is missing. */
  aim(target_ms: number, speed: number): void {
    this.target = target_ms;
    // What was on its way for the other mode is of no use any more.
    if (isTrick(speed) !== isTrick(this.speed)) this.drop();
    this.speed = speed;
    this.judge();
    if (!this.busy && this.parts.now() >= this.quietUntil) void this.pump();
  }

  /** After a seek: what is under way for the old place is given up. */
  jump(target_ms: number): void {
    this.target = target_ms;
    this.judge();
    if (this.covers(target_ms)) return;
    this.drop();
    this.tries.clear();
    this.quietUntil = 0;
    this.failures = 0;
    this.fault = null;
  }

  /** The buffer holds what this speed needs: all pictures, or sync units only. */
  suits(speed: number): boolean {
    return (this.mode === "syncs") === isTrick(speed);
  }

  /** Whether the picture of `ms` is in the buffer. */
  covers(ms: number): boolean {
    if (this.mode === "syncs") return this.trick.has(ms);
    return this.parts.buffer.ranges().some((range) => range.start_ms <= ms + 1 && ms < range.end_ms);
  }

  /** The recording ends just after `ms`: a browser would wait for pictures that never come. */
  ends(ms: number): boolean {
    const own = this.parts.buffer.ranges().find((range) => range.start_ms <= ms + 1 && ms < range.end_ms);
    if (own === undefined || own.end_ms - ms > LAST_MS) return false;
    return this.list.knows(own.end_ms + RIM_MS) && this.list.at(own.end_ms + RIM_MS) === null;
  }

  /** Whether it is known what is recorded at `ms`. */
  knows(ms: number): boolean {
    return this.mode === "syncs" ? this.trick.has(ms) : this.list.knows(ms);
  }

  /** Where the player shows the newest picture that is not after `ms`; null: there is none near. */
  place(ms: number): number | null {
    if (this.mode === "syncs") return this.trick.place(ms, this.parts.buffer.ranges());
    return this.list.at(ms) === null ? null : ms;
  }

  /** The browser waits for pictures after `ms` that will never come. */
  async finish(ms: number): Promise<void> {
    if (this.busy || this.closed) return;
    const own = this.parts.buffer.ranges().find((range) => range.start_ms <= ms && ms < range.end_ms);
    if (own === undefined) return;
    this.busy = true;
    try {
      const later = this.parts.buffer.ranges().some((range) => range.start_ms > own.end_ms);
      if (later && this.mode === "syncs") return;
      if (later) await this.parts.buffer.remove(own.end_ms + 1, Number.POSITIVE_INFINITY);
      if (!this.closed) this.parts.buffer.finish();
    } finally {
      this.busy = false;
    }
  }

  /** A camera may change its coding: only where the time that is wanted cannot be played is that a fault. */
  private judge(): void {
    const piece = this.mode === "all" ? this.list.at(this.target) : null;
    if (piece !== null && !this.playable(piece)) this.fault = "unsupported";
    else if (this.fault === "unsupported") this.fault = null;
  }

  private playable(piece: Piece): boolean {
    const init = this.list.init(piece);
    return init === null || (init.codec !== "" && this.parts.plays(mimeOf(init)));
  }

  private drop(): void {
    this.abort.abort();
    this.abort = new AbortController();
  }

  private get window(): Span {
    const share = this.shrink * (this.parts.crowd() > 6 ? 0.6 : 1);
    const back = this.speed < 0;
    return {
      start_ms: this.target - (back ? BACKWARDS_MS : BEHIND_MS) * share,
      end_ms: this.target + (back ? 2_500 : Math.min(40_000, AHEAD_MS * Math.max(1, this.speed)) * share),
    };
  }

  private async pump(): Promise<void> {
    this.busy = true;
    try {
      while (!this.closed && (await this.step(this.abort.signal))) this.failures = 0;
    } catch (error) {
      this.failed(error);
    } finally {
      this.busy = false;
    }
  }

  /** One thing to do; false when there is nothing. */
  private async step(signal: AbortSignal): Promise<boolean> {
    const wanted = isTrick(this.speed) ? "syncs" : "all";
    if (wanted !== this.mode) {
      this.mode = wanted;
      await this.clear();
      return true;
    }
    if (this.mode === "syncs") return this.trick.step(this.target, this.speed, signal);
    if (this.parts.buffer.lost()) this.tries.clear();
    if (await this.ask(signal)) return true;
    if (await this.askAgain(signal)) return true;
    if (await this.evict()) return true;
    if (!this.parts.buffer.wants() && this.covers(this.target)) return false;
    const pieces = this.next();
    if (pieces.length === 0) return false;
    await this.load(pieces, signal);
    return true;
  }

  private async clear(): Promise<void> {
    this.trick.forget();
    this.lastInit = "";
    this.lastPiece = "";
    this.tries.clear();
    await this.parts.buffer.remove(0, Number.POSITIVE_INFINITY);
  }

  private async ask(signal: AbortSignal): Promise<boolean> {
    const { list } = this;
    const now = this.parts.now();
    const { start_ms, end_ms } = this.window;
    const from = [start_ms, this.target].find((ms) => !list.knows(ms)) ?? list.knownUntil(this.target);
    if (from >= end_ms || from > now) return false;
    const atEdge = from > now - ASK_AFTER_MS;
    if (atEdge && now - this.askedEdgeAt < ASK_AGAIN_MS) return false;
    if (atEdge) this.askedEdgeAt = now;
    this.askedGapAt = now;
    const span = {
      start_ms: from === start_ms ? from - ASK_BEFORE_MS : from,
      end_ms: Math.min(Math.max(this.target, from) + ASK_AFTER_MS, now + 1_000),
    };
    if (span.end_ms <= span.start_ms) return false;
    const answer = await this.parts.source.pieces(span, signal);
    const known = list.knownUntil(from);
    list.add(answer, span, now);
    return list.knownUntil(from) > known;
  }

  /** A camera may send later what it could not send then: a gap is looked at again now and then. */
  private async askAgain(signal: AbortSignal): Promise<boolean> {
    const { list } = this;
    const now = this.parts.now();
    const isGap = list.knows(this.target) && list.at(this.target) === null;
    if (!isGap || now - this.askedGapAt < ASK_GAP_MS) return false;
    this.askedGapAt = now;
    const span = { start_ms: this.target, end_ms: Math.min(this.target + ASK_AFTER_MS, now) };
    list.add(await this.parts.source.pieces(span, signal), span, now);
    return list.at(this.target) !== null;
  }

  private async evict(): Promise<boolean> {
    const now = this.parts.now();
    if (now - this.evictedAt < EVICT_EVERY_MS) return false;
    this.evictedAt = now;
    const { start_ms, end_ms } = this.window;
    const ranges = this.parts.buffer.ranges();
    const first = ranges[0];
    const last = ranges.at(-1);
    if (first !== undefined && first.start_ms < start_ms - BEHIND_MS) {
      await this.parts.buffer.remove(0, start_ms);
      return true;
    }
    if (last !== undefined && last.end_ms > end_ms + 4 * AHEAD_MS) {
      await this.parts.buffer.remove(end_ms + 2 * AHEAD_MS, Number.POSITIVE_INFINITY);
      return true;
    }
    return false;
  }

  /** The pieces to fetch next with one request: the picture that is wanted first, then those that follow in time. */
  private next(): Piece[] {
    const ranges = this.parts.buffer.ranges();
    const missing = (piece: Piece): boolean =>
      !holds(ranges, piece) && (this.tries.get(keyOf(piece)) ?? 0) < 2 && this.playable(piece);
    const { start_ms, end_ms } = this.window;
    const ahead = this.list.from(this.target, end_ms);
    const first = ahead.findIndex(missing);
    const urgent = first >= 0 && (ahead[first] as Piece).start_ms <= this.target;
    if (first >= 0) return this.whole(batch(ahead.slice(first), urgent ? FIRST_BYTES : BATCH_BYTES));
    if (this.speed >= 0) return [];
    const behind = this.list.from(start_ms, this.target);
    const last = behind.findLastIndex(missing);
    if (last < 0) return [];
    const group = this.list.from((behind[last] as Piece).start_ms, (behind[last] as Piece).start_ms);
    return batch(group, BATCH_BYTES);
  }

  /** A decoder starts at a sync unit: what does not follow the last appended piece begins there. */
  private whole(pieces: Piece[]): Piece[] {
    const first = pieces[0];
    if (first === undefined || first.is_sync || this.continues(first)) return pieces;
    return batch(this.list.from(first.start_ms, first.start_ms), BATCH_BYTES);
  }

  /** The last piece that was appended is the one before, in the same file or in another. */
  private continues(piece: Piece): boolean {
    const before = this.list.previous(piece);
    const here = this.lastPiece === `${piece.recording}:${piece.offset}`;
    return (
      here || (before !== null && this.lastPiece === `${before.recording}:${before.offset + before.size}`)
    );
  }

  private async load(pieces: Piece[], signal: AbortSignal): Promise<void> {
    const first = pieces[0] as Piece;
    const last = pieces.at(-1) as Piece;
    const init = this.list.init(first);
    if (init === null) throw new Error(`no init for recording ${first.recording}`);
    const mime = mimeOf(init);
    const { gate, source, buffer } = this.parts;
    const urgency = Math.abs(first.start_ms - this.target) / 1_000;
    const [head, body] = await gate.through(urgency, signal, () =>
      Promise.all([
        this.head(init, signal),
        source.bytes(first.recording, first.offset, last.offset + last.size, signal),
      ]),
    );
    signal.throwIfAborted();
    if (this.lastInit !== init.key) await buffer.append(mime, head, 0);
    this.lastInit = init.key;
    for (const piece of pieces) {
      signal.throwIfAborted();
      const from = piece.offset - first.offset;
      this.tries.set(keyOf(piece), (this.tries.get(keyOf(piece)) ?? 0) + 1);
      this.lastPiece = "";
      await this.put(mime, body.slice(from, from + piece.size), piece.start_ms / 1_000 - piece.media_s);
      this.lastPiece = `${piece.recording}:${piece.offset + piece.size}`;
    }
    this.fault = null;
  }

  private async put(mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void> {
    try {
      await this.parts.buffer.append(mime, bytes, shift_s);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "QuotaExceededError")) throw error;
      // The browser's buffer is full: keep less, from now on.
      this.shrink = Math.max(0.2, this.shrink / 2);
      const { start_ms, end_ms } = this.window;
      await this.parts.buffer.remove(0, start_ms);
      await this.parts.buffer.remove(end_ms, Number.POSITIVE_INFINITY);
      await this.parts.buffer.append(mime, bytes, shift_s);
    }
  }

  private async head(init: Init, signal: AbortSignal): Promise<ArrayBuffer> {
    const kept = this.inits.get(init.key);
    if (kept !== undefined) return kept;
    if (this.inits.size > 200) this.inits.clear();
    const bytes = await this.parts.source.bytes(init.recording, 0, init.bytes, signal);
    this.inits.set(init.key, bytes);
    return bytes;
  }

  private failed(error: unknown): void {
    if (this.closed || (error instanceof DOMException && error.name === "AbortError")) return;
    this.failures += 1;
    if (this.failures >= 3) this.fault ??= "failed";
    // What was listed may be gone by now: ask anew.
    this.list.clear();
    this.quietUntil = this.parts.now() + Math.min(MOST_RETRY_MS, 250 * 2 ** this.failures);
  }
}

const mimeOf = (init: Init): string => `video/mp4; codecs="${init.codec}"`;

/** Whether a piece is in the buffer; its rims may be off by a part of a picture. */
function holds(ranges: readonly Span[], piece: Piece): boolean {
  const rim = Math.min(40, (piece.end_ms - piece.start_ms) / 3);
  return ranges.some((range) => range.start_ms <= piece.start_ms + rim && piece.end_ms - rim <= range.end_ms);
}
