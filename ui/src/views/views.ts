import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";
import type { Point } from "@/api/types";

/** Where a camera looks, and whether its picture is healthy: as the server says it. */

export type Trouble = "black" | "bright" | "blurred" | "covered" | "frozen" | "noisy";

/** How things in the picture moved: pixels of a picture 1280 wide, degrees clockwise. */
export interface Shift {
  x: number;
  y: number;
  degrees: number;
  scale: number;
}

/** 3 x 3, row by row, in shares of width and height. */
export type Transform = number[];

export interface View {
  id: string;
  kind: "moved" | "asked" | "renewed";
  status: "applied" | "open" | "accepted" | "undone" | "settled";
  at_ms: number;
  reason: string;
  transform: Transform | null;
  /** Beside the entry that was in force before. */
  step: Transform | null;
  shift: Shift | null;
  error_px: number;
  inliers: number;
  decided_by: string;
  decided_ms: number | null;
  newest: boolean;
}

export interface Views {
  transform: Transform;
  troubles: { trouble: Trouble; since_ms: number }[];
  views: View[];
}

export interface ViewAlarm {
  camera: string;
  name: string;
  kind: "trouble" | "asked" | "moved";
  detail: string;
  since_ms: number;
}

const REFRESH_MS = 5_000;
const ALARMS_MS = 10_000;

export const viewsQuery = (camera: string) =>
  queryOptions({
    queryKey: ["views", camera],
    refetchInterval: REFRESH_MS,
    queryFn: ({ signal }) => request<Views>("GET", `/api/cameras/${camera}/views`, undefined, signal),
  });

export const viewAlarmsQuery = queryOptions({
  queryKey: ["view-alarms"],
  refetchInterval: ALARMS_MS,
  queryFn: async ({ signal }) =>
    (await request<{ alarms: ViewAlarm[] }>("GET", "/api/views", undefined, signal)).alarms,
});

export const decideView = (camera: string, view: string, how: "accept" | "undo") =>
  request<View>("POST", `/api/cameras/${camera}/views/${view}/${how}`);

export const renewView = (camera: string) => request<View>("POST", `/api/cameras/${camera}/views`);

export const viewStill = (camera: string, view: string, side: "before" | "after"): string =>
  `/api/cameras/${camera}/views/${view}/${side}.jpg`;

/** Points of one view in another. */
export function through(points: readonly Point[], transform: Transform): Point[] {
  const [a, b, c, d, e, f, g, h] = transform as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return points.map(([x, y]) => {
    const depth = g * x + h * y + 1;
    return [(a * x + b * y + c) / depth, (d * x + e * y + f) / depth];
  });
}

/** How far the middle of the picture moved, in pixels of a picture 1280 wide. */
export const distance = (shift: Shift): number => Math.hypot(shift.x, shift.y);
