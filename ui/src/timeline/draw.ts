import type { HaechiEvent, Timeline } from "@/api/types";
import type { SiteClock } from "@/time/zone";
import { tickStep, ticks } from "./ticks";
import { spanOf, type View, xOf } from "./view";

export interface Scene {
  view: View;
  timeline: Timeline;
  playhead_ms: number;
  now_ms: number;
  hover_ms: number | null;
  mark_in: number | null;
  mark_out: number | null;
  clock: SiteClock;
}

export interface Palette {
  line: string;
  ink: string;
  dim: string;
  recorded: string;
  gap: string;
  future: string;
  accent: string;
  alert: string;
  detection: string;
  font: string;
}

export const RULER_PX = 24;
const EVENT_TOP = 30;
const EVENT_PX = 20;
const LANE_TOP = 56;

export function readPalette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  return {
    line: value("--hc-line"),
    ink: value("--hc-ink"),
    dim: value("--hc-ink-dim"),
    recorded: value("--hc-recorded"),
    gap: value("--hc-gap"),
    future: value("--hc-sunken"),
    accent: value("--hc-accent"),
    alert: value("--hc-critical"),
    detection: value("--hc-info"),
    font: `11px ${style.fontFamily}`,
  };
}

function drawRuler(
  context: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
  colours: Palette,
): void {
  const { view, clock } = scene;
  const step = tickStep(spanOf(view), width);
  context.font = colours.font;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const tick of ticks(view, width, clock.zone)) {
    const x = Math.round(xOf(view, tick.ms, width)) + 0.5;
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(x, tick.kind === "day" ? 0 : 8);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = tick.kind === "day" ? colours.ink : colours.dim;
    const text =
      tick.kind === "day"
        ? clock.date(tick.ms)
        : step < 60_000
          ? clock.time(tick.ms)
          : clock.timeMinutes(tick.ms);
    context.fillText(text, x + 5, RULER_PX / 2 + 1);
  }
}

/** Stretches of less than a pixel are widened to one, so that a short recording never vanishes when zoomed out. */
function bar(
  context: CanvasRenderingContext2D,
  view: View,
  width: number,
  start: number,
  end: number,
  top: number,
  height: number,
): void {
  const left = Math.max(-2, xOf(view, start, width));
  const right = Math.min(width + 2, xOf(view, end, width));
  if (right < 0 || left > width) return;
  context.fillRect(left, top, Math.max(1, right - left), height);
}

function hatch(
  context: CanvasRenderingContext2D,
  view: View,
  width: number,
  start: number,
  end: number,
  top: number,
  height: number,
): void {
  const left = Math.max(0, xOf(view, start, width));
  const right = Math.min(width, xOf(view, end, width));
  if (right - left < 1) return;
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, height);
  context.clip();
  context.lineWidth = 1.5;
  context.beginPath();
  for (let x = left - height; x < right; x += 7) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function drawLane(
  context: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
  colours: Palette,
): void {
  const { view, timeline, now_ms } = scene;
  const lane = height - LANE_TOP - 6;
  context.fillStyle = colours.future;
  context.fillRect(0, LANE_TOP, width, lane);
  context.fillStyle = colours.recorded;
  for (const span of timeline.spans)
    bar(context, view, width, span.start_ms, Math.min(span.end_ms, now_ms), LANE_TOP, lane);
  context.strokeStyle = colours.gap;
  for (const gap of timeline.gaps)
    hatch(context, view, width, gap.start_ms, Math.min(gap.end_ms, now_ms), LANE_TOP, lane);
}

function drawEvents(context: CanvasRenderingContext2D, scene: Scene, width: number, colours: Palette): void {
  const order: Record<HaechiEvent["severity"], number> = { detection: 0, alert: 1 };
  const events = [...scene.timeline.events].sort((a, b) => order[a.severity] - order[b.severity]);
  for (const event of events) {
    const left = xOf(scene.view, event.start_ms, width);
    const right = xOf(scene.view, event.end_ms ?? scene.now_ms, width);
    if (right < -4 || left > width + 4) continue;
    context.fillStyle = colours[event.severity];
    context.globalAlpha = event.reviewed ? 0.45 : 1;
    context.beginPath();
    context.roundRect(left - 1.5, EVENT_TOP, Math.max(4, right - left), EVENT_PX, 2);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawMarks(
  context: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
  colours: Palette,
): void {
  const { mark_in, mark_out, view } = scene;
  if (mark_in !== null && mark_out !== null) {
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.18;
    context.fillRect(
      xOf(view, mark_in, width),
      RULER_PX,
      xOf(view, mark_out, width) - xOf(view, mark_in, width),
      height,
    );
    context.globalAlpha = 1;
  }
  context.fillStyle = colours.accent;
  for (const [mark, side] of [
    [mark_in, 1],
    [mark_out, -1],
  ] as const) {
    if (mark === null) continue;
    const x = xOf(view, mark, width);
    context.fillRect(x - 1, RULER_PX, 2, height);
    context.fillRect(side === 1 ? x : x - 7, RULER_PX, 7, 3);
    context.fillRect(side === 1 ? x : x - 7, height - 3, 7, 3);
  }
}

function drawPlayhead(
  context: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
  colours: Palette,
): void {
  if (scene.hover_ms !== null) {
    context.strokeStyle = colours.dim;
    context.setLineDash([3, 3]);
    context.beginPath();
    const hover = Math.round(xOf(scene.view, scene.hover_ms, width)) + 0.5;
    context.moveTo(hover, RULER_PX);
    context.lineTo(hover, height);
    context.stroke();
    context.setLineDash([]);
  }
  const x = Math.round(xOf(scene.view, scene.playhead_ms, width));
  context.fillStyle = colours.accent;
  context.fillRect(x - 1, RULER_PX - 6, 2, height);
  context.beginPath();
  context.moveTo(x - 6, RULER_PX - 8);
  context.lineTo(x + 6, RULER_PX - 8);
  context.lineTo(x, RULER_PX);
  context.fill();
}

export function draw(
  context: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
  colours: Palette,
): void {
  context.clearRect(0, 0, width, height);
  drawLane(context, scene, width, height, colours);
  drawRuler(context, scene, width, height, colours);
  drawEvents(context, scene, width, colours);
  drawMarks(context, scene, width, height, colours);
  drawPlayhead(context, scene, width, height, colours);
}
