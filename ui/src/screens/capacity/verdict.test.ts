import { describe, expect, test } from "vitest";
import type { CameraLoad, CapacityReport, WorkerLoad } from "./api";
import { toneOf, verdictOf } from "./verdict";

const worker: WorkerLoad = {
  number: 0,
  ready: true,
  streams: 1,
  used: 0.2,
  wanted: 0.2,
  late_s: 0.1,
  memory_bytes: null,
  restarts: 0,
};
const camera: CameraLoad = {
  camera: "cam_a",
  name: "Door",
  on: true,
  worker: 0,
  cost_ms_s: 200,
  used_ms_s: 200,
  wanted_units_s: 25,
  given_units_s: 25,
  wanted_looks_s: 5,
  given_looks_s: 5,
  shed_units: 0,
  thinned_looks: 0,
  level: "all",
};
const report: CapacityReport = {
  cores: 4,
  idle_cores: 3,
  promised: 0.85,
  workers: [worker],
  cameras: [camera],
  more: { like_mean: 3, like_dearest: 3 },
};

describe("what is said first", () => {
  test("room, no room, or not known yet", () => {
    expect(verdictOf(report)).toBe("room");
    expect(verdictOf({ ...report, more: { like_mean: 0, like_dearest: 0 } })).toBe("full");
    expect(verdictOf({ ...report, more: { like_mean: null, like_dearest: null } })).toBe("unknown");
  });

  test("what is wrong comes before it", () => {
    expect(verdictOf({ ...report, cameras: [{ ...camera, level: "half" }] })).toBe("strained");
    expect(verdictOf({ ...report, workers: [{ ...worker, ready: false }] })).toBe("away");
    expect(verdictOf({ ...report, workers: [] })).toBe("off");
  });
});

test("a worker's tone goes by what is wanted of it", () => {
  expect(toneOf(worker, 0.85)).toBe("good");
  expect(toneOf({ ...worker, wanted: 0.9 }, 0.85)).toBe("warning");
  expect(toneOf({ ...worker, wanted: 1.3 }, 0.85)).toBe("critical");
  expect(toneOf({ ...worker, ready: false }, 0.85)).toBe("critical");
});
