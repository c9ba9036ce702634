import type { CapacityReport, WorkerLoad } from "./api";

/** What is to be said first: nothing runs, something is given up, a worker is away, it is tight, or there is room. */
export type Verdict = "off" | "unknown" | "strained" | "away" | "full" | "room";

export function verdictOf(report: CapacityReport): Verdict {
  if (report.workers.length === 0) return "off";
  if (report.workers.some((worker) => !worker.ready)) return "away";
  if (report.cameras.some((camera) => camera.level !== "all")) return "strained";
  if (report.more.like_mean === null) return "unknown";
  return report.more.like_mean === 0 ? "full" : "room";
}

export type Tone = "good" | "warning" | "critical";

/** How a worker's bar is coloured: by what is wanted of it, since what it uses cannot exceed its time. */
export function toneOf(worker: WorkerLoad, promised: number): Tone {
  if (!worker.ready || worker.wanted > 1) return "critical";
  return worker.wanted > promised ? "warning" : "good";
}
