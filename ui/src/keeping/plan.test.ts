import { expect, test } from "vitest";
import type { PlanClass, RetentionPlan } from "@/api/keeping";
import { confirms, planRows, planTotal } from "./plan";

const row = (name: PlanClass["class"], recordings: number, oldest_ms: number): PlanClass => ({
  class: name,
  recordings,
  bytes: recordings * 1_000,
  oldest_ms,
  newest_ms: oldest_ms + 1,
});

const plan: RetentionPlan = {
  cameras: [
    { camera: "cam_a", name: "A", classes: [row("continuous", 3, 200), row("motion", 0, 1)] },
    { camera: "cam_b", name: "B", classes: [row("event", 0, 1)] },
    { camera: "cam_c", name: "C", classes: [row("event", 2, 100)] },
  ],
  total_bytes: 5_000,
};

test("a plan is added up over cameras and classes, empty ones counting for nothing", () => {
  expect(planTotal(plan)).toEqual({ recordings: 5, bytes: 5_000, oldest_ms: 100 });
  expect(planTotal({ cameras: [], total_bytes: 0 })).toEqual({ recordings: 0, bytes: 0, oldest_ms: null });
  expect(planRows(plan).map((camera) => [camera.camera, camera.classes.length])).toEqual([
    ["cam_a", 1],
    ["cam_c", 1],
  ]);
});

test.each([
  ["1321", true],
  ["1,321", true],
  ["1 321", true],
  ["1.321", true],
  ["132", false],
  ["", false],
  ["1321x", false],
])("typing %j confirms 1321: %s", (typed, good) => {
  expect(confirms(typed, 1_321)).toBe(good);
});
