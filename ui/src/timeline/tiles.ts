import { spanOf, type View } from "./view";

/** The timeline in tiles, as maps do it: one size per zoom, kept, so that panning and zooming never show nothing. */

export interface TileEvent {
  id: string;
  start_ms: number;
  end_ms: number | null;
  label: string;
  severity: "alert" | "detection";
}

export type GapRow = [start_ms: number, end_ms: number, cause: string, detail: string];

/** One camera's share of a tile. Bytes: one per bucket. */
export interface LaneData {
  spans: [start_ms: number, end_ms: number][];
  gaps: GapRow[];
  motion: Uint8Array;
  score: Uint8Array;
  loss: Uint8Array;
  /** Null: too many to list; then the counts stand for them. */
  events: TileEvent[] | null;
  counts: Uint8Array;
}

export interface Tile extends View {
  bucket_ms: number;
  lane: LaneData;
}

/** A tile, and the part of it that is to be drawn: another zoom's tile stands in for one that is still to come. */
export interface Placed extends View {
  tile: Tile;
}

export interface TimelineBody {
  start_ms: number;
  end_ms: number;
  bucket_ms: number;
  cameras: {
    camera: string;
    spans: [number, number][];
    gaps: GapRow[];
    motion: string;
    score: string;
    loss: string;
    events: TileEvent[] | null;
    event_counts: string;
  }[];
}

export type AskTimeline = (
  cameras: readonly string[],
  span: View,
  buckets: number,
  signal: AbortSignal,
) => Promise<TimelineBody>;

const FINEST_MS = 250;
export const BUCKETS = 512;
const DEEPEST = 15;
const BUCKET_PX = 1.5;
const STAND_INS = 9;
const EDGE_MS = 20_000;
const FRESH_MS = 600_000;
const GAP_FRESH_MS = 20_000;
const DAY_MS = 86_400_000;
const RETRY_MS = 3_000;
const MOST_TILES = 1_500;
export const NO_DATA = 255;

export const bucketOf = (level: number): number => FINEST_MS * 2 ** level;
const lengthOf = (level: number): number => bucketOf(level) * BUCKETS;

export function levelFor(view: View, width: number): number {
  const wanted = (spanOf(view) / Math.max(1, width)) * BUCKET_PX;
  return Math.min(DEEPEST, Math.max(0, Math.ceil(Math.log2(wanted / FINEST_MS))));
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

interface Kept {
  tile: Tile | null;
  stale_ms: number;
  asking: boolean;
  used: number;
}

export class TimelineTiles {
  private readonly ask: AskTimeline;
  private readonly now: () => number;
  private readonly kept = new Map<string, Kept>();
  private readonly listeners = new Set<() => void>();
  private abort = new AbortController();
  private use = 0;
  private version = 0;
  failed: unknown = null;

  constructor(ask: AskTimeline, now: () => number = Date.now) {
    this.ask = ask;
    this.now = now;
  }

  close(): void {
    this.abort.abort();
    this.abort = new AbortController();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  /** Fetches what this view lacks or what has grown old. */
  want(cameras: readonly string[], view: View, width: number): void {
    const level = levelFor(view, width);
    const length = lengthOf(level);
    this.use += 1;
    for (let index = Math.floor(view.start_ms / length); index * length < view.end_ms; index += 1) {
      if (index * length > this.now()) break;
      const lacking = cameras.filter((camera) => this.lacks(level, index, camera));
      if (lacking.length > 0) void this.fetch(level, index, lacking);
    }
    this.thin();
  }

  /** Everything that is known of a camera in this view, piece by piece. */
  placed(camera: string, view: View, width: number): Placed[] {
    const level = levelFor(view, width);
    const length = lengthOf(level);
    const out: Placed[] = [];
    for (let index = Math.floor(view.start_ms / length); index * length < view.end_ms; index += 1)
      out.push(...this.best(camera, level, index));
    return out;
  }

  /** Nothing at all is known of any of these cameras yet. */
  empty(cameras: readonly string[], view: View, width: number): boolean {
    return cameras.every((camera) => this.placed(camera, view, width).length === 0);
  }

  private best(camera: string, level: number, index: number): Placed[] {
    const start_ms = index * lengthOf(level);
    const end_ms = start_ms + lengthOf(level);
    for (let up = 0; up <= STAND_INS && level + up <= DEEPEST; up += 1) {
      const tile = this.kept.get(key(level + up, Math.floor(start_ms / lengthOf(level + up)), camera))?.tile;
      if (tile != null) return [{ tile, start_ms, end_ms }];
    }
    if (level === 0) return [];
    return [2 * index, 2 * index + 1].flatMap((finer) => {
      const tile = this.kept.get(key(level - 1, finer, camera))?.tile;
      return tile == null ? [] : [{ tile, start_ms: tile.start_ms, end_ms: tile.end_ms }];
    });
  }

  private lacks(level: number, index: number, camera: string): boolean {
    const name = key(level, index, camera);
    const found = this.kept.get(name);
    if (found === undefined) {
      this.kept.set(name, { tile: null, stale_ms: 0, asking: false, used: this.use });
      return true;
    }
    found.used = this.use;
    return !found.asking && found.stale_ms < this.now();
  }

  private async fetch(level: number, index: number, cameras: readonly string[]): Promise<void> {
    const rows = cameras.map((camera) => this.kept.get(key(level, index, camera)) as Kept);
    for (const row of rows) row.asking = true;
    const start_ms = index * lengthOf(level);
    const span = { start_ms, end_ms: start_ms + lengthOf(level) };
    const asked = this.now();
    try {
      const body = await this.ask(cameras, span, BUCKETS, this.abort.signal);
      cameras.forEach((camera, place) => {
        const lane = body.cameras.find((row) => row.camera === camera);
        const row = rows[place] as Kept;
        if (lane === undefined) return;
        row.tile = { ...span, bucket_ms: body.bucket_ms, lane: readLane(lane) };
        const grows = span.end_ms > asked - EDGE_MS;
        const fresh_ms = mayFill(lane.gaps, asked) ? GAP_FRESH_MS : FRESH_MS;
        row.stale_ms = asked + (grows ? Math.min(30_000, Math.max(2_500, bucketOf(level) / 2)) : fresh_ms);
      });
      this.failed = null;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      this.failed = error;
      for (const row of rows) row.stale_ms = asked + RETRY_MS;
    } finally {
      for (const row of rows) row.asking = false;
    }
    this.version += 1;
    for (const listener of this.listeners) listener();
  }

  private thin(): void {
    if (this.kept.size <= MOST_TILES) return;
    const oldest = [...this.kept].sort(([, a], [, b]) => a.used - b.used).slice(0, MOST_TILES / 3);
    for (const [name, row] of oldest) if (!row.asking) this.kept.delete(name);
  }
}

/** A camera that was away for less than a day may still send what it remembers. */
const mayFill = (gaps: readonly GapRow[], now: number): boolean =>
  gaps.some(([, end_ms, cause]) => end_ms > now - DAY_MS && cause !== "retention" && cause !== "disabled");

const key = (level: number, index: number, camera: string): string => `${level}/${index}/${camera}`;

function readLane(row: TimelineBody["cameras"][number]): LaneData {
  return {
    spans: row.spans,
    gaps: row.gaps,
    motion: bytesOf(row.motion),
    score: bytesOf(row.score),
    loss: bytesOf(row.loss),
    events: row.events,
    counts: bytesOf(row.event_counts),
  };
}
