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
/** H.264 and H.265 reorder 16 pictures at most. */
const MOST_REORDERED = 17;
/** Of a stretch with reordered pictures so much at its rims is not trusted: their partners may lie beyond. */
const RIM_MS = 500;

export class UnitTable {
  private list: Unit[] = [];
  private known: Span[] = [];

  /** `whole`: all of the range is written; else the newest picture may have successors that are not yet. */
  add(answer: readonly Unit[], wanted: Span, whole: boolean): void {
    const { units, asked } = inShownOrder(answer, wanted, whole);
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

/**
 * Cameras that reorder pictures send them before they are to be shown, and their stamps follow the sending. Among
 * pictures that go before one another, the first that is shown gets the first stamp: steps then follow what is seen.
 */
function inShownOrder(
  answer: readonly Unit[],
  asked: Span,
  whole: boolean,
): { units: readonly Unit[]; asked: Span } {
  const sent = [...answer].sort((a, b) => a.at_ms - b.at_ms);
  const units = blocksOf(sent).flatMap((block) => {
    if (block.length > MOST_REORDERED) return block;
    const shown = [...block].sort((a, b) => a.shown_ms - b.shown_ms);
    return shown.map((unit, index) => ({ ...unit, at_ms: (block[index] as Unit).at_ms }));
  });
  const last = units.at(-1);
  if (last === undefined || units.every((unit, index) => unit.shown_ms === sent[index]?.shown_ms))
    return { units, asked };
  const inner = {
    start_ms: asked.start_ms + RIM_MS,
    end_ms: (whole ? asked.end_ms : Math.min(asked.end_ms, last.at_ms)) - RIM_MS,
  };
  const kept = units.filter((unit) => inner.start_ms <= unit.at_ms && unit.at_ms < inner.end_ms);
  return { units: kept, asked: inner };
}

/** Cut wherever everything before is also shown before everything behind. */
function blocksOf(sent: readonly Unit[]): Unit[][] {
  const earliest = sent.map((unit) => unit.shown_ms);
  for (let index = earliest.length - 2; index >= 0; index -= 1)
    earliest[index] = Math.min(earliest[index] as number, earliest[index + 1] as number);
  const blocks: Unit[][] = [];
  let latest = Number.NEGATIVE_INFINITY;
  sent.forEach((unit, index) => {
    if (latest <= (earliest[index] as number)) blocks.push([]);
    blocks.at(-1)?.push(unit);
    latest = Math.max(latest, unit.shown_ms);
  });
  return blocks;
}

const PARTS = [0.5, 0.05, 0.3, 0.8, 0.5] as const;

/** Where to put a player so that this picture, and neither neighbour, is shown: its middle, at further tries elsewhere. */
export const placeIn = (unit: Unit, tries = 0): number =>
  unit.shown_ms + Math.min(unit.duration_ms, 1_000) * (PARTS[tries] ?? PARTS[0]);
