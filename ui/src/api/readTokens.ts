import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";

/** What a player or another system watches with. `id` is the user name for RTSP. */
export interface ReadToken {
  id: string;
  name: string;
  user_id: string;
  user: string;
  cameras: string[] | null;
  created_ms: number;
  expires_ms: number | null;
  used_ms: number | null;
}

export interface NewReadToken {
  read_token: ReadToken;
  token: string;
}

/** Where a camera is watched. All but `rtsp` are paths on this server. */
export interface Addresses {
  rtsp: string | null;
  hls: string;
  mjpeg: string;
  whep: string;
}

export const readTokensQuery = queryOptions({
  queryKey: ["read-tokens"],
  queryFn: async ({ signal }) =>
    (await request<{ read_tokens: ReadToken[] }>("GET", "/api/read-tokens", undefined, signal)).read_tokens,
});

export const addressesQuery = (camera: string) =>
  queryOptions({
    queryKey: ["addresses", camera],
    queryFn: ({ signal }) => request<Addresses>("GET", `/api/cameras/${camera}/addresses`, undefined, signal),
  });

export const addReadToken = (
  name: string,
  cameras: string[] | null,
  expires_ms: number | null,
): Promise<NewReadToken> => request<NewReadToken>("POST", "/api/read-tokens", { name, cameras, expires_ms });

export const removeReadToken = (id: string): Promise<void> =>
  request<void>("DELETE", `/api/read-tokens/${id}`);

export type Way = "rtsp" | "hls" | "mjpeg" | "whep";

/** The addresses as a player takes them: RTSP with the token as password, the others with it in the query. */
export function shown(at: Addresses, origin: string, made: NewReadToken | null): [Way, string][] {
  const query = made === null ? "" : `?token=${made.token}`;
  const user = made === null ? "" : `${made.read_token.id}:${made.token}@`;
  const ways: [Way, string][] =
    at.rtsp === null ? [] : [["rtsp", at.rtsp.replace("rtsp://", `rtsp://${user}`)]];
  for (const way of ["hls", "mjpeg", "whep"] as const) ways.push([way, `${origin}${at[way]}${query}`]);
  return ways;
}
