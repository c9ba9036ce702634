import { expect, test } from "vitest";
import type { ExportJob, ExportState } from "@/api/keeping";
import { awayOf, awayText, newsOf, summaryOf, trayJobs } from "./tray";

const NOW = Date.UTC(2026, 10, 21, 12);

const job = (id: string, state: ExportState, more: Partial<ExportJob> = {}): ExportJob => ({
  id,
  camera: "cam_door",
  name: "",
  start_ms: NOW - 60_000,
  end_ms: NOW - 30_000,
  state,
  progress: state === "done" ? 1 : 0,
  bytes: null,
  error: null,
  burn_in: false,
  sound: false,
  parts: [],
  created_ms: NOW - 1_000,
  expires_ms: null,
  ...more,
});

test("what runs is always in the tray; what ended is until it is put away or a day old", () => {
  const old = NOW - 25 * 3_600_000;
  const jobs = [
    job("a", "running", { created_ms: old }),
    job("b", "done"),
    job("c", "done", { created_ms: old }),
    job("d", "failed"),
    job("e", "cancelled"),
  ];
  const shown = (away: string): string[] => trayJobs(jobs, awayOf(away), NOW).map((row) => row.id);
  expect(shown("")).toEqual(["a", "b", "d"]);
  expect(shown("a b")).toEqual(["a", "d"]);
});

test("progress over several jobs weighs each by its length", () => {
  const jobs = [
    job("a", "running", { start_ms: 0, end_ms: 3_000, progress: 1 }),
    job("b", "queued", { start_ms: 0, end_ms: 1_000, progress: 0 }),
    job("c", "done"),
    job("d", "failed"),
  ];
  expect(summaryOf(jobs)).toEqual({ active: 2, done: 1, failed: 1, progress: 0.75 });
  expect(summaryOf([]).progress).toBe(0);
});

test("news are what changed since the last look, and nothing at the first", () => {
  const before = [job("a", "running"), job("b", "running"), job("c", "done")];
  const after = [
    job("a", "done"),
    job("b", "running", { progress: 0.5 }),
    job("c", "done"),
    job("d", "queued"),
  ];
  expect(newsOf(null, after)).toEqual([]);
  expect(newsOf(before, after).map((row) => [row.kind, row.job.id])).toEqual([
    ["done", "a"],
    ["started", "d"],
  ]);
  expect(newsOf([], [job("e", "done")]).map((row) => row.kind)).toEqual(["done"]);
});

test("what was put away is remembered only while it is listed", () => {
  expect(awayText(awayOf("a b gone"), [job("b", "done"), job("c", "done")])).toBe("b");
});
