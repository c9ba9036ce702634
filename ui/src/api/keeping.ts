import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { query, request } from "./client";
import type { Fault } from "./types";

/** Exports, bookmarks, retention, storage, audit, accounts: what the HTTP contract carries. Times are integer ms. */

export type ExportState = "queued" | "running" | "done" | "failed" | "cancelled";

/** One file of an export: a new one begins each hour, and where the camera changed its coding. */
export interface ExportPart {
  number: number;
  bytes: number;
  start_ms: number;
  end_ms: number;
}

export interface ExportJob {
  id: string;
  camera: string;
  name: string;
  start_ms: number;
  end_ms: number;
  state: ExportState;
  progress: number;
  bytes: number | null;
  error: Fault | null;
  burn_in: boolean;
  /** The camera's sound goes with it. */
  sound: boolean;
  parts: ExportPart[];
  created_ms: number;
  expires_ms: number | null;
}

export interface ExportDraft {
  camera: string;
  start_ms: number;
  end_ms: number;
  burn_in?: boolean;
  sound?: boolean;
  name?: string;
}

export interface ClipEstimate {
  bytes: number;
  duration_ms: number;
  units: number;
  start_ms: number;
  end_ms: number;
  /** How many an export of it becomes. */
  files: number;
  /** What sound adds; 0: none is recorded there. */
  sound_bytes: number;
}

export interface Bookmark {
  id: string;
  camera: string;
  start_ms: number;
  end_ms: number | null;
  note: string;
  by: string;
  keep: boolean;
  created_ms: number;
}

export interface Tier {
  name: string;
  kind: string;
  url: string;
  recordings: number;
  bytes: number;
  free_bytes: number | null;
  oldest_ms: number | null;
  newest_ms: number | null;
  waiting_bytes: number;
  oldest_waiting_ms: number | null;
  failure: string | null;
  since_ms: number | null;
}

export interface CameraForecast {
  camera: string;
  name: string;
  bytes: number;
  bytes_per_day: number;
  oldest_ms: number | null;
}

export interface StorageReport {
  tiers: Tier[];
  forecast: {
    bytes_per_day: number;
    full_at_ms: number | null;
    steady_bytes: number | null;
    cameras: CameraForecast[];
  };
  protected_bytes: number;
  /** Recording has stopped: there is no room, and all that is left is protected. */
  alarm: "only-protected" | null;
}

/** How long footage is kept: days by class, and at most so many bytes. */
export interface Policy {
  continuous_days: number;
  motion_days: number;
  event_days: number;
  max_bytes: number | null;
  purpose: string;
  audio: boolean;
}

/** Of one camera: null is "as the default". */
export interface CameraPolicy {
  continuous_days: number | null;
  motion_days: number | null;
  event_days: number | null;
  max_bytes: number | null;
  purpose: string;
  audio: boolean | null;
  /** Whether it is recorded at all; the default has no such thing. */
  enabled?: boolean | null;
}

/** With what it comes to. */
export interface CameraPolicyOut extends CameraPolicy {
  effective: Policy;
}

export type RecordingClass = "continuous" | "motion" | "event" | "protected";

export interface PlanClass {
  class: RecordingClass;
  recordings: number;
  bytes: number;
  oldest_ms: number;
  newest_ms: number;
}

export interface RetentionPlan {
  cameras: { camera: string; name: string; classes: PlanClass[] }[];
  total_bytes: number;
}

export interface AuditEntry {
  number: number;
  at_ms: number;
  user: string;
  action: string;
  object: string;
  detail: string;
  hash: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  next_before: number | null;
}

export interface AuditVerdict {
  ok: boolean;
  entries: number;
  broken_at: number | null;
}

export interface Minute {
  start_ms: number;
  expected: number;
  received: number;
  stored: number;
  decoded: number;
  missing: Record<string, number>;
}

export interface Accounts {
  minutes: Minute[];
  totals: Omit<Minute, "start_ms">;
}

export const isActive = (job: ExportJob): boolean => job.state === "queued" || job.state === "running";

/** The list with this job in it: new ones come first. */
export const withJob = (jobs: ExportJob[], job: ExportJob): ExportJob[] =>
  jobs.some((row) => row.id === job.id) ? jobs.map((row) => (row.id === job.id ? job : row)) : [job, ...jobs];

/** News come by push; asked again by itself as well, faster while something runs, should the socket be down. */
export const exportsQuery = queryOptions({
  queryKey: ["exports"],
  staleTime: 2_000,
  refetchInterval: ({ state }: { state: { data?: ExportJob[] | undefined } }) =>
    state.data?.some(isActive) ? 2_000 : 30_000,
  queryFn: async ({ signal }): Promise<ExportJob[]> => {
    const { exports } = await request<{ exports: ExportJob[] }>("GET", "/api/exports", undefined, signal);
    return [...exports].sort((a, b) => b.created_ms - a.created_ms);
  },
});

export const estimateQuery = (camera: string, start_ms: number, end_ms: number) =>
  queryOptions({
    queryKey: ["estimate", camera, start_ms, end_ms],
    enabled: end_ms > start_ms,
    queryFn: ({ signal }) =>
      request<ClipEstimate>(
        "GET",
        `/api/cameras/${camera}/clip/estimate${query({ start_ms, end_ms })}`,
        undefined,
        signal,
      ),
  });

export interface BookmarkFilter {
  camera?: string | undefined;
  start_ms?: number | undefined;
  end_ms?: number | undefined;
}

export const bookmarksQuery = (filter: BookmarkFilter) =>
  queryOptions({
    queryKey: ["bookmarks", filter],
    queryFn: async ({ signal }) => {
      const { bookmarks } = await request<{ bookmarks: Bookmark[] }>(
        "GET",
        `/api/bookmarks${query({ ...filter })}`,
        undefined,
        signal,
      );
      return [...bookmarks].sort((a, b) => b.start_ms - a.start_ms);
    },
  });

export const storageQuery = queryOptions({
  queryKey: ["storage"],
  staleTime: 10_000,
  /** A disk that fails is told within so long; the server keeps its answer for as long as it took to make. */
  refetchInterval: 10_000,
  queryFn: ({ signal }) => request<StorageReport>("GET", "/api/storage", undefined, signal),
});

export const policyQuery = queryOptions({
  queryKey: ["retention", "default"],
  queryFn: ({ signal }) => request<Policy>("GET", "/api/retention", undefined, signal),
});

export const cameraPolicyQuery = (camera: string) =>
  queryOptions({
    queryKey: ["retention", camera],
    queryFn: ({ signal }) =>
      request<CameraPolicyOut>("GET", `/api/cameras/${camera}/retention`, undefined, signal),
  });

/** What a wished policy would delete, if it held from now on. Deletes nothing. */
export const planQuery = (camera: string | null, wish: Policy | CameraPolicy) =>
  queryOptions({
    queryKey: ["retention", "plan", camera, wish],
    staleTime: 0,
    queryFn: ({ signal }) =>
      request<RetentionPlan>("POST", "/api/retention/plan", { camera, ...wish }, signal),
  });

export interface AuditFilter {
  user?: string | undefined;
  action?: string | undefined;
  after_ms?: number | undefined;
  before_ms?: number | undefined;
}

const AUDIT_PAGE = 100;

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) =>
      request<AuditPage>(
        "GET",
        `/api/audit${query({ ...filter, limit: AUDIT_PAGE, before: pageParam })}`,
        undefined,
        signal,
      ),
    getNextPageParam: (page) => page.next_before,
  });

export const accountsQuery = (camera: string, start_ms: number, end_ms: number) =>
  queryOptions({
    queryKey: ["accounts", camera, start_ms, end_ms],
    queryFn: ({ signal }) =>
      request<Accounts>(
        "GET",
        `/api/cameras/${camera}/accounts${query({ start_ms, end_ms })}`,
        undefined,
        signal,
      ),
  });
