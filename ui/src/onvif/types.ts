import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";
import type { Fault } from "@/api/types";

/** What the contract of ONVIF carries. */

export interface FoundCamera {
  url: string;
  host: string;
  name: string;
  model: string;
  location: string;
  /** The camera of the house that has this address already. */
  camera: string | null;
}

export type DiscoverLine =
  | ({ type: "found" } & FoundCamera)
  | { type: "done"; found: number }
  | { type: "failed"; code: string; message: string };

export interface OnvifProfile {
  token: string;
  name: string;
  codec: string;
  width: number;
  height: number;
  fps: number;
  bitrate_bps: number;
  url: string;
}

export interface OnvifDevice {
  url: string;
  manufacturer: string;
  model: string;
  firmware: string;
  serial: string;
  ptz: boolean;
  events: boolean;
  clock_difference_s: number | null;
  profiles: OnvifProfile[];
}

export interface Description {
  ok: boolean;
  hops: { hop: string; ok: boolean; ms: number; detail: string }[];
  error: Fault | null;
  device: OnvifDevice | null;
}

export interface Preset {
  token: string;
  name: string;
}

export interface Standing {
  linked: boolean;
  error: Fault | null;
  manufacturer: string;
  model: string;
  firmware: string;
  serial: string;
  ptz: boolean;
  presets: Preset[];
  clock_difference_s: number | null;
}

/** A clock that is off by less is not worth a word: devices tell whole seconds. */
export const CLOCK_OFF_S = 2;

/** Asks the camera itself; so not often, and not again when it does not answer. */
export const onvifQuery = (camera: string) =>
  queryOptions({
    queryKey: ["onvif", camera],
    staleTime: 60_000,
    retry: false,
    refetchOnWindowFocus: false,
    queryFn: ({ signal }) => request<Standing>("GET", `/api/cameras/${camera}/onvif`, undefined, signal),
  });
