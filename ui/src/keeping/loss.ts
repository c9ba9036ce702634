import type { Accounts, Minute } from "@/api/keeping";

/** Accounts of units, read for the eye. */

const MINUTE_MS = 60_000;

/** How bad a minute is: nothing missing, a little (≤ 2 %), much. */
export type LossLevel = "none" | "some" | "much";

const SOME = 0.02;

export function missingOf(row: Pick<Minute, "missing">): number {
  return Object.values(row.missing).reduce((sum, count) => sum + count, 0);
}

export function levelOf(row: Minute | undefined): LossLevel {
  const missing = row === undefined ? 0 : missingOf(row);
  const share = row === undefined || missing === 0 ? 0 : missing / Math.max(missing, row.expected);
  return share === 0 ? "none" : share <= SOME ? "some" : "much";
}

/** Units that came and are neither stored nor lost: on their way to the disk. */
export function underway(totals: Accounts["totals"]): number {
  const lostLater = missingOf(totals) - (totals.expected - totals.received);
  return Math.max(0, totals.received - totals.stored - Math.max(0, lostLater));
}

/** Causes with their counts, the worst first. */
export const causesOf = (row: Pick<Minute, "missing">): [cause: string, count: number][] =>
  Object.entries(row.missing)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1]);

/** The range cut into at most `most` cells of whole minutes; a cell is as bad as its worst minute. Minutes that are not
 * listed have lost nothing. */
export function strip(accounts: Accounts, start_ms: number, end_ms: number, most: number): LossLevel[] {
  const first = Math.floor(start_ms / MINUTE_MS);
  const count = Math.max(1, Math.ceil(end_ms / MINUTE_MS) - first);
  const per = Math.ceil(count / most);
  const order: LossLevel[] = ["none", "some", "much"];
  const cells = Array.from({ length: Math.ceil(count / per) }, (): LossLevel => "none");
  for (const row of accounts.minutes) {
    const at = Math.floor((Math.floor(row.start_ms / MINUTE_MS) - first) / per);
    const old = cells[at];
    const level = levelOf(row);
    if (old !== undefined && order.indexOf(level) > order.indexOf(old)) cells[at] = level;
  }
  return cells;
}

/** `99.98 %` rounded down, so that a loss never reads as 100 %. */
export function shareText(part: number, whole: number, locale: string): string {
  if (whole === 0) return "–";
  const share = Math.floor((part / whole) * 10_000) / 10_000;
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 2 }).format(share);
}
