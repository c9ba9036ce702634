import type { LiveHeader } from "./header";
import type { ShownUnit } from "./units";

/** What the server calls a stream whose units are whole pictures (Motion JPEG). */
export const PICTURES = "image/jpeg";

export type Decode = (bytes: Uint8Array<ArrayBuffer>) => Promise<ImageBitmap>;

/** A picture on its way to the screen, or on it. */
export interface Canvas {
  width: number;
  height: number;
  draw(picture: ImageBitmap): void;
}

const decodeJpeg: Decode = (bytes) => createImageBitmap(new Blob([bytes], { type: PICTURES }));

export function canvasOf(element: HTMLCanvasElement): Canvas {
  const context = element.getContext("2d", { alpha: false });
  return {
    get width() {
      return element.width;
    },
    set width(px) {
      element.width = px;
    },
    get height() {
      return element.height;
    },
    set height(px) {
      element.height = px;
    },
    draw: (picture) => context?.drawImage(picture, 0, 0),
  };
}

/** Draws pictures as they come. One is decoded at a time; of those that come meanwhile the newest is kept. */
export class PictureFeed {
  /** Pictures that were left out because newer ones came, or that could not be decoded. */
  dropped = 0;
  private readonly canvas: Canvas;
  private readonly shown: (unit: ShownUnit) => void;
  private readonly sized: (width: number, height: number) => void;
  private readonly decode: Decode;
  private next: { header: LiveHeader; bytes: Uint8Array<ArrayBuffer> } | null = null;
  private busy = false;
  private closed = false;

  constructor(
    canvas: Canvas,
    shown: (unit: ShownUnit) => void,
    sized: (width: number, height: number) => void,
    decode: Decode = decodeJpeg,
  ) {
    this.canvas = canvas;
    this.shown = shown;
    this.sized = sized;
    this.decode = decode;
  }

  push(header: LiveHeader, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.closed) return;
    if (this.next !== null) this.dropped += 1;
    this.next = { header, bytes };
    if (!this.busy) void this.work();
  }

  close(): void {
    this.closed = true;
    this.next = null;
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.next !== null) {
      const { header, bytes } = this.next;
      this.next = null;
      try {
        this.show(await this.decode(bytes), header);
      } catch {
        // A picture that the browser cannot decode is lost; the one before it stays, and counts as frozen in time.
        this.dropped += 1;
      }
    }
    this.busy = false;
  }

  private show(picture: ImageBitmap, { run, seq, capturedNs }: LiveHeader): void {
    if (!this.closed) {
      if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
        this.canvas.width = picture.width;
        this.canvas.height = picture.height;
        this.sized(picture.width, picture.height);
      }
      this.canvas.draw(picture);
      this.shown({ run, seq, capturedNs });
    }
    picture.close();
  }
}
