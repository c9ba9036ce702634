import type { LiveConnection } from "./connection";
import { canvasOf, PICTURES, PictureFeed } from "./pictures";
import type { TileParts } from "./tile";
import type { ShownUnit } from "./units";

/** Stills in a tile until its own pictures come: a camera's small stream may begin with a wait for its next sync unit. */
export class Bridge {
  private readonly leave: () => void;
  private readonly feed: PictureFeed | null;
  private readonly canvas: HTMLCanvasElement;

  constructor(
    camera: string,
    parts: TileParts,
    connection: LiveConnection,
    shown: (unit: ShownUnit) => void,
    sized: (width: number, height: number) => void,
  ) {
    const deaf = { waiting: () => undefined, failed: () => undefined, lost: () => undefined };
    this.canvas = parts.canvas;
    const wall = parts.wall ?? null;
    if (wall !== null) {
      this.feed = null;
      const sink = { ...deaf, subscribed: () => undefined, painted: shown };
      this.leave = wall.subscribe(camera, "stills", parts.root, sink);
      return;
    }
    const feed = new PictureFeed(canvasOf(parts.canvas), shown, sized);
    this.feed = feed;
    this.leave = connection.subscribe(camera, "stills", {
      ...deaf,
      subscribed: (mime) => {
        parts.canvas.hidden = mime !== PICTURES;
      },
      data: (header, payload) => feed.push(header, payload),
    });
  }

  close(): void {
    this.leave();
    this.feed?.close();
    this.canvas.hidden = true;
  }
}
