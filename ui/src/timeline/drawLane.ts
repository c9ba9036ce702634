import type { Brush, Scene } from "./draw";
import type { LaneBox } from "./lanes";
import { NO_DATA, type Placed, type Tile, type TileEvent } from "./tiles";
import { type View, xOf } from "./view";

/** One camera's lane: recorded, motion in it, gaps, events on top, the score as a line, losses at the foot. */

export function drawLane(brush: Brush, scene: Scene, placed: readonly Placed[], box: LaneBox): void {
  const { context, width, colours } = brush;
  context.fillStyle = colours.future;
  context.fillRect(0, box.top, width, box.height);
  for (const part of placed) {
    const left = Math.max(0, xOf(scene.view, part.start_ms, width));
    const right = Math.min(width, xOf(scene.view, part.end_ms, width));
    if (right <= left) continue;
    context.save();
    context.beginPath();
    context.rect(left, box.top, right - left, box.height);
    context.clip();
    drawPart(brush, scene, part.tile, box);
    context.restore();
  }
  for (const part of placed) drawEvents(brush, scene, part, box);
}

function drawPart(brush: Brush, scene: Scene, tile: Tile, box: LaneBox): void {
  const { context, colours, width } = brush;
  const { view, now_ms } = scene;
  context.fillStyle = colours.recorded;
  for (const [start, end] of tile.lane.spans)
    bar(brush, view, { start_ms: start, end_ms: Math.min(end, now_ms) }, box);
  context.save();
  clipToRecorded(brush, scene, tile, box);
  drawMotion(brush, view, tile, box);
  if (box.height >= 22) drawScore(brush, view, tile, box);
  context.restore();
  context.strokeStyle = colours.gap;
  for (const [start, end] of tile.lane.gaps)
    hatch(brush, view, { start_ms: start, end_ms: Math.min(end, now_ms) }, box);
  context.fillStyle = colours.loss;
  eachBucket(tile, tile.lane.loss, view, width, (left, right, value) => {
    if (value !== NO_DATA) context.fillRect(left, box.top + box.height - 3, Math.max(2, right - left), 3);
  });
}

/** A bucket may be longer than what is recorded of it. */
function clipToRecorded({ context, width }: Brush, { view, now_ms }: Scene, tile: Tile, box: LaneBox): void {
  context.beginPath();
  for (const [start, end] of tile.lane.spans) {
    const left = xOf(view, start, width);
    context.rect(left, box.top, Math.max(1, xOf(view, Math.min(end, now_ms), width) - left), box.height);
  }
  context.clip();
}

function drawMotion({ context, colours, width }: Brush, view: View, tile: Tile, box: LaneBox): void {
  const room = box.height - (box.height >= 22 ? 10 : 4);
  context.fillStyle = colours.motion;
  eachBucket(tile, tile.lane.motion, view, width, (left, right, value) => {
    const height = Math.max(1.5, Math.sqrt(value / 255) * room);
    context.fillRect(left, box.top + box.height - height, Math.max(1, right - left), height);
  });
}

function drawScore({ context, colours, width }: Brush, view: View, tile: Tile, box: LaneBox): void {
  context.strokeStyle = colours.score;
  context.lineWidth = 1.5;
  context.beginPath();
  let last = Number.NEGATIVE_INFINITY;
  eachBucket(tile, tile.lane.score, view, width, (left, right, value) => {
    const y = box.top + box.height - 2 - (value / 255) * (box.height - 12);
    if (left - last > 2) context.moveTo(left, y);
    context.lineTo((left + right) / 2, y);
    context.lineTo(right, y);
    last = right;
  });
  context.stroke();
  context.lineWidth = 1;
}

/** Calls for each bucket in view that is not zero. */
function eachBucket(
  tile: Tile,
  bytes: Uint8Array,
  view: View,
  width: number,
  draw: (left: number, right: number, value: number) => void,
): void {
  const first = Math.max(0, Math.floor((view.start_ms - tile.start_ms) / tile.bucket_ms));
  const last = Math.min(bytes.length - 1, Math.ceil((view.end_ms - tile.start_ms) / tile.bucket_ms));
  for (let index = first; index <= last; index += 1) {
    const value = bytes[index] as number;
    if (value === 0) continue;
    const start = tile.start_ms + index * tile.bucket_ms;
    draw(xOf(view, start, width), xOf(view, start + tile.bucket_ms, width), value);
  }
}

/** Stretches of less than a pixel are widened to one, so that a short recording never vanishes when zoomed out. */
function bar({ context, width }: Brush, view: View, span: View, box: LaneBox): void {
  const left = Math.max(-2, xOf(view, span.start_ms, width));
  const right = Math.min(width + 2, xOf(view, span.end_ms, width));
  if (right < 0 || left > width) return;
  context.fillRect(left, box.top, Math.max(1, right - left), box.height);
}

function hatch({ context, width, colours }: Brush, view: View, span: View, box: LaneBox): void {
  const left = Math.max(0, xOf(view, span.start_ms, width));
  const right = Math.min(width, Math.max(left + 2, xOf(view, span.end_ms, width)));
  if (right < 0 || left > width) return;
  context.save();
  context.beginPath();
  context.rect(left, box.top, right - left, box.height);
  context.clip();
  context.fillStyle = colours.future;
  context.fillRect(left, box.top, right - left, box.height);
  context.lineWidth = 1.5;
  context.beginPath();
  if (right - left < 4) {
    context.fillStyle = colours.gap;
    context.fillRect(left, box.top, right - left, box.height);
  }
  for (let x = left - (left % 7) - box.height; x < right; x += 7) {
    context.moveTo(x, box.top + box.height);
    context.lineTo(x + box.height, box.top);
  }
  context.stroke();
  context.restore();
}

function drawEvents(brush: Brush, scene: Scene, part: Placed, box: LaneBox): void {
  const { context, colours, width } = brush;
  const height = box.height >= 60 ? 12 : box.height >= 30 ? 8 : 5;
  const { events, counts } = part.tile.lane;
  if (events === null) {
    context.fillStyle = colours.detection;
    eachBucket(part.tile, counts, scene.view, width, (left, right, value) => {
      context.globalAlpha = Math.min(1, 0.35 + value / 12);
      context.fillRect(left, box.top + 1, Math.max(2, right - left), height);
    });
    context.globalAlpha = 1;
    return;
  }
  const order: Record<TileEvent["severity"], number> = { detection: 0, alert: 1 };
  for (const event of [...events].sort((a, b) => order[a.severity] - order[b.severity])) {
    const left = xOf(scene.view, event.start_ms, width);
    const right = xOf(scene.view, event.end_ms ?? scene.now_ms, width);
    if (right < -4 || left > width + 4) continue;
    context.fillStyle = colours[event.severity];
    context.beginPath();
    context.roundRect(left - 1, box.top + 1, Math.max(4, right - left), height, 2);
    context.fill();
  }
}
