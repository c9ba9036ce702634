import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";
import { quoted } from "./dialling";

/** The address of a camera whose stream a client pushes: there is none to connect to. */
export const PUSHED = "push:";

export interface PushStream {
  stream: string;
  camera: string | null;
  codec: string;
  transport: string;
  source: string;
  units: number;
  lost_packets: number;
  modules: string[];
}

export interface PushConnection {
  peer: string;
  software: string;
  streams: PushStream[];
}

export interface PushClient {
  id: string;
  name: string;
  created_ms: number;
  camera: string | null;
  connections: PushConnection[];
}

export interface PushClientList {
  listening: boolean;
  host: string | null;
  port: number | null;
  pin: string | null;
  clients: PushClient[];
}

export interface NewPushClient {
  client: PushClient;
  token: string;
  pin: string | null;
}

export const pushClientsQuery = queryOptions({
  queryKey: ["push-clients"],
  refetchInterval: 3_000,
  queryFn: ({ signal }) => request<PushClientList>("GET", "/api/push-clients", undefined, signal),
});

export const addPushClient = (name: string, camera: boolean): Promise<NewPushClient> =>
  request<NewPushClient>("POST", "/api/push-clients", { name, camera });

export const setPushCamera = (client: string, camera: boolean): Promise<PushClient> =>
  request<PushClient>("PATCH", `/api/push-clients/${client}`, { camera });

export const removePushClient = (client: string): Promise<void> =>
  request<void>("DELETE", `/api/push-clients/${client}`);

/** Puts token and fingerprint into a file that only its owner reads, as `--token-file` wants it. */
export function tokenFileCommand(client: string, token: string, pin: string): string {
  return `(umask 077; printf '%s\\n' ${quoted(token)} ${quoted(pin)} > ${client}.token)`;
}

export function pushCommand(client: string, host: string, port: number, source: string): string {
  const place = host.includes(":") ? `[${host}]` : host;
  return `haechi client ${quoted(source)} --server ${quoted(`${place}:${port}`)} --token-file ${client}.token`;
}
