import type { Placed } from "./tiles";
import { spanOf, type View } from "./view";

/**
 * Sheets of small pictures, fetched for what is in view as soon as a pointer comes near: the picture under it is then
 * there at once. Of one camera and zoom at a time; kept, and asked for again where something may still come to them.
 */

export interface SheetFacts {
  start_ms: number;
  step_ms: number;
  columns: number;
  width_px: number;
  height_px: number;
  is_final: boolean;
  /** Captured so long after the beginning of its step, run and number of the unit; null: no picture. */
  cells: ([after_ms: number, run: number, seq: number] | null)[];
}

export interface Sheet<Picture> {
  facts: SheetFacts;
  picture: Picture;
}

/** One picture of a sheet: where it lies in it, and when it was captured. Pixels of the sheet. */
export interface Cell<Picture> {
  picture: Picture;
  left: number;
  top: number;
  width: number;
  height: number;
  /** The step that it stands for. */
  from_ms: number;
  to_ms: number;
  captured_ms: number;
  unit: string;
}

/** Null: there is nothing in this stretch. */
export type AskSheet<Picture> = (
  camera: string,
  at_ms: number,
  step_ms: number,
  signal: AbortSignal,
) => Promise<Sheet<Picture> | null>;

export const CELLS = 64;
const FINEST_MS = 1_000;
const COARSEST_MS = FINEST_MS * 2 ** 14;
/** A cell is as wide as this on the timeline, or up to twice as wide. */
const CELL_PX = 4;
const FRESH_MS = 600_000;
const RETRY_MS = 5_000;
const GROWS_MS = 4_000;
const MOST_KEPT = 24;

export function stepFor(view: View, width: number): number {
  const wanted = (spanOf(view) / Math.max(1, width)) * CELL_PX;
  const power = Math.ceil(Math.log2(Math.max(1, wanted / FINEST_MS)));
  return Math.min(COARSEST_MS, FINEST_MS * 2 ** power);
}

interface Kept<Picture> {
  sheet: Sheet<Picture> | null;
  stale_ms: number;
  used: number;
}

export class Sheets<Picture> {
  private readonly ask: AskSheet<Picture>;
  private readonly drop: (picture: Picture) => void;
  private readonly now: () => number;
  private readonly kept = new Map<string, Kept<Picture>>();
  private readonly listeners = new Set<() => void>();
  private wishes: { camera: string; step_ms: number; index: number }[] = [];
  private abort: AbortController | null = null;
  private asking = "";
  private use = 0;
  private version = 0;

  constructor(
    ask: AskSheet<Picture>,
    drop: (picture: Picture) => void = () => undefined,
    now: () => number = Date.now,
  ) {
    this.ask = ask;
    this.drop = drop;
    this.now = now;
  }

  close(): void {
    this.wishes = [];
    this.abort?.abort();
    for (const { sheet } of this.kept.values()) if (sheet !== null) this.drop(sheet.picture);
    this.kept.clear();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  /** Fetches the sheets of this view, that at the pointer first. What was wished before and is not begun is dropped. */
  want(camera: string, view: View, width: number, at_ms: number, placed: readonly Placed[]): void {
    const step_ms = stepFor(view, width);
    const length = CELLS * step_ms;
    this.use += 1;
    const found: { camera: string; step_ms: number; index: number }[] = [];
    for (let index = Math.floor(view.start_ms / length); index * length < view.end_ms; index += 1) {
      const name = key(camera, step_ms, index);
      if (name === this.asking || !this.lacks(name)) continue;
      if (isRecorded(placed, index * length, (index + 1) * length)) found.push({ camera, step_ms, index });
    }
    const away = (index: number): number => Math.abs((index + 0.5) * length - at_ms);
    this.wishes = found.sort((a, b) => away(a.index) - away(b.index));
    const first = this.wishes[0];
    // A sheet of another camera or zoom is not waited for.
    if (this.asking !== "" && first !== undefined && !this.asking.startsWith(`${camera}/${step_ms}/`)) {
      this.abort?.abort();
    }
    void this.pump();
  }

  /** The picture of a moment, if its sheet is here. */
  cell(camera: string, view: View, width: number, ms: number): Cell<Picture> | null {
    const step_ms = stepFor(view, width);
    const index = Math.floor(ms / (CELLS * step_ms));
    const kept = this.kept.get(key(camera, step_ms, index));
    if (kept?.sheet == null) return null;
    kept.used = this.use;
    const { facts, picture } = kept.sheet;
    const place = Math.floor((ms - facts.start_ms) / step_ms);
    const cell = facts.cells[place];
    if (cell == null) return null;
    const from_ms = facts.start_ms + place * step_ms;
    return {
      picture,
      left: (place % facts.columns) * facts.width_px,
      top: Math.floor(place / facts.columns) * facts.height_px,
      width: facts.width_px,
      height: facts.height_px,
      from_ms,
      to_ms: from_ms + step_ms,
      captured_ms: from_ms + cell[0],
      unit: `${cell[1]}:${cell[2]}`,
    };
  }

  private lacks(name: string): boolean {
    const kept = this.kept.get(name);
    if (kept === undefined) return true;
    kept.used = this.use;
    return kept.stale_ms < this.now();
  }

  private async pump(): Promise<void> {
    if (this.asking !== "") return;
    const wish = this.wishes.shift();
    if (wish === undefined) return;
    const { camera, step_ms, index } = wish;
    this.asking = key(camera, step_ms, index);
    this.abort = new AbortController();
    const asked = this.now();
    const old = this.kept.get(this.asking)?.sheet ?? null;
    try {
      const sheet = await this.ask(camera, index * CELLS * step_ms, step_ms, this.abort.signal);
      const grows = Math.min(30_000, Math.max(GROWS_MS, step_ms));
      const fresh = sheet?.facts.is_final ? FRESH_MS : grows;
      this.keep(this.asking, { sheet, stale_ms: asked + fresh, used: this.use }, old);
    } catch (error) {
      // What was called off is asked for again when it is wanted again; what failed, after a while.
      if (!(error instanceof DOMException && error.name === "AbortError"))
        this.keep(this.asking, { sheet: old, stale_ms: asked + RETRY_MS, used: this.use }, old);
    }
    this.asking = "";
    void this.pump();
  }

  private keep(name: string, kept: Kept<Picture>, old: Sheet<Picture> | null): void {
    if (old !== null && old !== kept.sheet) this.drop(old.picture);
    this.kept.set(name, kept);
    const spare = [...this.kept].sort(([, a], [, b]) => a.used - b.used);
    for (const [oldest, { sheet }] of spare.slice(0, Math.max(0, this.kept.size - MOST_KEPT))) {
      if (sheet !== null) this.drop(sheet.picture);
      this.kept.delete(oldest);
    }
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}

const key = (camera: string, step_ms: number, index: number): string => `${camera}/${step_ms}/${index}`;

const isRecorded = (placed: readonly Placed[], start_ms: number, end_ms: number): boolean =>
  placed.some(({ tile }) => tile.lane.spans.some(([start, end]) => start < end_ms && end > start_ms));
