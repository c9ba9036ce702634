import type { Point } from "@/api/types";

/** Polygons in normalised coordinates, [0, 1] from top-left. */

export const clamp01 = (value: number): number => Math.min(1, Math.max(0, value));

export const clampPoint = ([x, y]: Point): Point => [clamp01(x), clamp01(y)];

function orientation(a: Point, b: Point, c: Point): number {
  return Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
}

const within = (a: Point, b: Point, p: Point): boolean =>
  Math.min(a[0], b[0]) <= p[0] &&
  p[0] <= Math.max(a[0], b[0]) &&
  Math.min(a[1], b[1]) <= p[1] &&
  p[1] <= Math.max(a[1], b[1]);

/** Whether the closed segments ab and cd share a point. */
export function segmentsMeet(a: Point, b: Point, c: Point, d: Point): boolean {
  const abc = orientation(a, b, c);
  const abd = orientation(a, b, d);
  const cda = orientation(c, d, a);
  const cdb = orientation(c, d, b);
  if (abc !== abd && cda !== cdb) return true;
  return (
    (abc === 0 && within(a, b, c)) ||
    (abd === 0 && within(a, b, d)) ||
    (cda === 0 && within(c, d, a)) ||
    (cdb === 0 && within(c, d, b))
  );
}

/** Edges that cross another one, as indices of their first point. Empty for a simple polygon. */
export function crossingEdges(points: readonly Point[]): number[] {
  const count = points.length;
  const bad = new Set<number>();
  for (let i = 0; i < count; i += 1) {
    for (let j = i + 1; j < count; j += 1) {
      const neighbours = j === i + 1 || (i === 0 && j === count - 1);
      if (neighbours) continue;
      const meet = segmentsMeet(points[i]!, points[(i + 1) % count]!, points[j]!, points[(j + 1) % count]!);
      if (meet) {
        bad.add(i);
        bad.add(j);
      }
    }
  }
  return [...bad].sort((a, b) => a - b);
}

/** Shoelace; positive whatever the winding. */
export function area(points: readonly Point[]): number {
  let sum = 0;
  points.forEach((point, index) => {
    const next = points[(index + 1) % points.length]!;
    sum += point[0] * next[1] - next[0] * point[1];
  });
  return Math.abs(sum) / 2;
}

export function contains(points: readonly Point[], [x, y]: Point): boolean {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
    const [xi, yi] = points[i]!;
    const [xj, yj] = points[j]!;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function distanceToSegment(p: Point, a: Point, b: Point): number {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : clamp01(((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length);
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/** Index of the edge nearest to `p`: a new point goes in after that edge's first point. */
export function nearestEdge(points: readonly Point[], p: Point, closed = true): number {
  let best = 0;
  let distance = Number.POSITIVE_INFINITY;
  points.slice(0, closed ? points.length : points.length - 1).forEach((point, index) => {
    const here = distanceToSegment(p, point, points[(index + 1) % points.length]!);
    if (here < distance) {
      distance = here;
      best = index;
    }
  });
  return best;
}

export function centroid(points: readonly Point[]): Point {
  const sum = points.reduce<Point>((acc, point) => [acc[0] + point[0], acc[1] + point[1]], [0, 0]);
  return [sum[0] / Math.max(1, points.length), sum[1] / Math.max(1, points.length)];
}

export const lengthOf = (points: readonly Point[]): number =>
  points
    .slice(1)
    .reduce((sum, [x, y], index) => sum + Math.hypot(x - points[index]![0], y - points[index]![1]), 0);

/** Where a line's arrow stands, in the units of `points`: halfway along it, and a unit vector to its right. */
export function arrowOf(points: readonly Point[]): { at: Point; to: Point } {
  let left = lengthOf(points) / 2;
  for (let index = 1; index < points.length; index += 1) {
    const a = points[index - 1]!;
    const b = points[index]!;
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    if (length >= left && length > 0) {
      const [dx, dy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
      return { at: [a[0] + dx * left, a[1] + dy * left], to: [-dy, dx] };
    }
    left -= length;
  }
  return { at: points[0] ?? [0, 0], to: [0, 1] };
}
