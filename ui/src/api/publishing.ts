import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";

/** The address of a camera that a browser or an encoder publishes: there is none to connect to. */
export const PUBLISHED = "whip:";

export interface Publish {
  listening: boolean;
  port: number | null;
  path: string;
  issued_ms: number | null;
  peer: string | null;
  who: string | null;
  connected_ms: number | null;
  rivals: number;
  rival_peer: string | null;
  rival_ms: number | null;
}

export interface PublishToken {
  token: string;
  publish: Publish;
}

export const publishQuery = (camera: string) =>
  queryOptions({
    queryKey: ["publish", camera],
    staleTime: 2_000,
    refetchInterval: 5_000,
    queryFn: ({ signal }) => request<Publish>("GET", `/api/cameras/${camera}/publish`, undefined, signal),
  });

export const newPublishToken = (camera: string): Promise<PublishToken> =>
  request<PublishToken>("POST", `/api/cameras/${camera}/publish/token`);

/** The page on which a phone publishes. The token stands behind the `#`: browsers do not send that to any server. */
export function publishPage(origin: string, camera: string, token: string): string {
  return `${origin}/publish/${camera}#${token}`;
}

export const whipUrl = (origin: string, camera: string): string => `${origin}/${camera}/whip`;
