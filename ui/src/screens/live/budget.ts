/** Tiles that move at the same time; beyond it a software decoder is busy with nothing else. */
export const MOST_MOVING = 25;
const LEAST_MOVING = 4;
/** So long after the last news of it a tile counts as busy. */
export const BUSY_MS = 30_000;
/** Of all pictures, so many dropped are too many. */
const DROPPED_SHARE = 0.05;
const CALM_MS = 60_000;

/**
 * Which tiles move. All that are in view, where they are few enough; else those before which something moves, the
 * newest first, and then those that move already: a tile that goes from moving to still for no reason is a nuisance.
 */
export function movingTiles(
  inView: readonly string[],
  activeAt: ReadonlyMap<string, number>,
  before: ReadonlySet<string>,
  budget: number,
  now: number,
): Set<string> {
  if (inView.length <= budget) return new Set(inView);
  const since = (id: string): number => now - (activeAt.get(id) ?? Number.NEGATIVE_INFINITY);
  const busy = inView
    .filter((id) => since(id) < BUSY_MS)
    .sort((a, b) => Number(before.has(b)) - Number(before.has(a)) || since(a) - since(b));
  const calm = inView.filter((id) => since(id) >= BUSY_MS);
  const ranked = [...busy, ...calm.filter((id) => before.has(id)), ...calm.filter((id) => !before.has(id))];
  return new Set(ranked.slice(0, budget));
}

/** How many tiles may move, lowered when this machine drops pictures, and raised again one by one when it does not. */
export class Budget {
  limit: number;
  private readonly most: number;
  private calmSince = 0;

  constructor(most = MOST_MOVING) {
    this.most = most;
    this.limit = most;
  }

  /** Pictures shown and dropped since the last call. True: the limit is another one now. */
  note(shown: number, dropped: number, now: number): boolean {
    const before = this.limit;
    if (shown + dropped > 20 && dropped / (shown + dropped) > DROPPED_SHARE) {
      this.limit = Math.max(LEAST_MOVING, Math.floor(this.limit * 0.8));
      this.calmSince = now;
    } else if (this.limit < this.most && now - this.calmSince >= CALM_MS) {
      this.limit += 1;
      this.calmSince = now;
    }
    return this.limit !== before;
  }
}
