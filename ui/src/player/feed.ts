import { chunkTime, timescaleOf } from "./boxes";
import { KIND_INIT, type LiveHeader } from "./header";
import { SourceIn } from "./mediasource";
import { UnitTable } from "./units";

/** Behind the newest picture, so that one late packet does not stop the picture. */
export const TARGET_BEHIND_S = 0.3;
/** Further behind than this, jump to live: a security picture never plays fast to catch up. */
export const MAX_BEHIND_S = 2;
/** Right after the start the GOP cache is still coming in: settle near the edge before the rule above holds. */
const SETTLE_MS = 3_000;
const SETTLED_BEHIND_S = 0.6;
const KEEP_S = 8;
const MAX_QUEUED = 900;

type Job =
  | { kind: "init"; bytes: Uint8Array<ArrayBuffer>; run: number }
  | { kind: "chunk"; bytes: Uint8Array<ArrayBuffer>; header: LiveHeader };

/** Feeds one media element from live chunks through one SourceBuffer, near the live edge, in bounded memory. */
export class MseFeed {
  readonly units = new UnitTable();
  private readonly video: HTMLMediaElement;
  private readonly mime: string;
  private readonly broken: (reason: string) => void;
  /** False: somebody else says where to play, and only holes are leapt over here (sound follows the picture). */
  private readonly leads: boolean;
  private readonly source: SourceIn;
  private buffer: SourceBuffer | null = null;
  private queue: Job[] = [];
  private timescale = 90_000;
  private offset: number | null = null;
  private run = -1;
  private started = false;
  private startedAt = 0;
  private closed = false;

  constructor(video: HTMLMediaElement, mime: string, broken: (reason: string) => void, leads = true) {
    this.video = video;
    this.mime = mime;
    this.broken = broken;
    this.leads = leads;
    this.source = new SourceIn(
      video,
      () => this.opened(),
      () => this.pump(),
    );
  }

  push(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): void {
    if (this.closed) return;
    if (header.kind === KIND_INIT) this.queue.push({ kind: "init", bytes: payload, run: header.run });
    else this.queue.push({ kind: "chunk", bytes: payload, header });
    if (this.queue.length > MAX_QUEUED) {
      this.broken("overflow");
      return;
    }
    this.pump();
  }

  private opened(): void {
    if (this.closed) return;
    try {
      this.buffer = this.source.media.addSourceBuffer(this.mime);
    } catch {
      this.broken("unsupported");
      return;
    }
    this.buffer.addEventListener("updateend", () => this.appended());
    this.buffer.addEventListener("error", () => this.broken("append"));
    this.pump();
  }

  private pump(): void {
    const buffer = this.buffer;
    if (buffer === null || buffer.updating || this.closed) return;
    if (this.source.media.readyState !== "open" || (this.started && !this.source.wants)) return;
    const job = this.queue.shift();
    if (job === undefined) return;
    try {
      if (job.kind === "init") this.appendInit(buffer, job.bytes, job.run);
      else this.appendChunk(buffer, job.bytes, job.header);
    } catch (error) {
      this.broken(error instanceof DOMException ? error.name : "append");
    }
  }

  private appendInit(buffer: SourceBuffer, bytes: Uint8Array<ArrayBuffer>, run: number): void {
    this.timescale = timescaleOf(bytes) ?? 90_000;
    if (run !== this.run) {
      if (this.run !== -1) buffer.abort();
      this.run = run;
      this.offset = null;
    }
    buffer.appendBuffer(bytes);
  }

  /** Consecutive chunks go in as one append: fewer round trips through the media thread. */
  private appendChunk(buffer: SourceBuffer, first: Uint8Array<ArrayBuffer>, header: LiveHeader): void {
    const parts = [first];
    this.note(buffer, first, header);
    while (this.queue[0]?.kind === "chunk" && parts.length < 60) {
      const job = this.queue.shift() as Job & { kind: "chunk" };
      this.note(buffer, job.bytes, job.header);
      parts.push(job.bytes);
    }
    if (parts.length === 1) {
      buffer.appendBuffer(first);
      return;
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    buffer.appendBuffer(whole);
  }

  /** Each run starts where the last one ended, so that the element's clock only moves forward. */
  private note(buffer: SourceBuffer, bytes: Uint8Array, header: LiveHeader): void {
    const time = chunkTime(bytes);
    if (time === null) return;
    if (this.offset === null) {
      this.offset = this.bufferedEnd() - Math.min(time.dts, time.pts) / this.timescale;
      buffer.timestampOffset = this.offset;
    }
    this.units.add(time.pts / this.timescale + this.offset, header);
  }

  private appended(): void {
    if (this.closed || this.buffer === null) return;
    this.chase();
    // A chunk that came between the end of the update and this event is being appended already: its end comes, too.
    if (this.buffer.updating) return;
    if (!this.trim(this.buffer)) this.pump();
  }

  private chase(): void {
    const end = this.bufferedEnd();
    const start = this.video.buffered.length > 0 ? this.video.buffered.start(0) : 0;
    if (!this.started && end > start) {
      this.started = true;
      this.startedAt = performance.now();
      this.video.currentTime = Math.max(start, end - TARGET_BEHIND_S);
      this.play();
    } else if (this.leads && this.started && this.queue.length === 0 && !this.video.seeking) {
      const settling = performance.now() - this.startedAt < SETTLE_MS;
      const limit = settling ? SETTLED_BEHIND_S : MAX_BEHIND_S;
      if (end - this.video.currentTime > limit) this.video.currentTime = end - TARGET_BEHIND_S;
    }
    if (this.started) this.leapHole();
    if (this.started && this.video.paused) this.play();
  }

  /** Lost units leave a hole that the element would wait at for ever: go to the far side. */
  private leapHole(): void {
    const { buffered, currentTime } = this.video;
    for (let index = 0; index + 1 < buffered.length; index += 1) {
      const atEnd = currentTime >= buffered.end(index) - 0.08;
      const next = buffered.start(index + 1);
      if (atEnd && currentTime < next) {
        this.video.currentTime = next + 0.001;
        return;
      }
    }
  }

  private play(): void {
    // A refused play() (a tab without focus, a tear-down) is tried again with the next chunk.
    void this.video.play().catch(() => undefined);
  }

  /** True when a removal is under way: `updateend` then carries on. */
  private trim(buffer: SourceBuffer): boolean {
    const until = this.video.currentTime - KEEP_S;
    if (buffer.buffered.length === 0 || buffer.buffered.start(0) >= until - KEEP_S) return false;
    buffer.remove(0, until);
    return true;
  }

  private bufferedEnd(): number {
    const ranges = this.buffer?.buffered;
    return ranges !== undefined && ranges.length > 0 ? ranges.end(ranges.length - 1) : 0;
  }

  /** Seconds between the picture on screen and the newest one received. */
  get behind(): number {
    return Math.max(0, this.bufferedEnd() - this.video.currentTime);
  }

  close(): void {
    this.closed = true;
    this.queue = [];
    this.buffer = null;
    this.units.clear();
    this.source.close(true);
  }
}
