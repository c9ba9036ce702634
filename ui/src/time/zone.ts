/** The site's clock: every time on screen is in the zone of the site, never of the browser. */

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale}|${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale, options);
    formats.set(key, found);
  }
  return found;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name !== "";
  } catch {
    return false;
  }
}

export interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** What a clock on the wall shows at `ms` (since the epoch) in `zone`. */
export function wallTime(ms: number, zone: string): WallTime {
  const parts = format("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(ms);
  const value = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value);
  return {
    year: value("year"),
    month: value("month"),
    day: value("day"),
    hour: value("hour"),
    minute: value("minute"),
    second: value("second"),
  };
}

/** Offset from UTC at `ms`, milliseconds, east positive. */
export function offsetMs(ms: number, zone: string): number {
  const wall = wallTime(ms, zone);
  const asUtc = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
  return asUtc - Math.floor(ms / 1_000) * 1_000;
}

/** `+09:00` */
export function offsetText(ms: number, zone: string): string {
  const minutes = Math.round(offsetMs(ms, zone) / 60_000);
  const sign = minutes < 0 ? "-" : "+";
  const pad = (value: number): string => String(value).padStart(2, "0");
  return `${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
}

/** `KST +09:00`; only the offset where the zone has no short name of its own. */
export function zoneBadge(ms: number, zone: string): string {
  const known: Record<string, string> = {
    "Asia/Seoul": "KST",
    "Asia/Tokyo": "JST",
    "Etc/UTC": "UTC",
    UTC: "UTC",
  };
  const named = format("en-US", { timeZone: zone, timeZoneName: "short" })
    .formatToParts(ms)
    .find((part) => part.type === "timeZoneName")?.value;
  const short = known[zone] ?? (named !== undefined && /^[A-Z]{2,5}$/.test(named) ? named : null);
  return short === null ? `UTC${offsetText(ms, zone)}` : `${short} ${offsetText(ms, zone)}`;
}

/** The instant at which a wall clock in `zone` shows this; in a skipped hour, the instant the clock jumps to. */
export function instantOf(
  zone: string,
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): number {
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  const first = asUtc - offsetMs(asUtc, zone);
  const second_ = asUtc - offsetMs(first, zone);
  return offsetMs(second_, zone) === offsetMs(first, zone) ? second_ : Math.max(first, second_);
}

/** `2026-11-21` in `zone`. */
export function dayOf(ms: number, zone: string): string {
  const wall = wallTime(ms, zone);
  const pad = (value: number): string => String(value).padStart(2, "0");
  return `${wall.year}-${pad(wall.month)}-${pad(wall.day)}`;
}

/** First instant of the day (23, 24 or 25 hours long), and of the next. */
export function dayBounds(day: string, zone: string): { start_ms: number; end_ms: number } {
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return { start_ms: instantOf(zone, year, month, date), end_ms: instantOf(zone, year, month, date + 1) };
}

export interface SiteClock {
  zone: string;
  locale: string;
  time(ms: number): string;
  timeMinutes(ms: number): string;
  timeMillis(ms: number): string;
  date(ms: number): string;
  dateTime(ms: number): string;
  badge(ms: number): string;
}

export function siteClock(zone: string, locale: string): SiteClock {
  const pad = (value: number, width = 2): string => String(value).padStart(width, "0");
  const time = (ms: number): string => {
    const wall = wallTime(ms, zone);
    return `${pad(wall.hour)}:${pad(wall.minute)}:${pad(wall.second)}`;
  };
  const date = (ms: number): string =>
    format(locale, { timeZone: zone, year: "numeric", month: "short", day: "numeric" }).format(ms);
  return {
    zone,
    locale,
    time,
    timeMinutes: (ms) => time(ms).slice(0, 5),
    timeMillis: (ms) => `${time(ms)}.${pad(((Math.floor(ms) % 1_000) + 1_000) % 1_000, 3)}`,
    date,
    dateTime: (ms) => `${date(ms)} ${time(ms)}`,
    badge: (ms) => zoneBadge(ms, zone),
  };
}
