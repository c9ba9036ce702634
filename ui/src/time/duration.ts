/** `0:07`, `12:05`, `1:02:03` from milliseconds. */
export function clockDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1_000));
  const pad = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(total / 3_600);
  const minutes = Math.floor((total % 3_600) / 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(total % 60)}` : `${minutes}:${pad(total % 60)}`;
}

/** `12 s`, `5 min`, `3 h`, `2 d` in the reader's language: the largest unit that fits. */
export function roughDuration(ms: number, locale: string): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [value, unit] =
    seconds < 60
      ? ([seconds, "second"] as const)
      : seconds < 3_600
        ? ([Math.round(seconds / 60), "minute"] as const)
        : seconds < 86_400
          ? ([Math.round(seconds / 3_600), "hour"] as const)
          : ([Math.round(seconds / 86_400), "day"] as const);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
}

/** `1.4 GB`, decimal units as disks are sold. */
export function byteSize(bytes: number, locale: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
  let value = bytes;
  let index = 0;
  while (value >= 1_000 && index < units.length - 1) {
    value /= 1_000;
    index += 1;
  }
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: units[index] as string,
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && index > 0 ? 1 : 0,
  }).format(value);
}

/** `1.5 Mbit/s` */
export function bitRate(bps: number, locale: string): string {
  const number = (value: number): string =>
    new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(value);
  return bps >= 1_000_000 ? `${number(bps / 1_000_000)} Mbit/s` : `${Math.round(bps / 1_000)} kbit/s`;
}
