import { msAt, pan, spanOf, type View, xOf, zoom } from "./view";

/** Mouse, touch and wheel on the timeline. Drag pans, a click seeks, dragging the playhead scrubs, two fingers zoom. */

export interface GestureTarget {
  view(): View;
  playhead(): number;
  setView(view: View): void;
  seek(ms: number, scrubbing: boolean): void;
  hover(ms: number | null, x: number, y: number): void;
  /** A click, at this height. */
  pick(y: number): void;
}

const CLICK_PX = 4;
const GRAB_PX = 12;
const EDGE_PX = 36;
const WHEEL_STEP = 1.0018;

export class Gestures {
  private readonly element: HTMLElement;
  private readonly target: GestureTarget;
  private readonly pointers = new Map<number, number>();
  private mode: "idle" | "press" | "pan" | "scrub" | "pinch" = "idle";
  private pressX = 0;
  private lastX = 0;
  private pinchGap = 0;
  private edge: number | null = null;

  constructor(element: HTMLElement, target: GestureTarget) {
    this.element = element;
    this.target = target;
    element.addEventListener("pointerdown", this.down);
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", this.up);
    element.addEventListener("pointerleave", this.leave);
    element.addEventListener("wheel", this.wheel, { passive: false });
  }

  close(): void {
    const { element } = this;
    element.removeEventListener("pointerdown", this.down);
    element.removeEventListener("pointermove", this.move);
    element.removeEventListener("pointerup", this.up);
    element.removeEventListener("pointercancel", this.up);
    element.removeEventListener("pointerleave", this.leave);
    element.removeEventListener("wheel", this.wheel);
    this.stopEdge();
  }

  private x(event: PointerEvent | WheelEvent): number {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  private y(event: PointerEvent): number {
    return event.clientY - this.element.getBoundingClientRect().top;
  }

  private get width(): number {
    return this.element.clientWidth;
  }

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    const x = this.x(event);
    this.pointers.set(event.pointerId, x);
    if (this.pointers.size === 2) {
      this.endScrub(this.lastX);
      this.mode = "pinch";
      this.pinchGap = this.gap();
      return;
    }
    this.pressX = x;
    this.lastX = x;
    const onHead = Math.abs(x - xOf(this.target.view(), this.target.playhead(), this.width)) <= GRAB_PX;
    this.mode = onHead ? "scrub" : "press";
  };

  private readonly move = (event: PointerEvent): void => {
    const x = this.x(event);
    if (!this.pointers.has(event.pointerId)) {
      this.target.hover(msAt(this.target.view(), x, this.width), x, this.y(event));
      return;
    }
    this.pointers.set(event.pointerId, x);
    if (this.mode === "press" && Math.abs(x - this.pressX) > CLICK_PX) this.mode = "pan";
    if (this.mode === "pan") this.panBy(x - this.lastX);
    else if (this.mode === "scrub") this.scrub(x);
    else if (this.mode === "pinch") this.pinch();
    this.lastX = x;
  };

  private readonly up = (event: PointerEvent): void => {
    // What the browser takes away (a scroll, a call) has no place of its own.
    const x = event.type === "pointerup" ? this.x(event) : this.lastX;
    this.pointers.delete(event.pointerId);
    this.endScrub(x);
    if (event.type === "pointerup" && this.mode === "press") {
      this.target.pick(this.y(event));
      this.target.seek(msAt(this.target.view(), x, this.width), false);
    }
    this.mode = this.pointers.size > 0 ? "pan" : "idle";
    this.lastX = [...this.pointers.values()][0] ?? x;
  };

  private readonly leave = (): void => {
    if (this.mode === "idle") this.target.hover(null, 0, 0);
  };

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? event.deltaX : event.deltaY)) {
      this.panBy(-sideways * unit);
      return;
    }
    const view = this.target.view();
    this.target.setView(
      zoom(view, WHEEL_STEP ** (event.deltaY * unit), msAt(view, this.x(event), this.width)),
    );
  };

  private panBy(pixels: number): void {
    const view = this.target.view();
    this.target.setView(pan(view, (-pixels / this.width) * spanOf(view)));
  }

  /** At the rim of the window the view moves on under the playhead, instead of stopping dead. */
  private scrub(x: number): void {
    this.target.seek(msAt(this.target.view(), x, this.width), true);
    const over = x < EDGE_PX ? x - EDGE_PX : x > this.width - EDGE_PX ? x - this.width + EDGE_PX : 0;
    this.stopEdge();
    if (over === 0) return;
    const creep = (): void => {
      this.panBy(-over * 0.25);
      this.target.seek(msAt(this.target.view(), x, this.width), true);
      this.edge = requestAnimationFrame(creep);
    };
    this.edge = requestAnimationFrame(creep);
  }

  /** However it ends, the time that was dragged to is the one that is shown. */
  private endScrub(x: number): void {
    this.stopEdge();
    if (this.mode === "scrub") this.target.seek(msAt(this.target.view(), x, this.width), false);
  }

  private stopEdge(): void {
    if (this.edge !== null) cancelAnimationFrame(this.edge);
    this.edge = null;
  }

  private gap(): number {
    const [a = 0, b = 0] = [...this.pointers.values()];
    return Math.max(8, Math.abs(a - b));
  }

  private pinch(): void {
    const [a = 0, b = 0] = [...this.pointers.values()];
    const view = this.target.view();
    const gap = this.gap();
    this.target.setView(zoom(view, this.pinchGap / gap, msAt(view, (a + b) / 2, this.width)));
    this.pinchGap = gap;
  }
}
