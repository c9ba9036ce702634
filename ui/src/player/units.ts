/** Which access unit is on screen: media time of the presented frame -> the unit that was appended for it. */

export interface ShownUnit {
  run: number;
  seq: number;
  capturedNs: bigint;
}

interface Row extends ShownUnit {
  /** Presentation time in the media element, seconds. */
  at: number;
}

export class UnitTable {
  private rows: Row[] = [];
  private readonly limit: number;

  constructor(limit = 2_000) {
    this.limit = limit;
  }

  /** Kept sorted by presentation time; B-pictures arrive out of that order. */
  add(at: number, unit: ShownUnit): void {
    const row = { at, ...unit };
    let index = this.rows.length;
    while (index > 0 && (this.rows[index - 1] as Row).at > at) index -= 1;
    this.rows.splice(index, 0, row);
    if (this.rows.length > this.limit) this.rows.splice(0, this.rows.length - this.limit);
  }

  /** The unit whose presentation time is nearest to `mediaTime`, if within `tolerance` seconds. */
  at(mediaTime: number, tolerance = 0.02): ShownUnit | null {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.rows[middle] as Row).at < mediaTime) low = middle + 1;
      else high = middle;
    }
    const after = this.rows[low];
    const before = this.rows[low - 1];
    const nearest =
      after === undefined || (before !== undefined && mediaTime - before.at <= after.at - mediaTime)
        ? before
        : after;
    if (nearest === undefined || Math.abs(nearest.at - mediaTime) > tolerance) return null;
    return { run: nearest.run, seq: nearest.seq, capturedNs: nearest.capturedNs };
  }

  clear(): void {
    this.rows = [];
  }

  get size(): number {
    return this.rows.length;
  }
}
