import { queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";

interface SoundSpans {
  spans: { start_ms: number; end_ms: number }[];
}

/** Where sound of a camera is recorded. */
export const soundQuery = (camera: string, start_ms: number, end_ms: number) =>
  queryOptions({
    queryKey: ["sound", camera, start_ms, end_ms],
    queryFn: ({ signal }) =>
      request<SoundSpans>(
        "GET",
        `/api/cameras/${camera}/sound${query({ start_ms, end_ms })}`,
        undefined,
        signal,
      ),
    staleTime: 30_000,
    retry: false,
  });
