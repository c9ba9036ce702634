import { instantOf, wallTime } from "./zone";

/** What a `datetime-local` field carries: the wall clock of the site, without its zone. */

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** `2026-11-21T14:03:22`: what the wall clock shows at `ms` in `zone`. */
export function localText(ms: number, zone: string): string {
  const at = wallTime(ms, zone);
  return `${pad(at.year, 4)}-${pad(at.month)}-${pad(at.day)}T${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
}

/** The instant of such a text, null when it is none. */
export function parseLocal(text: string, zone: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$/.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0)) as [number, number, number, number, number, number];
  const good = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60;
  return good ? instantOf(zone, year, month, day, hour, minute, second) : null;
}
