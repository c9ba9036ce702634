import type { Severity } from "@/api/types";

/** What each screen keeps in the address, read from whatever somebody typed there. */

type Raw = Record<string, unknown>;

const text = (value: unknown): string | undefined => {
  if (typeof value === "string" && value !== "") return value.slice(0, 200);
  return typeof value === "number" ? String(value) : undefined;
};
const integer = (value: unknown, low: number, high: number): number | undefined => {
  const number = typeof value === "number" ? value : typeof value === "string" ? Number(value) : Number.NaN;
  return Number.isFinite(number) && number >= low && number <= high ? Math.round(number) : undefined;
};
const oneOf = <T extends string>(value: unknown, choices: readonly T[]): T | undefined =>
  choices.find((choice) => choice === String(value));
const flag = (value: unknown): boolean | undefined =>
  value === true || value === "true" ? true : value === false || value === "false" ? false : undefined;

/** Only a path of this site: a link must not lead elsewhere after log-in. */
const localPath = (value: unknown): string | undefined => {
  const path = text(value);
  return path?.startsWith("/") && !path.startsWith("//") && !path.includes("\\") ? path : undefined;
};

export const LAYOUTS = ["auto", "1", "4", "9", "16"] as const;
export type Layout = (typeof LAYOUTS)[number];
const FOREVER = 8_640_000_000_000_000;

export interface LoginSearch {
  next?: string | undefined;
}
export const loginSearch = (raw: Raw): LoginSearch => ({ next: localPath(raw.next) });

/** The one-time token is in the fragment, which browsers send to nobody: no log and no proxy sees it. */
export const setupToken = (hash: string): string | undefined =>
  text(new URLSearchParams(hash.replace(/^#/, "")).get("token"));

export interface LiveSearch {
  layout?: Layout | undefined;
  page?: number | undefined;
}
export const liveSearch = (raw: Raw): LiveSearch => ({
  layout: oneOf<Layout>(raw.layout, LAYOUTS),
  page: integer(raw.page, 1, 1_000),
});

/** `t` is the instant on screen, ms since the epoch; without it the picture is live. */
export interface PlaybackSearch {
  camera?: string | undefined;
  t?: number | undefined;
  span?: number | undefined;
}
export const playbackSearch = (raw: Raw): PlaybackSearch => ({
  camera: text(raw.camera),
  t: integer(raw.t, 0, FOREVER),
  span: integer(raw.span, 10_000, 31 * 86_400_000),
});

export interface EventsSearch {
  camera?: string | undefined;
  label?: string | undefined;
  severity?: Severity | undefined;
  reviewed?: boolean | undefined;
  event?: string | undefined;
}
export const eventsSearch = (raw: Raw): EventsSearch => ({
  camera: text(raw.camera),
  label: text(raw.label),
  severity: oneOf<Severity>(raw.severity, ["alert", "detection"]),
  reviewed: flag(raw.reviewed),
  event: text(raw.event),
});
export const CAMERA_TABS = ["general", "zones", "rules"] as const;

export interface CameraSearch {
  tab?: (typeof CAMERA_TABS)[number] | undefined;
}
export const cameraSearch = (raw: Raw): CameraSearch => ({ tab: oneOf(raw.tab, CAMERA_TABS) });
export const SETTINGS_TABS = ["display", "recording", "models", "account", "about"] as const;

export interface SettingsSearch {
  tab?: (typeof SETTINGS_TABS)[number] | undefined;
}
export const settingsSearch = (raw: Raw): SettingsSearch => ({ tab: oneOf(raw.tab, SETTINGS_TABS) });
