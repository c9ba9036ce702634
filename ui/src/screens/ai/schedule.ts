import type { Hours, Schedule } from "./modules";

export const DAYS = [0, 1, 2, 3, 4, 5, 6] as const;
export const MOST_ROWS = 28;
const DAY_MIN = 1_440;

/** `08:30`; the end of a day is `00:00`, as clocks show it. */
export const clockText = (minutes: number): string => {
  const within = minutes % DAY_MIN;
  return `${String(Math.floor(within / 60)).padStart(2, "0")}:${String(within % 60).padStart(2, "0")}`;
};

export function minutesOf(text: string): number | null {
  const match = /^(\d{1,2}):(\d{2})/.exec(text);
  if (match === null) return null;
  const [hour, minute] = [Number(match[1]), Number(match[2])];
  return hour < 24 && minute < 60 ? hour * 60 + minute : null;
}

export const OFFICE: Hours = { days: [0, 1, 2, 3, 4], start_min: 8 * 60, end_min: 18 * 60 };

export const isOvernight = (row: Hours): boolean => row.end_min <= row.start_min;

export const toggled = (row: Hours, day: number): Hours => ({
  ...row,
  days: row.days.includes(day)
    ? row.days.filter((one) => one !== day)
    : [...row.days, day].sort((a, b) => a - b),
});

/** Whether the server takes it. */
export const isWhole = (schedule: Schedule): boolean =>
  schedule.hours.length > 0 && schedule.hours.every((row) => row.days.length > 0);

/** Short names of the days in the page's language, Monday first. */
export function dayNames(language: string, width: "short" | "long" = "short"): string[] {
  const format = new Intl.DateTimeFormat(language, { weekday: width, timeZone: "UTC" });
  return DAYS.map((day) => format.format(Date.UTC(2024, 0, 1 + day)));
}

/** Days in a row are told by the first and the last. */
export function daysText(days: readonly number[], names: readonly string[]): string {
  const runs: [number, number][] = [];
  for (const day of [...days].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === day - 1) last[1] = day;
    else runs.push([day, day]);
  }
  return runs
    .map(([first, last]) => {
      if (first === last) return names[first];
      return last === first + 1 ? `${names[first]}, ${names[last]}` : `${names[first]}–${names[last]}`;
    })
    .join(", ");
}

export const rowText = (row: Hours, names: readonly string[]): string =>
  `${daysText(row.days, names)} ${clockText(row.start_min)}–${clockText(row.end_min)}`;
