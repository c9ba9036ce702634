import type { Severity } from "@/api/types";
import { WAYS, type Way } from "@/screens/cameras/wayNames";

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

export const LAYOUTS = ["auto", "1", "4", "9", "16", "25", "36", "64", "100"] as const;
export type Layout = (typeof LAYOUTS)[number];
const FOREVER = 8_640_000_000_000_000;

export interface LoginSearch {
  next?: string | undefined;
}
export const loginSearch = (raw: Raw): LoginSearch => ({ next: localPath(raw.next) });

/** The one-time token is in the fragment, which browsers send to nobody: no log and no proxy sees it. */
export const setupToken = (hash: string): string | undefined =>
  text(new URLSearchParams(hash.replace(/^#/, "")).get("token"));

/** `wall`: a layout that is kept, by its id; `layout`: how many tiles, where it is not as in that. */
export interface LiveSearch {
  layout?: Layout | undefined;
  page?: number | undefined;
  wall?: string | undefined;
}
export const liveSearch = (raw: Raw): LiveSearch => ({
  layout: oneOf<Layout>(raw.layout, LAYOUTS),
  page: integer(raw.page, 1, 1_000),
  wall: text(raw.wall),
});

/** `way`: where the pictures come from; `url`: of a page on a web site that was typed elsewhere. */
export interface NewCameraSearch {
  way?: Way | undefined;
  url?: string | undefined;
}
export const newCameraSearch = (raw: Raw): NewCameraSearch => ({
  way: oneOf<Way>(raw.way, WAYS),
  url: text(raw.url),
});

export const MOST_CAMERAS = 16;

/**
 * `t` is the instant on screen, ms since the epoch; without it the picture is live. `camera` is the one that keys act
 * on, `cameras` (commas between them) all that are shown; `from` and `to` are the marks.
 */
export interface PlaybackSearch {
  camera?: string | undefined;
  cameras?: string | undefined;
  t?: number | undefined;
  span?: number | undefined;
  speed?: number | undefined;
  large?: boolean | undefined;
  from?: number | undefined;
  to?: number | undefined;
}
const speedOf = (value: unknown): number | undefined => {
  const number = typeof value === "boolean" || value === null || value === "" ? Number.NaN : Number(value);
  return [0.25, 0.5, 1, 2, 4, 8, 16].includes(Math.abs(number)) ? number : undefined;
};
export const playbackSearch = (raw: Raw): PlaybackSearch => ({
  camera: text(raw.camera),
  cameras: typeof raw.cameras === "string" ? raw.cameras.slice(0, 1_000) || undefined : text(raw.cameras),
  t: integer(raw.t, 0, FOREVER),
  span: integer(raw.span, 10_000, 31 * 86_400_000),
  speed: speedOf(raw.speed),
  large: flag(raw.large),
  from: integer(raw.from, 0, FOREVER),
  to: integer(raw.to, 0, FOREVER),
});

/** The cameras of an address, each once; without any the first there is. */
export function camerasOf(search: PlaybackSearch, known: readonly string[]): string[] {
  const listed = [...new Set((search.cameras ?? "").split(",").filter((id) => known.includes(id)))];
  if (listed.length > 0) return listed.slice(0, MOST_CAMERAS);
  if (search.camera !== undefined) return known.includes(search.camera) ? [search.camera] : [];
  return search.cameras === undefined ? known.slice(0, 1) : [];
}

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
export const LOSS_HOURS = [1, 6, 24] as const;

/** `losses`: how many hours of accounts are open over the picture, up to `at` (ms), without it up to now. */
export interface CameraLiveSearch {
  losses?: number | undefined;
  at?: number | undefined;
}
export const cameraLiveSearch = (raw: Raw): CameraLiveSearch => ({
  losses: LOSS_HOURS.find((hours) => hours === integer(raw.losses, 1, 24)),
  at: integer(raw.at, 0, FOREVER),
});

export const EXPORT_STATES = ["active", "done", "failed"] as const;

export interface ExportsSearch {
  state?: (typeof EXPORT_STATES)[number] | undefined;
  camera?: string | undefined;
}
export const exportsSearch = (raw: Raw): ExportsSearch => ({
  state: oneOf(raw.state, EXPORT_STATES),
  camera: text(raw.camera),
});

/** `2026-11-21`: a day of the site's calendar. */
const day = (value: unknown): string | undefined =>
  typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;

export interface BookmarksSearch {
  camera?: string | undefined;
  text?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  kept?: boolean | undefined;
}
export const bookmarksSearch = (raw: Raw): BookmarksSearch => ({
  camera: text(raw.camera),
  text: text(raw.text),
  since: day(raw.since),
  until: day(raw.until),
  kept: flag(raw.kept) === true ? true : undefined,
});

/** `policy`: whose policy is being edited, a camera's id or `default`. */
export interface StorageSearch {
  policy?: string | undefined;
}
export const storageSearch = (raw: Raw): StorageSearch => ({ policy: text(raw.policy) });

export const AUDIT_ACTIONS = [
  "view",
  "export",
  "delete",
  "settings",
  "pin",
  "users",
  "cameras",
  "review",
  "speak",
  "log-in",
  "log-out",
  "refused",
] as const;

export interface AuditSearch {
  user?: string | undefined;
  action?: (typeof AUDIT_ACTIONS)[number] | undefined;
  since?: string | undefined;
  until?: string | undefined;
}
export const auditSearch = (raw: Raw): AuditSearch => ({
  user: text(raw.user),
  action: oneOf(raw.action, AUDIT_ACTIONS),
  since: day(raw.since),
  until: day(raw.until),
});
export const SETTINGS_TABS = ["display", "recording", "models", "clients", "account", "about"] as const;

export interface SettingsSearch {
  tab?: (typeof SETTINGS_TABS)[number] | undefined;
}
export const settingsSearch = (raw: Raw): SettingsSearch => ({ tab: oneOf(raw.tab, SETTINGS_TABS) });
