import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";

/** The address of a camera that dials out to us: there is none to connect to. */
export const REVERSE = "reverse:";

/** What a camera keeps on its own disk while it cannot reach us. */
export interface DialMemory {
  bytes: number;
  limit_bytes: number;
  waiting_ms: number;
  lost_units: number;
}

export interface Dial {
  listening: boolean;
  host: string | null;
  port: number | null;
  pin: string | null;
  issued_ms: number | null;
  peer: string | null;
  connected_ms: number | null;
  rivals: number;
  rival_peer: string | null;
  rival_ms: number | null;
  sent_to: string | null;
  sent_ms: number | null;
  memory: DialMemory | null;
}

export interface DialToken {
  token: string;
  dial: Dial;
}

export const dialQuery = (camera: string) =>
  queryOptions({
    queryKey: ["dial", camera],
    staleTime: 2_000,
    refetchInterval: 5_000,
    queryFn: ({ signal }) => request<Dial>("GET", `/api/cameras/${camera}/dial`, undefined, signal),
  });

export const newToken = (camera: string): Promise<DialToken> =>
  request<DialToken>("POST", `/api/cameras/${camera}/dial/token`);

/** A word of a shell command: as it is where that is safe, else in single quotes. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export interface DialPlan {
  camera: string;
  host: string;
  port: number;
  pin: string;
  source: string;
}

export function tokenCommand(camera: string, token: string): string {
  return `(umask 077; echo ${quoted(token)} > ${camera}.token)`;
}

export function dialCommand({ camera, host, port, pin, source }: DialPlan): string {
  const place = host.includes(":") ? `[${host}]` : host;
  const server = quoted(`${place}:${port}`);
  return `haechi camera dial --server ${server} --camera ${camera} --token-file ${camera}.token --pin ${pin} --source ${quoted(source)}`;
}
