/** Waiting time before try `attempt` (1, 2, …): doubles from 0.5 s to `limitMs`, with full jitter over its upper half. */
export function backoffMs(attempt: number, limitMs = 10_000, random: () => number = Math.random): number {
  const ceiling = Math.min(limitMs, 500 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling * (0.5 + 0.5 * random()));
}
