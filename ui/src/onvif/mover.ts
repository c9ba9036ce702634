/** Says what a hand does to a camera: moves are said again while they last, and the stop always comes last. */

export interface Speed {
  pan: number;
  tilt: number;
  zoom: number;
}

export type Order = ({ action: "move" | "step" } & Speed) | { action: "stop" };

/** The server stops a camera two seconds after the last word. */
export const AGAIN_MS = 1_000;

export class Mover {
  private held: Speed | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly send: (order: Order) => Promise<unknown>,
    private readonly failed: (error: unknown) => void,
  ) {}

  get moving(): boolean {
    return this.held !== null;
  }

  /** Move like this from now on. */
  press(speed: Speed): void {
    this.held = speed;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.again(), AGAIN_MS);
    this.say({ action: "move", ...speed });
  }

  /** Let go. Nothing is said when nothing was held. */
  release(): void {
    if (this.held === null) return;
    this.held = null;
    clearInterval(this.timer);
    this.say({ action: "stop" });
  }

  /** A small step, for hands that cannot hold a key. */
  nudge(by: Speed): void {
    this.release();
    this.say({ action: "step", ...by });
  }

  /** A slow camera is not told the same thing twice. */
  private again(): void {
    if (this.held !== null && this.waiting === 0) this.say({ action: "move", ...this.held });
  }

  private say(order: Order): void {
    this.waiting += 1;
    this.last = this.last
      .then(() => this.send(order))
      .catch((error: unknown) => {
        if (order.action !== "stop") this.drop();
        this.failed(error);
      })
      .finally(() => {
        this.waiting -= 1;
      });
  }

  private drop(): void {
    this.held = null;
    clearInterval(this.timer);
  }
}
