/** Media time of a playlist <-> time of the world, from its fragments. Gaps between runs take no media time. */

export interface Fragment {
  /** Start in the media element, seconds. */
  at_s: number;
  duration_s: number;
  /** When its first picture was taken, ms since the epoch. */
  wall_ms: number;
}

export class MediaClock {
  private readonly fragments: readonly Fragment[];

  constructor(fragments: readonly Fragment[]) {
    this.fragments = [...fragments].sort((a, b) => a.at_s - b.at_s);
  }

  get empty(): boolean {
    return this.fragments.length === 0;
  }

  toWall(at_s: number): number | null {
    const fragment = this.fragments.findLast((row) => row.at_s <= at_s + 1e-6) ?? this.fragments[0];
    return fragment === undefined ? null : fragment.wall_ms + (at_s - fragment.at_s) * 1_000;
  }

  /** Null when nothing was recorded at `ms` (50 ms slack between fragments). */
  toMedia(ms: number): number | null {
    for (const row of this.fragments) {
      const into = (ms - row.wall_ms) / 1_000;
      if (into >= -0.05 && into < row.duration_s + 0.05) {
        return row.at_s + Math.min(Math.max(into, 0), Math.max(0, row.duration_s - 0.001));
      }
    }
    return null;
  }

  /** First recorded instant at or after `ms`, as media time. */
  nextMedia(ms: number): number | null {
    const exact = this.toMedia(ms);
    if (exact !== null) return exact;
    const later = this.fragments.find((row) => row.wall_ms >= ms);
    return later?.at_s ?? null;
  }

  get endWallMs(): number | null {
    const last = this.fragments.at(-1);
    return last === undefined ? null : last.wall_ms + last.duration_s * 1_000;
  }
}

/** The fragments of an HLS media playlist. A date holds until the next one; before the first date nothing is known. */
export function playlistFragments(text: string): Fragment[] {
  const fragments: Fragment[] = [];
  let at_s = 0;
  let wall_ms = Number.NaN;
  let duration_s: number | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) wall_ms = Date.parse(line.slice(25));
    else if (line.startsWith("#EXTINF:")) duration_s = Number.parseFloat(line.slice(8));
    else if (line !== "" && !line.startsWith("#") && duration_s !== null && duration_s >= 0) {
      if (!Number.isNaN(wall_ms)) fragments.push({ at_s, duration_s, wall_ms });
      at_s += duration_s;
      wall_ms += duration_s * 1_000;
      duration_s = null;
    }
  }
  return fragments;
}
