import type { LiveSink } from "./connection";
import { KIND_CHUNK, KIND_INIT, KIND_PICTURE, type LiveHeader } from "./header";
import { PICTURES } from "./pictures";
import { avcConfigOf, codecOf, sampleOf } from "./samples";
import type { ShownUnit } from "./units";
import type { FromPainter, TileReport } from "./wallmessages";

/** Pictures that wait for the decoder: beyond it, all are left out up to the next sync unit. Live is live. */
const MOST_WAITING = 24;
const MOST_NAMED = 128;

/** A picture on its way to the canvas. Closed by whoever holds it last. */
export type Picture = VideoFrame | ImageBitmap;

export const widthOf = (picture: Picture): number =>
  "displayWidth" in picture ? picture.displayWidth : picture.width;
export const heightOf = (picture: Picture): number =>
  "displayHeight" in picture ? picture.displayHeight : picture.height;

/** One tile of the painter: takes coded units, and has at most one picture ready: the newest. */
export class PaintTile implements LiveSink {
  /** Where it is painted. */
  readonly slot: number;
  private readonly id: number;
  private readonly tell: (message: FromPainter) => void;
  private readonly ready: () => void;
  private mime = "";
  private decoder: VideoDecoder | null = null;
  private awaitsSync = true;
  private readonly named = new Map<number, ShownUnit>();
  private next: { picture: Picture; unit: ShownUnit } | null = null;
  private busy = false;
  private coming: { header: LiveHeader; bytes: Uint8Array<ArrayBuffer> } | null = null;
  private closed = false;
  private report: TileReport;
  private told = -1;

  constructor(id: number, slot: number, tell: (message: FromPainter) => void, ready: () => void) {
    this.id = id;
    this.slot = slot;
    this.tell = tell;
    this.ready = ready;
    const none = { run: 0, seq: 0, capturedNs: 0n, width: 0, height: 0 };
    this.report = { id, ...none, shown: 0, dropped: 0, bytes: 0, paintedMs: 0 };
  }

  subscribed(mime: string, width: number, height: number): void {
    this.mime = mime;
    this.closeDecoder();
    this.tell({ type: "subscribed", id: this.id, mime, width, height });
  }

  waiting(cause: string, message: string): void {
    this.tell({ type: "waiting", id: this.id, cause, message });
  }

  failed(code: string, message: string): void {
    this.closeDecoder();
    this.tell({ type: "failed", id: this.id, code, message });
  }

  lost(attempt: number): void {
    this.closeDecoder();
    this.tell({ type: "lost", id: this.id, attempt });
  }

  data(header: LiveHeader, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.closed) return;
    this.report.bytes += bytes.byteLength;
    if (header.kind === KIND_PICTURE && this.mime === PICTURES) this.pictured(header, bytes);
    else if (header.kind === KIND_INIT) this.configure(bytes);
    else if (header.kind === KIND_CHUNK) this.decode(header, bytes);
  }

  private configure(init: Uint8Array<ArrayBuffer>): void {
    this.closeDecoder();
    const description = avcConfigOf(init);
    const codec = codecOf(this.mime);
    if (description === null || codec === "") {
      this.failed("codec-not-playable", this.mime);
      return;
    }
    const decoder = new VideoDecoder({
      output: (frame) => this.decoded(frame),
      error: (error) => this.broken(decoder, error),
    });
    this.decoder = decoder;
    this.awaitsSync = true;
    decoder.configure({ codec, description, optimizeForLatency: true });
  }

  private broken(decoder: VideoDecoder, error: DOMException): void {
    if (this.decoder !== decoder) return;
    this.decoder = null;
    const code = error.name === "NotSupportedError" ? "codec-not-playable" : "player-decode";
    this.failed(code, error.message);
  }

  private decode(header: LiveHeader, chunk: Uint8Array<ArrayBuffer>): void {
    const decoder = this.decoder;
    const data = sampleOf(chunk);
    if (decoder === null || data === null || decoder.state !== "configured") return;
    if (header.isSync) this.awaitsSync = false;
    else if (decoder.decodeQueueSize > MOST_WAITING) this.awaitsSync = true;
    if (this.awaitsSync) {
      this.report.dropped += 1;
      return;
    }
    const timestamp = Number(header.capturedNs / 1_000n);
    const { run, seq, capturedNs } = header;
    this.named.set(timestamp, { run, seq, capturedNs });
    if (this.named.size > MOST_NAMED) this.named.delete(this.named.keys().next().value ?? 0);
    decoder.decode(new EncodedVideoChunk({ type: header.isSync ? "key" : "delta", timestamp, data }));
  }

  private decoded(frame: VideoFrame): void {
    const unit = this.named.get(frame.timestamp);
    this.named.delete(frame.timestamp);
    if (this.closed || unit === undefined) frame.close();
    else this.offer(frame, unit);
  }

  private pictured(header: LiveHeader, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.coming !== null) this.report.dropped += 1;
    this.coming = { header, bytes };
    if (!this.busy) void this.drawPictures();
  }

  private async drawPictures(): Promise<void> {
    this.busy = true;
    while (this.coming !== null) {
      const { header, bytes } = this.coming;
      this.coming = null;
      try {
        const { run, seq, capturedNs } = header;
        this.offer(await createImageBitmap(new Blob([bytes], { type: PICTURES })), { run, seq, capturedNs });
      } catch {
        // A picture that the browser cannot decode is lost; the one before it stays.
        this.report.dropped += 1;
      }
    }
    this.busy = false;
  }

  private offer(picture: Picture, unit: ShownUnit): void {
    if (this.closed) {
      picture.close();
      return;
    }
    this.next?.picture.close();
    this.next = { picture, unit };
    this.ready();
  }

  /** The picture to paint, once. Whoever takes it closes it. */
  take(): Picture | null {
    const next = this.next;
    if (next === null) return null;
    this.next = null;
    Object.assign(this.report, next.unit);
    this.report.width = widthOf(next.picture);
    this.report.height = heightOf(next.picture);
    this.report.shown += 1;
    this.report.paintedMs = Date.now();
    return next.picture;
  }

  /** What is new since the last time; null: nothing. */
  news(): TileReport | null {
    if (this.report.shown === this.told) return null;
    this.told = this.report.shown;
    return this.report.shown === 0 ? null : { ...this.report };
  }

  private closeDecoder(): void {
    const decoder = this.decoder;
    this.decoder = null;
    if (decoder !== null && decoder.state !== "closed") decoder.close();
    this.named.clear();
    this.coming = null;
    this.next?.picture.close();
    this.next = null;
  }

  close(): void {
    this.closed = true;
    this.closeDecoder();
  }
}
