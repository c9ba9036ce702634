import { expect, test } from "vitest";
import { ApiError } from "@/api/client";
import type { StorageReport, Tier } from "@/api/keeping";
import { isDiskAway, storageAlarm } from "./alarm";

const NOW = Date.UTC(2026, 10, 21, 12);
const tier = (name: string, failure: string | null = null, minutes = 0): Tier => ({
  name,
  kind: "local",
  url: "",
  recordings: 1,
  bytes: 1,
  free_bytes: 1,
  oldest_ms: null,
  newest_ms: null,
  waiting_bytes: 0,
  oldest_waiting_ms: null,
  failure,
  since_ms: failure === null ? null : NOW - minutes * 60_000,
});
const report = (tiers: Tier[], only_protected = false): StorageReport => ({
  tiers,
  forecast: { bytes_per_day: 0, full_at_ms: null, steady_bytes: null, cameras: [] },
  protected_bytes: 0,
  alarm: only_protected ? "only-protected" : null,
});

test("a healthy storage says nothing, and a tier may fail for ten minutes", () => {
  expect(storageAlarm(report([]), NOW)).toBeNull();
  expect(storageAlarm(report([tier("disk"), tier("far")]), NOW)).toBeNull();
  expect(storageAlarm(report([tier("disk"), tier("far", "503", 9)]), NOW)).toBeNull();
  expect(storageAlarm(report([tier("disk"), tier("far", "503", 11)]), NOW)).toMatchObject({
    kind: "tier",
    name: "far",
  });
});

test("the recording disk is told at once, before anything else", () => {
  const tiers = [tier("disk", "I/O error"), tier("far", "503", 60)];
  expect(storageAlarm(report(tiers, true), NOW)).toEqual({ kind: "disk" });
  expect(storageAlarm(report([tier("disk"), tier("far", "503", 60)], true), NOW)).toEqual({
    kind: "protected",
  });
});

test("a disk that does not even tell its size is away; other errors are not about it", () => {
  expect(isDiskAway(new ApiError(503, "volume-missing", "the recording disk does not answer", null))).toBe(
    true,
  );
  expect(isDiskAway(new ApiError(503, "database-down", "the database does not answer", null))).toBe(false);
  expect(isDiskAway(new TypeError("network"))).toBe(false);
  expect(isDiskAway(null)).toBe(false);
});
