import { query, request } from "@/api/client";
import type { AskTimeline, TimelineBody } from "./tiles";

export const askTimeline: AskTimeline = (cameras, span, buckets, signal) =>
  request<TimelineBody>(
    "GET",
    `/api/timeline${query({ cameras: cameras.join(","), ...span, buckets })}`,
    undefined,
    signal,
  );
