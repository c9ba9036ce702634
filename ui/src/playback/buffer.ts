import { hasMediaSource, SourceIn } from "@/player/mediasource";
import type { Span } from "./pieces";

/** The browser's buffer of one camera. Its time is the world's: second 0 is 1970, so nothing needs translating. */
export interface MediaBuffer {
  ranges(): Span[];
  /** `bytes` is whole boxes; `shift_s` is added to their times. */
  append(mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void>;
  remove(start_ms: number, end_ms: number): Promise<void>;
  /** Nothing follows the last range: its last pictures can be shown without waiting for more. */
  finish(): void;
  /** False: the browser has enough for now (an iPhone says so); what is needed at once may still be appended. */
  wants(): boolean;
  /** True once after the browser threw something away by itself. */
  lost(): boolean;
  close(): void;
}

/** Beyond any recording, and finite: a browser seeks only within the duration. */
const FOREVER_S = 4_000_000_000;

class MseBuffer implements MediaBuffer {
  private readonly media: MediaSource;
  private readonly source: SourceIn;
  private readonly opened: Promise<void>;
  private buffer: SourceBuffer | null = null;
  private mime = "";
  private closed = false;

  private hasLost = false;

  constructor(element: HTMLMediaElement) {
    let open: () => void = () => undefined;
    this.opened = new Promise((done) => {
      open = done;
    });
    this.source = new SourceIn(element, open);
    this.media = this.source.media;
  }

  wants(): boolean {
    return this.source.wants;
  }

  lost(): boolean {
    const lost = this.hasLost;
    this.hasLost = false;
    return lost;
  }

  ranges(): Span[] {
    const out: Span[] = [];
    if (this.buffer === null || this.closed || this.media.sourceBuffers.length === 0) return out;
    const { buffered } = this.buffer;
    for (let index = 0; index < buffered.length; index += 1)
      out.push({ start_ms: buffered.start(index) * 1_000, end_ms: buffered.end(index) * 1_000 });
    return out;
  }

  async append(mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void> {
    await this.opened;
    const buffer = this.of(mime);
    if (Math.abs(buffer.timestampOffset - shift_s) > 1e-6) buffer.timestampOffset = shift_s;
    await this.update(buffer, () => buffer.appendBuffer(bytes));
    if (this.media.readyState === "open" && this.media.duration < FOREVER_S) this.media.duration = FOREVER_S;
  }

  async remove(start_ms: number, end_ms: number): Promise<void> {
    await this.opened;
    const { buffer } = this;
    if (buffer === null || this.closed || this.media.readyState === "closed") return;
    if (this.media.readyState === "ended") this.media.duration = FOREVER_S;
    await this.update(buffer, () => buffer.remove(Math.max(0, start_ms / 1_000), end_ms / 1_000));
  }

  finish(): void {
    if (this.media.readyState === "open" && this.buffer?.updating === false) this.media.endOfStream();
  }

  close(): void {
    this.closed = true;
    this.source.close();
  }

  private of(mime: string): SourceBuffer {
    if (this.buffer === null) {
      this.buffer = this.media.addSourceBuffer(mime);
      this.source.watch(this.buffer, () => {
        this.hasLost = true;
      });
      this.media.duration = FOREVER_S;
    } else if (mime !== this.mime) this.buffer.changeType(mime);
    this.mime = mime;
    return this.buffer;
  }

  private update(buffer: SourceBuffer, start: () => void): Promise<void> {
    return new Promise((done, fail) => {
      const settle = (): void => {
        buffer.removeEventListener("updateend", ended);
        buffer.removeEventListener("error", broken);
      };
      const ended = (): void => {
        settle();
        done();
      };
      const broken = (): void => {
        settle();
        fail(new DOMException("The browser cannot read this.", "EncodingError"));
      };
      buffer.addEventListener("updateend", ended);
      buffer.addEventListener("error", broken);
      try {
        start();
      } catch (error) {
        settle();
        fail(error);
      }
    });
  }
}

/** Of a browser without Media Source Extensions: nothing plays in it, and the camera's lane says so. */
class NoBuffer implements MediaBuffer {
  ranges = (): Span[] => [];
  append = (): Promise<void> => Promise.reject(new DOMException("no media source", "NotSupportedError"));
  remove = (): Promise<void> => Promise.resolve();
  finish = (): void => undefined;
  wants = (): boolean => true;
  lost = (): boolean => false;
  close = (): void => undefined;
}

export const bufferFor = (element: HTMLMediaElement): MediaBuffer =>
  hasMediaSource() ? new MseBuffer(element) : new NoBuffer();
