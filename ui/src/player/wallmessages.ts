/** What page and painter tell each other. `id` names a subscription, `slot` the tile's place, which outlives it. */

/** Where a tile is on the canvas, device pixels. */
export interface Place {
  slot: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export type ToPainter =
  | { type: "begin"; canvas: OffscreenCanvas; url: string; ground: string }
  | { type: "place"; width: number; height: number; places: Place[] }
  | { type: "subscribe"; id: number; slot: number; camera: string; stream: string }
  | { type: "unsubscribe"; id: number };

/** What is on screen of a tile, and what came since the last report. */
export interface TileReport {
  id: number;
  run: number;
  seq: number;
  capturedNs: bigint;
  width: number;
  height: number;
  /** Pictures painted, and left out, since the subscription. */
  shown: number;
  dropped: number;
  bytes: number;
  /** When the picture was painted, ms since the epoch. */
  paintedMs: number;
}

export type FromPainter =
  | { type: "subscribed"; id: number; mime: string; width: number; height: number }
  | { type: "waiting"; id: number; cause: string; message: string }
  | { type: "failed"; id: number; code: string; message: string }
  | { type: "lost"; id: number; attempt: number }
  | { type: "report"; tiles: TileReport[] };
