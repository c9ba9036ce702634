import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";
import type { Camera, Fault } from "@/api/types";

/** Films: files that are uploaded, and videos of web sites. */

export type FilmState = "uploading" | "fetching" | "waiting" | "importing" | "done" | "failed";

export interface Film {
  id: string;
  camera: string | null;
  name: string;
  url: string | null;
  state: FilmState;
  size_bytes: number;
  received_bytes: number;
  sound: boolean;
  progress: number;
  error: Fault | null;
  start_ms: number | null;
  end_ms: number | null;
  units: number;
  damaged: number;
  created_ms: number;
}

export interface FilmDraft {
  name: string;
  size_bytes?: number;
  url?: string;
  sound: boolean;
  filmed_ms?: number;
}

export interface SitePage {
  title: string;
  live: boolean;
  duration_s: number;
}

/** The address of a film's camera, and of a live picture on a web site. */
export const UPLOAD = "upload:";
export const SITE = "site:";
export const isFilm = (camera: Camera): boolean => camera.url.startsWith(UPLOAD);

const ACTIVE = new Set<FilmState>(["uploading", "fetching", "waiting", "importing"]);
export const isActive = (film: Film): boolean => ACTIVE.has(film.state);

export const filmsQuery = queryOptions({
  queryKey: ["films"],
  staleTime: 500,
  refetchInterval: 15_000,
  queryFn: async ({ signal }): Promise<Film[]> =>
    (await request<{ films: Film[] }>("GET", "/api/films", undefined, signal)).films,
});
