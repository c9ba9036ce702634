import { heightOf, type PaintTile, type Picture, widthOf } from "./painttile";
import type { Place } from "./wallmessages";

/** Paints at most this often: pictures of many tiles come at any time, and each change of the canvas costs all of it. */
export const PAINT_MS = 50;

/** The part of a 2D context that painting needs. */
export interface Paper {
  canvas: { width: number; height: number };
  fillStyle: string | CanvasGradient | CanvasPattern;
  fillRect(x: number, y: number, width: number, height: number): void;
  clearRect(x: number, y: number, width: number, height: number): void;
  drawImage(picture: CanvasImageSource, x: number, y: number, width: number, height: number): void;
  drawImage(
    picture: CanvasImageSource,
    fromX: number,
    fromY: number,
    fromWidth: number,
    fromHeight: number,
    x: number,
    y: number,
    width: number,
    height: number,
  ): void;
}

/** The largest place in `place` for a picture of this size, in its middle (as `object-fit: contain`). */
export function fit(place: Place, width: number, height: number): Place {
  if (width <= 0 || height <= 0) return place;
  const scale = Math.min(place.width / width, place.height / height);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  // A pixel more or less is no bar worth drawing.
  if (place.width - w <= 2 && place.height - h <= 2) return place;
  return {
    slot: place.slot,
    x: place.x + Math.round((place.width - w) / 2),
    y: place.y + Math.round((place.height - h) / 2),
    width: w,
    height: h,
  };
}

/** The tiles' pictures on one canvas. */
export class Painter {
  private readonly paper: Paper;
  private readonly ground: string;
  /** What is there of the canvas, to draw it again where tiles have moved to. */
  private readonly copy: () => CanvasImageSource | null;
  private places = new Map<number, Place>();

  constructor(paper: Paper, ground: string, copy: () => CanvasImageSource | null) {
    this.paper = paper;
    this.ground = ground;
    this.copy = copy;
  }

  /** Tiles are elsewhere now. What was on them goes along, so that nothing blinks. */
  place(width: number, height: number, places: readonly Place[]): void {
    const before = this.places;
    const old = before.size === 0 ? null : this.copy();
    this.places = new Map(places.map((place) => [place.slot, place]));
    const { canvas } = this.paper;
    if (canvas.width === width && canvas.height === height) this.paper.clearRect(0, 0, width, height);
    canvas.width = width;
    canvas.height = height;
    for (const place of places) {
      const was = before.get(place.slot);
      if (old === null || was === undefined || was.width === 0) {
        this.fill(place);
        continue;
      }
      const { x, y, width: w, height: h } = place;
      this.paper.drawImage(old, was.x, was.y, was.width, was.height, x, y, w, h);
    }
  }

  paint(tiles: Iterable<PaintTile>): void {
    for (const tile of tiles) {
      const place = this.places.get(tile.slot);
      const picture = place === undefined ? null : tile.take();
      if (place === undefined || picture === null) continue;
      this.draw(place, picture);
      picture.close();
    }
  }

  private fill({ x, y, width, height }: Place): void {
    this.paper.fillStyle = this.ground;
    this.paper.fillRect(x, y, width, height);
  }

  private draw(place: Place, picture: Picture): void {
    const into = fit(place, widthOf(picture), heightOf(picture));
    if (into !== place) this.fill(place);
    this.paper.drawImage(picture, into.x, into.y, into.width, into.height);
  }
}
