import { RUNGS, type Rung } from "./engine";

export type Choice = Rung | "auto";

export const isChoice = (name: string): name is Choice =>
  name === "auto" || (RUNGS as readonly string[]).includes(name);

/** `again`: the same rung, after a pause; `down`: the next one at once; `stop`: nothing can be done. */
export type Step = "again" | "down" | "stop";

/** Nobody may see the camera, or it is not there: no other way shows it either. */
const DENIED = new Set(["camera-not-found", "not-signed-in", "session-ended", "watching-withdrawn"]);
/** It passes: the camera is away, the server restarts, the way broke for a moment. */
const PASSING = new Set([
  "stream-not-live",
  "camera-disabled",
  "whep-not-ready",
  "server-unreachable",
  "stream-changed",
  "throttled",
  "engine-lost",
  "engine-stuck",
]);
/** Not of this camera but of this network: other cameras need not find out for themselves. */
const OF_THE_NETWORK = new Set(["engine-unreachable", "engine-no-picture"]);
const BARRED_MS = 5 * 60_000;
const MOST_LOST = 3;
const LOST_WITHIN_MS = 60_000;

/** What this page knows of its network: rungs that did not work a short while ago, for all cameras. */
export class Barred {
  private readonly until = new Map<Rung, number>();

  bar(rung: Rung, nowMs: number): void {
    this.until.set(rung, nowMs + BARRED_MS);
  }

  has(rung: Rung, nowMs: number): boolean {
    return nowMs < (this.until.get(rung) ?? 0);
  }

  /** The network is another one, or the computer slept: everything may work again. */
  clear(): void {
    this.until.clear();
  }
}

/** On which rung one camera is, and what follows when it breaks. No timers in here. */
export class Rungs {
  private readonly ways: readonly Rung[];
  private readonly choice: Choice;
  private readonly barred: Barred;
  private readonly tried = new Set<Rung>();
  private lost: number[] = [];

  /** `ways`: those that there are, the best first; the last one always works. */
  constructor(choice: Choice, ways: readonly Rung[], barred: Barred) {
    this.choice = choice;
    this.ways = ways;
    this.barred = barred;
  }

  /** The best that is not known to fail. */
  current(nowMs: number): Rung {
    if (this.choice !== "auto") return this.choice;
    const last = this.ways[this.ways.length - 1] ?? "stills";
    return this.ways.find((rung) => !this.tried.has(rung) && !this.barred.has(rung, nowMs)) ?? last;
  }

  failed(rung: Rung, code: string, nowMs: number): Step {
    if (DENIED.has(code)) return "stop";
    const forced = this.choice !== "auto";
    if (OF_THE_NETWORK.has(code)) {
      if (forced) return "again";
      this.barred.bar(rung, nowMs);
      return this.down(rung);
    }
    if (!PASSING.has(code)) return forced ? "stop" : this.down(rung);
    if (code.startsWith("engine-"))
      this.lost = [...this.lost.filter((at) => nowMs - at < LOST_WITHIN_MS), nowMs];
    return !forced && this.lost.length >= MOST_LOST ? this.down(rung) : "again";
  }

  private down(rung: Rung): Step {
    this.lost = [];
    this.tried.add(rung);
    return rung === this.ways[this.ways.length - 1] ? "again" : "down";
  }

  /** Begin at the top once more. */
  reset(): void {
    this.tried.clear();
    this.lost = [];
    this.barred.clear();
  }
}
