import { type ExportJob, isActive } from "@/api/keeping";

/** What the export tray shows: values in, values out. */

const RECENT_MS = 24 * 3_600_000;

/** Everything under way, and what ended within a day and was not put away. Who cancelled knows it: not shown. */
export function trayJobs(jobs: readonly ExportJob[], away: ReadonlySet<string>, now_ms: number): ExportJob[] {
  return jobs.filter(
    (job) =>
      isActive(job) ||
      (job.state !== "cancelled" && !away.has(job.id) && now_ms - job.created_ms < RECENT_MS),
  );
}

export interface TraySummary {
  active: number;
  done: number;
  failed: number;
  /** 0…1 over all that is under way, each by its length. */
  progress: number;
}

export function summaryOf(jobs: readonly ExportJob[]): TraySummary {
  const active = jobs.filter(isActive);
  const length = (job: ExportJob): number => Math.max(1, job.end_ms - job.start_ms);
  const whole = active.reduce((sum, job) => sum + length(job), 0);
  const made = active.reduce((sum, job) => sum + length(job) * Math.min(1, Math.max(0, job.progress)), 0);
  return {
    active: active.length,
    done: jobs.filter((job) => job.state === "done").length,
    failed: jobs.filter((job) => job.state === "failed").length,
    progress: whole === 0 ? 0 : made / whole,
  };
}

export type TrayNews = { kind: "started" | "done" | "failed"; job: ExportJob };

/** What to say aloud: jobs that came, and jobs that ended while somebody was here. `before` null: the first look. */
export function newsOf(before: readonly ExportJob[] | null, after: readonly ExportJob[]): TrayNews[] {
  if (before === null) return [];
  const old = new Map(before.map((job) => [job.id, job.state]));
  return after.flatMap<TrayNews>((job) => {
    const was = old.get(job.id);
    if (was === job.state) return [];
    if (job.state === "done" || job.state === "failed") return [{ kind: job.state, job }];
    return was === undefined && isActive(job) ? [{ kind: "started", job }] : [];
  });
}

/** Remembered as text; only of jobs that are still listed, so that it does not grow. */
export const awayText = (away: ReadonlySet<string>, jobs: readonly ExportJob[]): string =>
  jobs
    .map((job) => job.id)
    .filter((id) => away.has(id))
    .join(" ");
export const awayOf = (text: string | null): ReadonlySet<string> => new Set((text ?? "").split(" "));
