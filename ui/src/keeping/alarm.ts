import { ApiError } from "@/api/client";
import type { StorageReport } from "@/api/keeping";

/** What about the storage must be told on every page; the worst first. */
export type StorageAlarm =
  | { kind: "disk" }
  | { kind: "protected" }
  | { kind: "tier"; name: string; since_ms: number };

export const DISK: StorageAlarm = { kind: "disk" };

/** What the server answers when it cannot even ask the recording disk for its size. */
export const isDiskAway = (error: unknown): boolean =>
  error instanceof ApiError && error.code === "volume-missing";

/** A tier may rest for a while (a restart, a cut line): nothing is lost by it. */
export const TIER_PATIENCE_MS = 600_000;

export function storageAlarm(report: StorageReport, now_ms: number): StorageAlarm | null {
  const [first, ...further] = report.tiers;
  if (first !== undefined && first.failure !== null) return DISK;
  if (report.alarm === "only-protected") return { kind: "protected" };
  for (const { name, failure, since_ms } of further)
    if (failure !== null && since_ms !== null && now_ms - since_ms > TIER_PATIENCE_MS)
      return { kind: "tier", name, since_ms };
  return null;
}
