import type { HopName } from "@/api/types";

/** What somebody types as an address, recognised while they type. */

export const SCHEMES = {
  rtsp: "rtsp",
  rtsps: "rtsp",
  http: "http",
  https: "http",
  rtmp: "rtmp",
  rtmps: "rtmp",
} as const;
export type AddressKind = (typeof SCHEMES)[keyof typeof SCHEMES];

export type Recognised =
  | { kind: AddressKind }
  | { kind: "empty" }
  | { kind: "site" }
  | { kind: "unknown"; scheme: string };

/** Sites whose pages are no streams; the server knows the whole list. */
const SITES = ["youtube.com", "youtu.be", "vimeo.com", "dailymotion.com", "twitch.tv"];

export function recognise(text: string): Recognised {
  const typed = text.trim();
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(typed);
  if (match === null) return { kind: "empty" };
  const scheme = (match[1] as string).toLowerCase();
  const host = (match[2] as string).replace(/^.*@/, "").replace(/:\d*$/, "").toLowerCase();
  if (SITES.some((site) => host === site || host.endsWith(`.${site}`))) return { kind: "site" };
  const kind = (SCHEMES as Record<string, AddressKind | undefined>)[scheme];
  return kind === undefined ? { kind: "unknown", scheme } : { kind };
}

/** The hops that an address of a kind is expected to take. */
export function hopsOf(text: string): readonly HopName[] {
  const found = recognise(text);
  const secure: HopName[] = /^(rtsps|https|rtmps):/i.test(text.trim()) ? ["tls"] : [];
  if (text.trim().startsWith("webcam:")) return ["device", "picture"];
  if (found.kind === "rtmp") return ["dns", "tcp", ...secure, "rtmp", "picture"];
  if (text.trim().startsWith("site:")) return ["site", "dns", "tcp", "http", "picture"];
  return found.kind === "http"
    ? ["dns", "tcp", ...secure, "http", "auth", "picture"]
    : ["dns", "tcp", ...secure, "rtsp", "auth", "describe", "setup", "picture"];
}
