import type { FromPainter, Place, TileReport, ToPainter } from "./wallmessages";

/** What a tile hears of the pictures that are painted for it. */
export interface PaintSink {
  subscribed(mime: string, width: number, height: number): void;
  waiting(cause: string, message: string): void;
  failed(code: string, message: string): void;
  lost(attempt: number): void;
  painted(report: TileReport): void;
}

/** Decoders by hand exist only in secure contexts: HTTPS, or this very machine. Elsewhere tiles are media elements. */
export const canPaint = (): boolean =>
  "VideoDecoder" in globalThis &&
  "OffscreenCanvas" in globalThis &&
  "transferControlToOffscreen" in HTMLCanvasElement.prototype;

interface Painted {
  root: HTMLElement;
  sink: PaintSink;
}

/** The canvas under a wall's tiles, and the worker that paints on it. */
export class WallCanvas {
  private readonly element: HTMLCanvasElement;
  private readonly worker: Worker;
  private readonly tiles = new Map<number, Painted>();
  private readonly watching: ResizeObserver;
  private nextId = 1;
  private readonly slots = new WeakMap<HTMLElement, number>();
  private nextSlot = 1;
  private frame = 0;
  private readonly counted = new Map<number, { shown: number; dropped: number }>();
  private past = { shown: 0, dropped: 0 };
  private last = "";

  /** `parent` has a position; the canvas lies under all else in it. */
  constructor(parent: HTMLElement, url: string) {
    this.element = document.createElement("canvas");
    this.element.className = "hc-wall-canvas";
    this.element.setAttribute("aria-hidden", "true");
    parent.prepend(this.element);
    const canvas = this.element.transferControlToOffscreen();
    this.worker = new Worker(new URL("./paintworker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<FromPainter>) => this.hear(data);
    const ground = getComputedStyle(parent).getPropertyValue("--hc-video").trim() || "#05080d";
    this.worker.postMessage({ type: "begin", canvas, url, ground } satisfies ToPainter, [canvas]);
    this.watching = new ResizeObserver(() => this.placeSoon());
    this.watching.observe(parent);
  }

  private say(message: ToPainter): void {
    this.worker.postMessage(message);
  }

  private hear(message: FromPainter): void {
    if (message.type === "report") {
      for (const report of message.tiles) {
        const tile = this.tiles.get(report.id);
        if (tile === undefined) continue;
        this.counted.set(report.id, report);
        tile.sink.painted(report);
      }
      return;
    }
    const sink = this.tiles.get(message.id)?.sink;
    if (sink === undefined) return;
    if (message.type === "subscribed") sink.subscribed(message.mime, message.width, message.height);
    else if (message.type === "waiting") sink.waiting(message.cause, message.message);
    else if (message.type === "failed") sink.failed(message.code, message.message);
    else sink.lost(message.attempt);
  }

  /** Pictures of `camera` are painted where `root` is, until the answer is called. */
  subscribe(camera: string, stream: string, root: HTMLElement, sink: PaintSink): () => void {
    const id = this.nextId;
    this.nextId += 1;
    this.tiles.set(id, { root, sink });
    this.watching.observe(root);
    root.dataset.painted = "";
    this.placeSoon();
    this.say({ type: "subscribe", id, slot: this.slotOf(root), camera, stream });
    return () => {
      if (!this.tiles.delete(id)) return;
      const { shown, dropped } = this.counted.get(id) ?? { shown: 0, dropped: 0 };
      this.past = { shown: this.past.shown + shown, dropped: this.past.dropped + dropped };
      this.counted.delete(id);
      this.say({ type: "unsubscribe", id });
      if (![...this.tiles.values()].some((tile) => tile.root === root)) {
        delete root.dataset.painted;
        this.watching.unobserve(root);
      }
      this.placeSoon();
    };
  }

  private slotOf(root: HTMLElement): number {
    let slot = this.slots.get(root);
    if (slot === undefined) {
      slot = this.nextSlot;
      this.nextSlot += 1;
      this.slots.set(root, slot);
    }
    return slot;
  }

  /** The tiles may be elsewhere: look once the page is laid out. */
  readonly placeSoon = (): void => {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.place());
  };

  private place(): void {
    this.frame = 0;
    const scale = devicePixelRatio;
    const own = this.element.getBoundingClientRect();
    const places: Place[] = [...this.tiles.values()].map(({ root }) => {
      const box = root.getBoundingClientRect();
      const [x, y] = [Math.round((box.left - own.left) * scale), Math.round((box.top - own.top) * scale)];
      return {
        slot: this.slotOf(root),
        x,
        y,
        width: Math.round(box.width * scale),
        height: Math.round(box.height * scale),
      };
    });
    const message = {
      type: "place",
      width: Math.round(own.width * scale),
      height: Math.round(own.height * scale),
      places,
    } satisfies ToPainter;
    const text = JSON.stringify(message);
    if (text === this.last) return;
    this.last = text;
    this.say(message);
  }

  /** Pictures painted and left out since the wall was opened. */
  counts(): { shown: number; dropped: number } {
    const sum = { ...this.past };
    for (const one of this.counted.values()) {
      sum.shown += one.shown;
      sum.dropped += one.dropped;
    }
    return sum;
  }

  close(): void {
    if (this.frame !== 0) cancelAnimationFrame(this.frame);
    this.watching.disconnect();
    this.worker.terminate();
    this.element.remove();
  }
}
