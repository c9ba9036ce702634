import type { Span } from "./pieces";

/** The browser's buffer of one camera. Its time is the world's: second 0 is 1970, so nothing needs translating. */
export interface MediaBuffer {
  ranges(): Span[];
  /** `bytes` is whole boxes; `shift_s` is added to their times. */
  append(mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void>;
  remove(start_ms: number, end_ms: number): Promise<void>;
  /** Nothing follows the last range: its last pictures can be shown without waiting for more. */
  finish(): void;
  close(): void;
}

/** Beyond any recording, and finite: a browser seeks only within the duration. */
const FOREVER_S = 4_000_000_000;

export const plays = (mime: string): boolean =>
  typeof MediaSource !== "undefined" && MediaSource.isTypeSupported(mime);

class MseBuffer implements MediaBuffer {
  private readonly media = new MediaSource();
  private readonly opened: Promise<void>;
  private readonly url: string;
  private buffer: SourceBuffer | null = null;
  private mime = "";
  private closed = false;

  constructor(video: HTMLVideoElement) {
    this.url = URL.createObjectURL(this.media);
    this.opened = new Promise((done) =>
      this.media.addEventListener("sourceopen", () => done(), { once: true }),
    );
    video.src = this.url;
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
    URL.revokeObjectURL(this.url);
  }

  private of(mime: string): SourceBuffer {
    if (this.buffer === null) {
      this.buffer = this.media.addSourceBuffer(mime);
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
        fail(new DOMException("The browser cannot read these pictures.", "EncodingError"));
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
  close = (): void => undefined;
}

export const bufferFor = (video: HTMLVideoElement): MediaBuffer =>
  typeof MediaSource === "undefined" ? new NoBuffer() : new MseBuffer(video);
