import type { Span } from "./pieces";

/** The very pictures of a stretch of recording, for steps of one frame and for stopping on an exact one. No DOM. */

export interface Unit {
  /** When it was captured, milliseconds since the epoch with its fraction. */
  at_ms: number;
  /** When the player shows it: the same to within a part of a picture, as whole pieces are placed. */
  shown_ms: number;
  duration_ms: number;
}

const MOST = 20_000;

export class UnitTable {
  private list: Unit[] = [];
  private known: Span[] = [];

  /** `whole`: all of the range is written; else the newest picture may have successors that are not yet. */
  add(units: readonly Unit[], asked: Span, whole: boolean): void {
    if (this.list.length > MOST) {
      this.list = [];
      this.known = [];
    }
    const byTime = new Map(this.list.map((unit) => [unit.at_ms, unit]));
    for (const unit of units) byTime.set(unit.at_ms, unit);
    this.list = [...byTime.values()].sort((a, b) => a.at_ms - b.at_ms);
    const last = units.at(-1);
    const written_ms = last === undefined ? asked.start_ms : last.at_ms + last.duration_ms;
    this.known.push({
      start_ms: asked.start_ms,
      end_ms: whole ? asked.end_ms : Math.min(asked.end_ms, written_ms),
    });
  }

  knows(start_ms: number, end_ms: number): boolean {
    return this.known.some((span) => span.start_ms <= start_ms && end_ms <= span.end_ms);
  }

  /** The newest picture at `ms`; null where none is known. */
  at(ms: number): Unit | null {
    return this.list.findLast((unit) => unit.at_ms <= ms + 0.002) ?? null;
  }

  /** The picture `steps` after (before: negative) the one shown at `ms`. */
  neighbour(ms: number, steps: number): Unit | null {
    const index = this.list.findLastIndex((unit) => unit.at_ms <= ms + 0.002);
    if (index < 0) return steps > 0 ? (this.list[steps - 1] ?? null) : null;
    return this.list[index + steps] ?? null;
  }
}

const PARTS = [0.5, 0.05, 0.3, 0.8, 0.5] as const;

/** Where to put a player so that this picture, and neither neighbour, is shown: its middle, at further tries elsewhere. */
export const placeIn = (unit: Unit, tries = 0): number =>
  unit.shown_ms + Math.min(unit.duration_ms, 1_000) * (PARTS[tries] ?? PARTS[0]);
