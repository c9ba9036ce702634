import { QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, query, rememberSession, request } from "./client";
import type {
  Camera,
  Counts,
  EventDetail,
  EventPage,
  Line,
  Rule,
  Session,
  Settings,
  SystemInfo,
  Timeline,
  User,
  Zone,
} from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) =>
        count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      refetchOnWindowFocus: true,
    },
  },
});

export const setupQuery = queryOptions({
  queryKey: ["setup"],
  queryFn: () => request<{ needed: boolean }>("GET", "/api/setup"),
});

/** Null when nobody is logged in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: 60_000,
  // Not abortable: the router waits for this answer while components that also read it come and go.
  queryFn: async (): Promise<Session | null> => {
    try {
      const session = await request<Session>("GET", "/api/session");
      rememberSession(session);
      return session;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        rememberSession(null);
        return null;
      }
      throw error;
    }
  },
});

export const systemQuery = queryOptions({
  queryKey: ["system"],
  staleTime: 15_000,
  refetchInterval: 30_000,
  queryFn: ({ signal }) => request<SystemInfo>("GET", "/api/system", undefined, signal),
});

export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => request<Settings>("GET", "/api/settings", undefined, signal),
});

export const camerasQuery = queryOptions({
  queryKey: ["cameras"],
  refetchInterval: 15_000,
  queryFn: async ({ signal }) => {
    const { cameras } = await request<{ cameras: Camera[] }>("GET", "/api/cameras", undefined, signal);
    return [...cameras].sort((a, b) => a.position - b.position || a.created_ms - b.created_ms);
  },
});

/** Where zones lie in the camera's picture now, or in that of a moment. */
export const zonesQuery = (camera: string, at?: number) =>
  queryOptions({
    queryKey: at === undefined ? ["zones", camera] : ["zones", camera, at],
    queryFn: async ({ signal }) =>
      (
        await request<{ zones: Zone[] }>(
          "GET",
          `/api/cameras/${camera}/zones${query({ at })}`,
          undefined,
          signal,
        )
      ).zones,
  });

export const linesQuery = (camera: string) =>
  queryOptions({
    queryKey: ["lines", camera],
    queryFn: async ({ signal }) =>
      (await request<{ lines: Line[] }>("GET", `/api/cameras/${camera}/lines`, undefined, signal)).lines,
  });

export const countsQuery = (camera: string, startMs: number, endMs: number, bucket: Counts["bucket"]) =>
  queryOptions({
    queryKey: ["counts", camera, startMs, endMs, bucket],
    queryFn: ({ signal }) =>
      request<Counts>(
        "GET",
        `/api/cameras/${camera}/counts${query({ start_ms: startMs, end_ms: endMs, bucket })}`,
        undefined,
        signal,
      ),
  });

export const rulesQuery = (camera: string) =>
  queryOptions({
    queryKey: ["rules", camera],
    queryFn: async ({ signal }) =>
      (await request<{ rules: Rule[] }>("GET", `/api/cameras/${camera}/rules`, undefined, signal)).rules,
  });

export const timelineQuery = (camera: string, start_ms: number, end_ms: number) =>
  queryOptions({
    queryKey: ["timeline", camera, start_ms, end_ms],
    staleTime: 5_000,
    queryFn: ({ signal }) =>
      request<Timeline>(
        "GET",
        `/api/cameras/${camera}/timeline${query({ start_ms, end_ms })}`,
        undefined,
        signal,
      ),
  });

export const daysQuery = (camera: string, zone: string) =>
  queryOptions({
    queryKey: ["days", camera, zone],
    staleTime: 60_000,
    queryFn: async ({ signal }) =>
      (
        await request<{ days: string[] }>(
          "GET",
          `/api/cameras/${camera}/days${query({ zone })}`,
          undefined,
          signal,
        )
      ).days,
  });

export interface EventFilter {
  camera?: string | undefined;
  label?: string | undefined;
  severity?: string | undefined;
  reviewed?: boolean | undefined;
  before_ms?: number | undefined;
  after_ms?: number | undefined;
  limit?: number | undefined;
}

export const fetchEvents = (filter: EventFilter, signal?: AbortSignal): Promise<EventPage> =>
  request<EventPage>("GET", `/api/events${query({ ...filter })}`, undefined, signal);

export const eventsQuery = (filter: EventFilter) =>
  queryOptions({
    queryKey: ["events", "list", filter],
    queryFn: ({ signal }) => fetchEvents(filter, signal),
  });

export const eventQuery = (id: string) =>
  queryOptions({
    queryKey: ["events", "one", id],
    queryFn: ({ signal }) => request<EventDetail>("GET", `/api/events/${id}`, undefined, signal),
  });

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: async ({ signal }) =>
    (await request<{ users: User[] }>("GET", "/api/users", undefined, signal)).users,
});
