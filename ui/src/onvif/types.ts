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

/** The smaller stream that is remembered of a camera. */
export interface SubStream {
  url: string;
  codec: string;
  width: number;
  height: number;
  fps: number;
}

/** Where a camera speaks ONVIF, which of its profiles is ours, and a smaller one. */
export interface DeviceLink {
  url: string;
  profile: string;
  sub: SubStream | null;
}

export interface ClockResult {
  before_s: number | null;
  after_s: number | null;
  was_ntp: boolean;
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
  url: string;
  sub: SubStream | null;
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

const area = (one: OnvifProfile): number => one.width * one.height;

/** What a link says of a device's profile that somebody chose: with the smallest other one that is smaller. */
export function linkOf(device: OnvifDevice, chosen: OnvifProfile): DeviceLink {
  const smaller = device.profiles
    .filter((one) => one.url !== "" && area(one) > 0 && area(one) < area(chosen))
    .filter((one) => one.codec === "h264" || one.codec === "h265")
    .sort((a, b) => area(a) - area(b))[0];
  const sub =
    smaller === undefined
      ? null
      : {
          url: smaller.url,
          codec: smaller.codec,
          width: smaller.width,
          height: smaller.height,
          fps: smaller.fps,
        };
  return { url: device.url, profile: chosen.token, sub };
}

/** The profile whose address is that of a camera's stream: host, port and path alike, however they are written. */
export function matching(device: OnvifDevice, stream: string): OnvifProfile | undefined {
  const plain = (url: string): string =>
    url
      .toLowerCase()
      .replace(/^rtsp:\/\/([^/?]+?)(:554)?(?=[/?]|$)/, "rtsp://$1")
      .replace(/\/+$/, "");
  return device.profiles.find((one) => one.url !== "" && plain(one.url) === plain(stream));
}
