import type { ScoreOut } from "@/api/types";
import type { Series } from "./modules";

export const SPAN_S = 300;
/** A module that said nothing for so long said nothing: no line is drawn across. */
const GAP_S = 6;
const MOST_POINTS = 6_000;

/** The last five minutes of one camera: what the server had when the page came, and what it says since. */
export class ScoreBook {
  private rows = new Map<string, Series>();
  /** The server's clock less ours, seconds. */
  private aheadS = 0;

  load(nowS: number, hereS: number, series: readonly Series[]): void {
    this.aheadS = nowS - hereS;
    const since = this.rows;
    this.rows = new Map();
    for (const one of series) this.rows.set(key(one.module, one.name), { ...one, points: [...one.points] });
    // What came by the other way while the list was under way is newer than the list.
    for (const one of since.values()) {
      const row = this.row(one.module, one.name);
      const last = row.points.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
      row.points.push(...one.points.filter(([at]) => at > last));
    }
  }

  add(module: string, scores: readonly ScoreOut[]): void {
    for (const score of scores) {
      const row = this.row(module, score.name);
      let index = row.points.length;
      while (index > 0 && row.points[index - 1]![0] > score.t1_s) index -= 1;
      row.points.splice(index, 0, [score.t1_s, score.value]);
      if (row.points.length > MOST_POINTS) row.points.shift();
      row.reasons = score.reasons;
    }
  }

  /** Seconds since 1970 by the server's clock. */
  now(hereS: number): number {
    return hereS + this.aheadS;
  }

  series(nowS: number): Series[] {
    const found: Series[] = [];
    for (const [name, row] of this.rows) {
      const first = row.points.findIndex(([at]) => at >= nowS - SPAN_S);
      if (first > 0) row.points.splice(0, first);
      if (first === -1) this.rows.delete(name);
      else found.push(row);
    }
    return found.sort((a, b) => a.module.localeCompare(b.module) || a.name.localeCompare(b.name));
  }

  private row(module: string, name: string): Series {
    const known = this.rows.get(key(module, name));
    if (known !== undefined) return known;
    const row: Series = { module, name, points: [], reasons: [] };
    this.rows.set(key(module, name), row);
    return row;
  }
}

const key = (module: string, name: string): string => `${module}/${name}`;

/** At most one point for each column of the chart: the highest, for that is what is looked for. */
export function thinned(
  points: readonly [number, number][],
  columns: number,
  spanS: number,
): [number, number][] {
  const width = spanS / columns;
  const found: [number, number][] = [];
  let column = Number.NaN;
  for (const point of points) {
    const mine = Math.floor(point[0] / width);
    if (mine !== column) {
      column = mine;
      found.push(point);
    } else if (point[1] > found[found.length - 1]![1]) found[found.length - 1] = point;
  }
  return found;
}

/** An SVG path over `width` x `height`, `nowS` at its right edge; lone points are short strokes. */
export function pathOf(
  points: readonly [number, number][],
  nowS: number,
  width: number,
  height: number,
): string {
  let path = "";
  let before: number | null = null;
  for (const [at, value] of points) {
    const x = ((at - nowS + SPAN_S) / SPAN_S) * width;
    const y = (1 - value) * height;
    const move = before === null || at - before > GAP_S;
    path += `${move ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (move) path += "h1";
    before = at;
  }
  return path;
}

/** The value at a moment: of the last point before it, as long as that is not from long ago. */
export function valueAt(points: readonly [number, number][], atS: number): number | null {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]![0] <= atS) low = middle + 1;
    else high = middle;
  }
  const point = points[low - 1];
  return point === undefined || atS - point[0] > GAP_S ? null : point[1];
}
