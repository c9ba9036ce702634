import { LiveConnection } from "./connection";
import { PAINT_MS, Painter } from "./painter";
import { PaintTile } from "./painttile";
import type { FromPainter, TileReport, ToPainter } from "./wallmessages";

/** The wall's worker: one connection, one decoder for each tile that moves, one canvas. */

const REPORT_MS = 250;

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToPainter>) => void) | null;
  postMessage(message: FromPainter): void;
};
const tell = (message: FromPainter): void => scope.postMessage(message);

let connection: LiveConnection | null = null;
let painter: Painter | null = null;
const tiles = new Map<number, PaintTile>();
const leave = new Map<number, () => void>();
let timer: ReturnType<typeof setTimeout> | null = null;
let paintedAt = 0;
let reporter: ReturnType<typeof setInterval> | null = null;

function paint(): void {
  timer = null;
  paintedAt = performance.now();
  painter?.paint(tiles.values());
}

function ready(): void {
  if (timer === null) timer = setTimeout(paint, Math.max(0, paintedAt + PAINT_MS - performance.now()));
}

function report(): void {
  const news: TileReport[] = [];
  for (const tile of tiles.values()) {
    const one = tile.news();
    if (one !== null) news.push(one);
  }
  if (news.length > 0) tell({ type: "report", tiles: news });
}

function begin(canvas: OffscreenCanvas, url: string, ground: string): void {
  const paper = canvas.getContext("2d");
  if (paper === null) return;
  const copy = (): OffscreenCanvas | null => {
    if (canvas.width === 0 || canvas.height === 0) return null;
    const kept = new OffscreenCanvas(canvas.width, canvas.height);
    kept.getContext("2d")?.drawImage(canvas, 0, 0);
    return kept;
  };
  painter = new Painter(paper, ground, copy);
  connection = new LiveConnection(url);
}

function subscribe(id: number, slot: number, camera: string, stream: string): void {
  unsubscribe(id);
  if (connection === null) return;
  const tile = new PaintTile(id, slot, tell, ready);
  tiles.set(id, tile);
  leave.set(id, connection.subscribe(camera, stream, tile));
  reporter ??= setInterval(report, REPORT_MS);
}

function unsubscribe(id: number): void {
  leave.get(id)?.();
  leave.delete(id);
  tiles.get(id)?.close();
  tiles.delete(id);
  if (tiles.size === 0 && reporter !== null) {
    clearInterval(reporter);
    reporter = null;
  }
}

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "begin":
      begin(data.canvas, data.url, data.ground);
      break;
    case "place":
      painter?.place(data.width, data.height, data.places);
      break;
    case "subscribe":
      subscribe(data.id, data.slot, data.camera, data.stream);
      break;
    case "unsubscribe":
      unsubscribe(data.id);
  }
};
