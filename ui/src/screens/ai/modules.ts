import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";

/** Which modules there are, which of them look at a camera, and when: as the server says it. */

export interface ModuleInfo {
  name: string;
  version: string;
  licence: string;
  where: "worker" | "process";
  kind: "frame" | "keyframe" | "track" | "snippet";
  fps: number;
  needs: string[];
  weights: string[];
  has_weights: boolean;
  is_loaded: boolean;
  error: string;
  cameras: number;
  looks: number;
  late: number;
  missed: number;
  failures: Record<string, number>;
  quarantined: number;
}

/** From one minute of the day to another, on some days (0 is Monday); an end that is not later is on the next day. */
export interface Hours {
  days: number[];
  start_min: number;
  end_min: number;
}

export interface Schedule {
  hours: Hours[];
  outside: boolean;
}

export type ModuleState = "off" | "resting" | "starting" | "running" | "failing" | "missing";

export interface CameraModule {
  name: string;
  enabled: boolean;
  schedule: Schedule | null;
  state: ModuleState;
  error: string;
  cost_ms: number | null;
}

export const modulesQuery = queryOptions({
  queryKey: ["modules"],
  refetchInterval: 5_000,
  queryFn: async ({ signal }) =>
    (await request<{ modules: ModuleInfo[] }>("GET", "/api/modules", undefined, signal)).modules,
});

export const cameraModulesQuery = (camera: string) =>
  queryOptions({
    queryKey: ["modules", camera],
    refetchInterval: 5_000,
    queryFn: async ({ signal }) =>
      (await request<{ modules: CameraModule[] }>("GET", `/api/cameras/${camera}/modules`, undefined, signal))
        .modules,
  });

export interface Series {
  module: string;
  name: string;
  /** Seconds since 1970, and a value in [0, 1]; oldest first. */
  points: [number, number][];
  reasons: string[];
}

export interface Scores {
  now_s: number;
  series: Series[];
}

export const scoresOf = (camera: string, signal?: AbortSignal): Promise<Scores> =>
  request<Scores>("GET", `/api/cameras/${camera}/scores`, undefined, signal);

export const putModule = (
  camera: string,
  module: { name: string; enabled: boolean; schedule: Schedule | null },
): Promise<{ modules: CameraModule[] }> =>
  request("PUT", `/api/cameras/${camera}/modules`, { modules: [module] });
