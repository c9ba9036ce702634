import { plays } from "@/player/mediasource";
import { correction } from "@/player/sync";
import { bufferFor, type MediaBuffer } from "./buffer";
import type { Clock } from "./clock";
import type { Gate } from "./gate";
import { EDGE_MS, type Span } from "./pieces";
import type { SoundSource } from "./source";

/**
 * The recorded sound of one camera on the player's clock, in an audio element of its own: in the picture's media source
 * the picture would stop wherever no sound is recorded. Its time is the world's, as the picture's is.
 */

/** `silent`: nothing is recorded here; `blocked`: the browser wants a key or a click first; `still`: nothing plays. */
export type HeardState = "still" | "loading" | "on" | "silent" | "blocked" | "failed";

export interface SoundParts {
  clock: Clock;
  source: SoundSource;
  gate: Gate;
  /** Milliseconds since the epoch. */
  now: () => number;
  state: (state: HeardState) => void;
}

/** The parts of an audio element that are driven. */
export type Speaker = Pick<
  HTMLAudioElement,
  "currentTime" | "paused" | "seeking" | "playbackRate" | "play" | "pause" | "error" | "dataset"
>;

const CHUNK_MS = 10_000;
const KEEP_MS = 30_000;
const AGAIN_MS = 1_500;
const RETRY_MS = 2_000;
/** What came last is asked for again with this much of it, so that nothing is lost to rounding. */
const OVERLAP_MS = 15;
/** After a jump the element needs a while before its clock can be believed. */
const SETTLE_MS = 500;
const RIM_MS = 5;

/** How far a chunk is known, and when to ask on; the newest footage grows. */
interface Chunk {
  until_ms: number;
  again_ms: number;
}

export class Sound {
  private readonly parts: SoundParts;
  private readonly speaker: Speaker;
  private readonly buffer: MediaBuffer;
  private readonly chunks = new Map<number, Chunk>();
  private readonly abort = new AbortController();
  private told: HeardState | null = null;
  private busy = false;
  private blocked = false;
  private broken = false;
  private settledAt = 0;
  private quietUntil = 0;

  constructor(parts: SoundParts, speaker: Speaker, makeBuffer?: () => MediaBuffer) {
    this.parts = parts;
    this.speaker = speaker;
    this.buffer = makeBuffer?.() ?? bufferFor(speaker as HTMLAudioElement);
    this.tell("still");
  }

  close(): void {
    this.abort.abort();
    this.pause();
    this.buffer.close();
  }

  /** A key or a click: the browser may let it play now. */
  unblock(): void {
    this.blocked = false;
  }

  /** Called many times a second. */
  tick(): void {
    const at = this.parts.clock.now();
    if (this.speaker.error !== null) this.broken = true;
    const state = this.stateAt(at);
    if (state === "on") this.run(at);
    else this.pause();
    this.tell(state);
    const idle = !this.broken && !this.busy && this.parts.now() >= this.quietUntil;
    if (idle && this.atSpeed) void this.fill(at);
  }

  private get atSpeed(): boolean {
    const { clock } = this.parts;
    return !clock.playing || clock.speed === 1;
  }

  private stateAt(at: number): HeardState {
    if (this.broken) return "failed";
    if (!this.parts.clock.running || !this.atSpeed) return "still";
    if (this.blocked) return "blocked";
    if (this.covers(at)) return "on";
    return this.knows(at) ? "silent" : "loading";
  }

  private pause(): void {
    if (!this.speaker.paused) this.speaker.pause();
  }

  private tell(state: HeardState): void {
    if (state === this.told) return;
    this.told = state;
    this.parts.state(state);
  }

  private rangeAt(ms: number): Span | undefined {
    return this.buffer.ranges().find((range) => range.start_ms <= ms + RIM_MS && ms < range.end_ms - RIM_MS);
  }

  private covers(ms: number): boolean {
    return this.rangeAt(ms) !== undefined;
  }

  private knows(ms: number): boolean {
    const chunk = this.chunks.get(Math.floor(ms / CHUNK_MS));
    return chunk !== undefined && ms < chunk.until_ms;
  }

  /** Keeps what is heard to the clock: a little by speed (pitch is preserved), much by a jump. */
  private run(at: number): void {
    const { speaker } = this;
    const now = this.parts.now();
    if (speaker.paused) {
      speaker.currentTime = at / 1_000;
      speaker.playbackRate = 1;
      this.settledAt = now + SETTLE_MS;
      speaker.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === "NotAllowedError") this.blocked = true;
      });
      return;
    }
    if (speaker.seeking) return;
    const off_s = at / 1_000 - speaker.currentTime;
    speaker.dataset.offMs = String(Math.round(off_s * 1_000));
    if (now < this.settledAt) return;
    const own = this.rangeAt(speaker.currentTime * 1_000);
    const kept_s = own === undefined ? 0 : speaker.currentTime - own.start_ms / 1_000;
    const ahead_s = own === undefined ? Number.POSITIVE_INFINITY : own.end_ms / 1_000 - speaker.currentTime;
    const { rate, jump } = correction(off_s, kept_s, ahead_s);
    if (speaker.playbackRate !== rate) speaker.playbackRate = rate;
    if (jump === 0) return;
    this.settledAt = now + SETTLE_MS;
    speaker.currentTime += jump;
  }

  /** Fetches the chunk that is wanted, then the next one. */
  private async fill(at: number): Promise<void> {
    const own = Math.floor(at / CHUNK_MS);
    if (this.buffer.lost()) this.chunks.clear();
    const now = this.parts.now();
    const wanted = [own, own + 1].find((index) => {
      if (index !== own && !this.buffer.wants()) return false;
      const chunk = this.chunks.get(index);
      return index * CHUNK_MS < now && (chunk === undefined || chunk.again_ms <= now);
    });
    if (wanted === undefined) return;
    this.busy = true;
    try {
      await this.load(wanted, at);
      await this.forget(own);
    } catch (error) {
      this.failed(error);
    } finally {
      this.busy = false;
    }
  }

  private async load(index: number, at: number): Promise<void> {
    const { gate, source, now } = this.parts;
    const { signal } = this.abort;
    const end_ms = (index + 1) * CHUNK_MS;
    const start_ms = Math.max(index * CHUNK_MS, this.heardUntil(index, end_ms) - OVERLAP_MS);
    const asked = now();
    const urgency = Math.max(0, index * CHUNK_MS - at) / 1_000;
    const body = await gate.through(urgency, signal, () => source.sound({ start_ms, end_ms }, signal));
    signal.throwIfAborted();
    if (body !== null) {
      if (!plays(body.mime)) throw new DOMException(body.mime, "NotSupportedError");
      await this.buffer.append(body.mime, body.bytes, Math.floor(start_ms) / 1_000);
    }
    const whole = end_ms <= asked - EDGE_MS;
    this.chunks.set(index, {
      until_ms: whole ? end_ms : Math.max(asked - EDGE_MS, this.heardUntil(index, end_ms)),
      again_ms: whole ? Number.POSITIVE_INFINITY : now() + AGAIN_MS,
    });
  }

  /** Where the newest sound of a chunk ends that is there already; 0: none is. */
  private heardUntil(index: number, end_ms: number): number {
    if (!this.chunks.has(index)) return 0;
    const own = this.buffer.ranges().findLast((range) => range.start_ms < end_ms);
    return own === undefined ? 0 : Math.min(own.end_ms, end_ms);
  }

  private async forget(own: number): Promise<void> {
    const first = (own - KEEP_MS / CHUNK_MS) * CHUNK_MS;
    const last = (own + 2 + KEEP_MS / CHUNK_MS) * CHUNK_MS;
    const ranges = this.buffer.ranges();
    for (const index of [...this.chunks.keys()])
      if (index * CHUNK_MS < first || index * CHUNK_MS >= last) this.chunks.delete(index);
    if ((ranges[0]?.start_ms ?? first) < first - CHUNK_MS) await this.buffer.remove(0, first);
    if ((ranges.at(-1)?.end_ms ?? last) > last + CHUNK_MS)
      await this.buffer.remove(last, Number.POSITIVE_INFINITY);
  }

  private failed(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (error instanceof DOMException) this.broken = true;
    this.quietUntil = this.parts.now() + RETRY_MS;
  }
}
