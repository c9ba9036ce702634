import type { CameraLoad, CapacityReport } from "../src/screens/capacity/api";
import { cameras } from "./fixtures";

/** What looking costs: the stand-in's answers. One camera is too much for its process, one is not looked at. */

const off = new Set<string>();

const load = (camera: { id: string; name: string }, index: number): CameraLoad => {
  if (off.has(camera.id)) return { ...nothing, camera: camera.id, name: camera.name };
  const cost = [412.6, 188.2, 96.4, 61, 44.8, 12.5][index % 6] ?? 50;
  const tight = index === 0;
  return {
    camera: camera.id,
    name: camera.name,
    on: true,
    worker: index % 2,
    cost_ms_s: index === 4 ? null : cost,
    used_ms_s: tight ? cost * 0.6 : cost,
    wanted_units_s: 25,
    given_units_s: 25,
    wanted_looks_s: 5,
    given_looks_s: tight ? 2.5 : 5,
    shed_units: tight ? 12 : 0,
    thinned_looks: tight ? 184 : 0,
    level: tight ? "half" : "all",
  };
};

const nothing: Omit<CameraLoad, "camera" | "name"> = {
  on: false,
  worker: null,
  cost_ms_s: null,
  used_ms_s: 0,
  wanted_units_s: 0,
  given_units_s: 0,
  wanted_looks_s: 0,
  given_looks_s: 0,
  shed_units: 0,
  thinned_looks: 0,
  level: "all",
};

const capacity = (): CapacityReport => ({
  cores: 4,
  idle_cores: 1.7,
  promised: 0.85,
  workers: [
    worker(0, { used: 0.62, wanted: 0.91, late_s: 0.38, restarts: 1 }),
    worker(1, { used: 0.31, wanted: 0.31, late_s: 0.09, restarts: 0 }),
  ],
  cameras: cameras.map(load).sort((a, b) => (b.cost_ms_s ?? 0) - (a.cost_ms_s ?? 0)),
  more: { like_mean: 4, like_dearest: 1 },
});

const worker = (
  number: number,
  more: { used: number; wanted: number; late_s: number; restarts: number },
): CapacityReport["workers"][number] => ({
  number,
  ready: true,
  streams: 3,
  memory_bytes: 231_000_000 + number * 9_000_000,
  ...more,
});

export const capacityRoutes: [
  method: string,
  path: RegExp,
  answer: (call: { id: string; body: Record<string, unknown> }) => unknown,
][] = [
  ["GET", /^\/api\/capacity$/, capacity],
  ["GET", /^\/api\/cameras\/(\w+)\/inspection$/, ({ id }) => ({ on: !off.has(id) })],
  [
    "PUT",
    /^\/api\/cameras\/(\w+)\/inspection$/,
    ({ id, body }) => {
      if (body.on === true) off.delete(id);
      else off.add(id);
      return { on: body.on };
    },
  ],
];
