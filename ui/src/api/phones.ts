import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";
import type { Camera } from "./types";

/** A camera that is a phone: watched peer to peer. `phone:record` publishes to this server as well. */
export const isPhone = (camera: Pick<Camera, "url">): boolean =>
  camera.url === "phone:" || camera.url === "phone:record";

export interface Pairing {
  id: string;
  name: string;
  state: "waiting" | "paired" | "expired";
  expires_ms: number;
  camera: string | null;
}

/** The code can be read only here. `url` is a path; `qr_svg` holds the address under which this page was opened. */
export interface NewPairing extends Pairing {
  code: string;
  url: string;
  qr_svg: string;
}

export interface Phone {
  camera: string;
  name: string;
  enabled: boolean;
  paired: boolean;
  paired_ms: number | null;
  record: boolean;
  online: boolean;
  since_ms: number | null;
  viewers: number;
}

export const beginPairing = (wish: { name: string } | { camera: string }): Promise<NewPairing> =>
  request<NewPairing>("POST", "/api/phones/pairings", wish);

export const pairingQuery = (id: string) =>
  queryOptions({
    queryKey: ["phones", "pairing", id],
    staleTime: 0,
    refetchInterval: 1_000,
    queryFn: ({ signal }) => request<Pairing>("GET", `/api/phones/pairings/${id}`, undefined, signal),
  });

export const phoneQuery = (camera: string) =>
  queryOptions({
    queryKey: ["phones", "one", camera],
    staleTime: 1_000,
    refetchInterval: 3_000,
    queryFn: ({ signal }) => request<Phone>("GET", `/api/phones/${camera}`, undefined, signal),
  });

export const changePhone = (camera: string, record: boolean): Promise<Phone> =>
  request<Phone>("PATCH", `/api/phones/${camera}`, { record });

export const unpairPhone = (camera: string): Promise<Phone> =>
  request<Phone>("POST", `/api/phones/${camera}/unpair`);
