import type { PlanClass, RetentionPlan } from "@/api/keeping";

/** What a dry run says, added up. */

export interface PlanTotal {
  recordings: number;
  bytes: number;
  oldest_ms: number | null;
}

const add = (sum: PlanTotal, row: PlanClass): PlanTotal => ({
  recordings: sum.recordings + row.recordings,
  bytes: sum.bytes + row.bytes,
  oldest_ms: sum.oldest_ms === null ? row.oldest_ms : Math.min(sum.oldest_ms, row.oldest_ms),
});

export const planTotal = (plan: RetentionPlan): PlanTotal =>
  plan.cameras
    .flatMap((camera) => camera.classes)
    .filter((row) => row.recordings > 0)
    .reduce(add, { recordings: 0, bytes: 0, oldest_ms: null });

/** Only cameras and classes that lose something. */
export const planRows = (plan: RetentionPlan): RetentionPlan["cameras"] =>
  plan.cameras
    .map((camera) => ({ ...camera, classes: camera.classes.filter((row) => row.recordings > 0) }))
    .filter((camera) => camera.classes.length > 0);

/** Whether what was typed is the number of recordings that go: digits only, grouped as people like. */
export const confirms = (typed: string, count: number): boolean =>
  typed.replace(/[\s.,'’\u202f\u00a0]/g, "") === String(count);
