import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";

/** What `GET /api/capacity` says; see docs/ref/api.md. Shares are of one worker's time. */
export interface WorkerLoad {
  number: number;
  ready: boolean;
  streams: number;
  used: number;
  wanted: number;
  late_s: number;
  memory_bytes: number | null;
  restarts: number;
}

export interface CameraLoad {
  camera: string;
  name: string;
  on: boolean;
  worker: number | null;
  cost_ms_s: number | null;
  used_ms_s: number;
  wanted_units_s: number;
  given_units_s: number;
  wanted_looks_s: number;
  given_looks_s: number;
  shed_units: number;
  thinned_looks: number;
  level: "all" | "half" | "quarter" | "sync";
}

export interface CapacityReport {
  cores: number;
  idle_cores: number | null;
  promised: number;
  workers: WorkerLoad[];
  cameras: CameraLoad[];
  more: { like_mean: number | null; like_dearest: number | null };
}

export const capacityQuery = queryOptions({
  queryKey: ["capacity"],
  refetchInterval: 3_000,
  queryFn: ({ signal }) => request<CapacityReport>("GET", "/api/capacity", undefined, signal),
});

export const inspectionQuery = (camera: string) =>
  queryOptions({
    queryKey: ["inspection", camera],
    queryFn: ({ signal }) =>
      request<{ on: boolean }>("GET", `/api/cameras/${camera}/inspection`, undefined, signal),
  });

export const switchInspection = (camera: string, on: boolean): Promise<{ on: boolean }> =>
  request<{ on: boolean }>("PUT", `/api/cameras/${camera}/inspection`, { on });
