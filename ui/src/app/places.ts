import {
  type Icon,
  IconBookmark,
  IconDatabase,
  IconDeviceCctv,
  IconGauge,
  IconHistory,
  IconLayoutGrid,
  IconListCheck,
  IconListSearch,
  IconMovie,
  IconSettings,
  IconUsers,
} from "@tabler/icons-react";

/** The pages of the house, in the order of the menu. */
export interface Place {
  to:
    | "/live"
    | "/playback"
    | "/events"
    | "/bookmarks"
    | "/exports"
    | "/cameras"
    | "/storage"
    | "/capacity"
    | "/users"
    | "/audit"
    | "/settings";
  key:
    | "live"
    | "playback"
    | "events"
    | "bookmarks"
    | "exports"
    | "cameras"
    | "storage"
    | "capacity"
    | "users"
    | "audit"
    | "settings";
  icon: Icon;
  /** After `g`. */
  letter: string;
  /** Not in the bar of a phone: behind "More" there. */
  wide?: true;
  admin?: true;
}

const PLACES: readonly Place[] = [
  { to: "/live", key: "live", icon: IconLayoutGrid, letter: "l" },
  { to: "/playback", key: "playback", icon: IconHistory, letter: "p" },
  { to: "/events", key: "events", icon: IconListSearch, letter: "e" },
  { to: "/bookmarks", key: "bookmarks", icon: IconBookmark, letter: "b", wide: true },
  { to: "/exports", key: "exports", icon: IconMovie, letter: "x", wide: true },
  { to: "/cameras", key: "cameras", icon: IconDeviceCctv, letter: "c" },
  { to: "/storage", key: "storage", icon: IconDatabase, letter: "o", wide: true, admin: true },
  { to: "/capacity", key: "capacity", icon: IconGauge, letter: "i", wide: true, admin: true },
  { to: "/users", key: "users", icon: IconUsers, letter: "u", wide: true, admin: true },
  { to: "/audit", key: "audit", icon: IconListCheck, letter: "a", wide: true, admin: true },
  { to: "/settings", key: "settings", icon: IconSettings, letter: "s", wide: true },
];
const OPEN = PLACES.filter((place) => !place.admin);

export const placesFor = (admin: boolean): readonly Place[] => (admin ? PLACES : OPEN);
