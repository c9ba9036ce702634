import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";
import type { Fault, Severity } from "@/api/types";

/** What a camera notices by itself. */

export const KINDS = [
  "motion",
  "person",
  "vehicle",
  "animal",
  "line",
  "intrusion",
  "tamper",
  "input",
  "sound",
] as const;
export type Kind = (typeof KINDS)[number];

export interface ReportsWish {
  enabled: boolean;
  kinds: Kind[];
  severity: Severity;
  cooldown_s: number;
}

export interface Reports extends ReportsWish {
  state: "off" | "unlinked" | "connecting" | "listening" | "failed";
  since_ms: number;
  error: Fault | null;
  heard: number;
  last_ms: number | null;
  last_topic: string;
}

export interface Topics {
  topics: { topic: string; kind: Kind | null }[];
  error: Fault | null;
}

export const reportsQuery = (camera: string) =>
  queryOptions({
    queryKey: ["reports", camera],
    refetchInterval: 3_000,
    queryFn: ({ signal }) => request<Reports>("GET", `/api/cameras/${camera}/reports`, undefined, signal),
  });

/** Asks the camera itself; so not often, and not again when it does not answer. */
export const topicsQuery = (camera: string) =>
  queryOptions({
    queryKey: ["reports", camera, "topics"],
    staleTime: 300_000,
    retry: false,
    refetchOnWindowFocus: false,
    queryFn: ({ signal }) =>
      request<Topics>("GET", `/api/cameras/${camera}/reports/topics`, undefined, signal),
  });

/** The kinds that a camera says it can tell; null: it did not say. */
export function offered(topics: Topics | undefined): ReadonlyMap<Kind, string[]> | null {
  if (topics === undefined || topics.error !== null) return null;
  const found = new Map<Kind, string[]>();
  for (const { topic, kind } of topics.topics)
    if (kind !== null) found.set(kind, [...(found.get(kind) ?? []), topic]);
  return found;
}
