import type { SiteClock } from "@/time/zone";
import { drawLane } from "./drawLane";
import { type LaneBox, RULER_PX } from "./lanes";
import { tickStep, ticks } from "./ticks";
import type { Placed } from "./tiles";
import { spanOf, type View, xOf } from "./view";

export interface Scene {
  view: View;
  lanes: { placed: Placed[]; box: LaneBox; isFocus: boolean }[];
  playhead_ms: number;
  now_ms: number;
  hover_ms: number | null;
  mark_in: number | null;
  mark_out: number | null;
  /** Bookmarks: start, end. */
  bookmarks: { start_ms: number; end_ms: number; lane: number }[];
  clock: SiteClock;
}

export interface Palette {
  line: string;
  ink: string;
  dim: string;
  recorded: string;
  motion: string;
  gap: string;
  future: string;
  accent: string;
  alert: string;
  detection: string;
  score: string;
  loss: string;
  bookmark: string;
  font: string;
}

export interface Brush {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  colours: Palette;
}

export function readPalette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  return {
    line: value("--hc-line"),
    ink: value("--hc-ink"),
    dim: value("--hc-ink-dim"),
    recorded: value("--hc-lane"),
    motion: value("--hc-motion"),
    gap: value("--hc-gap"),
    future: value("--hc-sunken"),
    accent: value("--hc-accent"),
    alert: value("--hc-critical"),
    detection: value("--hc-info"),
    score: value("--hc-score"),
    loss: value("--hc-critical"),
    bookmark: value("--hc-good"),
    font: `11px ${style.fontFamily}`,
  };
}

export function draw(brush: Brush, scene: Scene): void {
  brush.context.clearRect(0, 0, brush.width, brush.height);
  drawGrid(brush, scene);
  for (const lane of scene.lanes) drawLane(brush, scene, lane.placed, lane.box);
  drawRuler(brush, scene);
  drawBookmarks(brush, scene);
  drawMarks(brush, scene);
  drawHover(brush, scene);
  drawPlayhead(brush, scene);
}

function drawGrid({ context, width, height, colours }: Brush, { view, clock }: Scene): void {
  context.strokeStyle = colours.line;
  for (const tick of ticks(view, width, clock.zone)) {
    const x = Math.round(xOf(view, tick.ms, width)) + 0.5;
    context.beginPath();
    context.moveTo(x, tick.kind === "day" ? 0 : 9);
    context.lineTo(x, height);
    context.stroke();
  }
}

function drawRuler({ context, width, colours }: Brush, { view, clock }: Scene): void {
  const step = tickStep(spanOf(view), width);
  context.font = colours.font;
  context.textAlign = "left";
  context.textBaseline = "middle";
  let taken = Number.NEGATIVE_INFINITY;
  for (const tick of ticks(view, width, clock.zone)) {
    const x = Math.round(xOf(view, tick.ms, width)) + 5.5;
    context.fillStyle = tick.kind === "day" ? colours.ink : colours.dim;
    const time = step < 60_000 ? clock.time(tick.ms) : clock.timeMinutes(tick.ms);
    // The hour that comes twice when clocks go back carries its offset.
    const text = tick.kind === "day" ? clock.date(tick.ms) : tick.repeated ? `${time} ${tick.offset}` : time;
    if (x < taken) continue;
    taken = x + context.measureText(text).width + 8;
    context.fillText(text, x, RULER_PX / 2);
  }
}

function drawBookmarks({ context, width, colours }: Brush, scene: Scene): void {
  context.fillStyle = colours.bookmark;
  for (const mark of scene.bookmarks) {
    const lane = scene.lanes[mark.lane];
    const x = Math.round(xOf(scene.view, mark.start_ms, width));
    if (lane === undefined || x < -10 || x > width + 10) continue;
    const { top, height } = lane.box;
    const end = Math.round(xOf(scene.view, mark.end_ms, width));
    if (end - x > 3) context.fillRect(x, top + height - 2, end - x, 2);
    context.fillRect(x, top, 1.5, height);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x + 8, top);
    context.lineTo(x + 5, top + 4);
    context.lineTo(x + 8, top + 8);
    context.lineTo(x, top + 8);
    context.fill();
  }
}

function drawMarks({ context, width, height, colours }: Brush, scene: Scene): void {
  const { mark_in, mark_out, view } = scene;
  context.fillStyle = colours.accent;
  if (mark_in !== null && mark_out !== null) {
    const left = xOf(view, mark_in, width);
    context.globalAlpha = 0.18;
    context.fillRect(left, RULER_PX, xOf(view, mark_out, width) - left, height);
    context.globalAlpha = 1;
  }
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

function drawHover({ context, width, height, colours }: Brush, scene: Scene): void {
  if (scene.hover_ms === null) return;
  const x = Math.round(xOf(scene.view, scene.hover_ms, width)) + 0.5;
  context.strokeStyle = colours.dim;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(x, RULER_PX);
  context.lineTo(x, height);
  context.stroke();
  context.setLineDash([]);
}

function drawPlayhead({ context, width, height, colours }: Brush, scene: Scene): void {
  const x = Math.round(xOf(scene.view, scene.playhead_ms, width));
  if (x < -8 || x > width + 8) return;
  context.fillStyle = colours.accent;
  context.fillRect(x - 1, RULER_PX - 6, 2, height);
  context.beginPath();
  context.moveTo(x - 6, RULER_PX - 9);
  context.lineTo(x + 6, RULER_PX - 9);
  context.lineTo(x, RULER_PX);
  context.fill();
}
