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

  /** Kept sorted by presentation time; B-pictures arrive out of that order. Of a unit in pieces, the first counts. */
  add(at: number, unit: ShownUnit): void {
    const last = this.rows[this.rows.length - 1];
    if (last !== undefined && last.seq === unit.seq && last.run === unit.run) return;
    const row = { at, ...unit };
    let index = this.rows.length;
    while (index > 0 && (this.rows[index - 1] as Row).at > at) index -= 1;
    this.rows.splice(index, 0, row);
    if (this.rows.length > this.limit) this.rows.splice(0, this.rows.length - this.limit);
  }

  /**
   * When what is presented at `mediaTime` was taken, in seconds since the epoch: between the beginnings of units by
   * the element's clock. Null when no unit begins within the second before it.
   */
  capturedAt(mediaTime: number): number | null {
    let index = this.rows.length - 1;
    while (index > 0 && (this.rows[index] as Row).at > mediaTime) index -= 1;
    const row = this.rows[index];
    if (row === undefined || Math.abs(mediaTime - row.at) > 1) return null;
    return Number(row.capturedNs / 1_000n) / 1_000_000 + mediaTime - row.at;
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
