import { instantOf, wallTime } from "@/time/zone";

/** Times as people type them, on the wall clock of a zone. */

interface TimeOfDay {
  hour: number;
  minute: number;
  second: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `14:03`, `14:03:22` on the wall clock of `zone`, on the day of `near_ms`; null when it is not a time. */
export function parseClock(text: string, near_ms: number, zone: string): number | null {
  const time = /:/.test(text) ? timeOfDay(text) : null;
  return time === null ? null : at(near_ms, 0, time, zone);
}

const DAYS: readonly (readonly [RegExp, number])[] = [
  [/^(the day before yesterday|그저께|그제|一昨日|おととい)\s*/i, -2],
  [/^(yesterday|어제|昨日|きのう)\s*/i, -1],
  [/^(today|오늘|今日|きょう)\s*/i, 0],
];
const WEEKDAYS = [
  /^(sun(day)?|일요일|日曜日?)(?![a-z])\s*/i,
  /^(mon(day)?|월요일|月曜日?)(?![a-z])\s*/i,
  /^(tue(s|sday)?|화요일|火曜日?)(?![a-z])\s*/i,
  /^(wed(nesday)?|수요일|水曜日?)(?![a-z])\s*/i,
  /^(thu(r|rs|rsday)?|목요일|木曜日?)(?![a-z])\s*/i,
  /^(fri(day)?|금요일|金曜日?)(?![a-z])\s*/i,
  /^(sat(urday)?|토요일|土曜日?)(?![a-z])\s*/i,
];
const AGO =
  /^(\d{1,4})\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|초|분|시간|일|秒|分|時間|日)\s*(ago|전|前)$/i;
const UNIT_MS: readonly (readonly [RegExp, number])[] = [
  [/^(s|초|秒)/i, 1_000],
  [/^(m|분|分)/i, MINUTE_MS],
  [/^(h|시간|時間)/i, HOUR_MS],
  [/^(d|일|日)/i, DAY_MS],
];

/**
 * `yesterday 3pm`, `mon 9:30`, `2026-11-20 15:00`, `11/20 15:00`, `14:03:22`, `10 min ago`, `어제 오후 3시`,
 * `昨日 15時`; a time alone is on the day of `near_ms`, a day alone keeps its time. Null: not understood.
 */
export function parseWhen(text: string, near_ms: number, now_ms: number, zone: string): number | null {
  const words = text.trim();
  if (words === "") return null;
  const ago = AGO.exec(words);
  if (ago !== null) {
    const unit = UNIT_MS.find(([name]) => name.test(ago[2] as string))?.[1] ?? 0;
    return now_ms - Number(ago[1]) * unit;
  }
  const named = dayWord(words, now_ms, zone) ?? dayNumbers(words, now_ms, zone);
  if (named === null) {
    const time = timeOfDay(words);
    return time === null ? null : at(near_ms, 0, time, zone);
  }
  const time = named.rest === "" ? wallTime(near_ms, zone) : timeOfDay(named.rest);
  if (time === null) return null;
  return instantOf(zone, named.year, named.month, named.day, time.hour, time.minute, time.second);
}

interface Day {
  year: number;
  month: number;
  day: number;
  rest: string;
}

function dayWord(words: string, now_ms: number, zone: string): Day | null {
  const today = wallTime(now_ms, zone);
  for (const [pattern, days] of DAYS) {
    if (pattern.test(words)) return { ...shifted(today, days), rest: words.replace(pattern, "") };
  }
  const weekday = WEEKDAYS.findIndex((pattern) => pattern.test(words));
  if (weekday < 0) return null;
  const own = new Date(Date.UTC(today.year, today.month - 1, today.day)).getUTCDay();
  const back = (own - weekday + 7) % 7;
  return { ...shifted(today, -back), rest: words.replace(WEEKDAYS[weekday] as RegExp, "") };
}

function dayNumbers(words: string, now_ms: number, zone: string): Day | null {
  const full = /^(\d{4})[-/.년年]\s*(\d{1,2})[-/.월月]\s*(\d{1,2})[일日]?(?:\s+|T|$)/.exec(words);
  const short = /^(\d{1,2})[/월月]\s*(\d{1,2})[일日]?(?:\s+|$)/.exec(words);
  const found = full ?? short;
  if (found === null) return null;
  const numbers = found.slice(1).map(Number);
  const [year, month, day] = (full === null ? [wallTime(now_ms, zone).year, ...numbers] : numbers) as [
    number,
    number,
    number,
  ];
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  // A day without its year is the last such day.
  const last = full === null && Date.UTC(year, month - 1, day) > now_ms + DAY_MS ? year - 1 : year;
  return { year: last, month, day, rest: words.slice(found[0].length).trim() };
}

function timeOfDay(text: string): TimeOfDay | null {
  const match =
    /^\s*(am|pm|오전|오후|午前|午後)?\s*(\d{1,2})(?:[:시時]\s*(\d{1,2})?(?:[:분分]\s*(\d{1,2})?[초秒]?)?)?\s*(am|pm|a|p)?\s*$/i.exec(
      text,
    );
  if (match === null) return null;
  const half = (match[1] ?? match[5] ?? "").toLowerCase();
  const [hours, minute, second] = [Number(match[2]), Number(match[3] ?? 0), Number(match[4] ?? 0)];
  if (!/[:시時]/.test(text) && half === "") return null;
  if (minute > 59 || second > 59 || hours > 23 || (half !== "" && (hours < 1 || hours > 12))) return null;
  const late = ["pm", "p", "오후", "午後"].includes(half);
  const hour = half === "" ? hours : (hours % 12) + (late ? 12 : 0);
  return { hour, minute, second };
}

function shifted(day: { year: number; month: number; day: number }, days: number): Omit<Day, "rest"> {
  const date = new Date(Date.UTC(day.year, day.month - 1, day.day + days));
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

function at(near_ms: number, days: number, time: TimeOfDay, zone: string): number {
  const { year, month, day } = shifted(wallTime(near_ms, zone), days);
  return instantOf(zone, year, month, day, time.hour, time.minute, time.second);
}
