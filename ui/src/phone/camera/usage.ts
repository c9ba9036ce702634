import { kept } from "./paired";

/** What this phone sends is counted: mobile data costs. */
export interface Month {
  /** `2026-11`, by the phone's clock. */
  name: string;
  bytes: number;
}

const KEY = "haechi.phone.sent";
const KEEP_BYTES = 1_000_000;

interface SentRow {
  type: string;
  bytesSent?: number;
  headerBytesSent?: number;
}

/** Of a browser's figures: what went out, sound and picture, with the heads of the packets. */
export function sentBytes(rows: { forEach(look: (row: SentRow) => void): void }): number {
  let sum = 0;
  rows.forEach((row) => {
    if (row.type === "outbound-rtp") sum += (row.bytesSent ?? 0) + (row.headerBytesSent ?? 0);
  });
  return sum;
}

export function readMonth(text: string | null, name: string): Month {
  try {
    const found = JSON.parse(text ?? "{}") as Partial<Month>;
    const { bytes } = found;
    if (found.name === name && typeof bytes === "number" && bytes >= 0) return { name, bytes };
  } catch {
    return { name, bytes: 0 };
  }
  return { name, bytes: 0 };
}

const nameOf = (now: Date): string => `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}`;

/** Adds up what all connections sent, since duty began and in this month. */
export class Usage {
  session = 0;
  private month: Month;
  private unkept = 0;
  private readonly last = new WeakMap<object, number>();

  constructor(now = new Date()) {
    this.month = kept(
      (storage) => readMonth(storage.getItem(KEY), nameOf(now)),
      readMonth(null, nameOf(now)),
    );
  }

  get thisMonth(): number {
    return this.month.bytes;
  }

  /** A connection has sent so much since it began. */
  sent(connection: object, bytes: number, now = new Date()): void {
    const more = Math.max(0, bytes - (this.last.get(connection) ?? 0));
    this.last.set(connection, bytes);
    if (this.month.name !== nameOf(now)) this.month = { name: nameOf(now), bytes: 0 };
    this.session += more;
    this.month.bytes += more;
    this.unkept += more;
    if (this.unkept >= KEEP_BYTES) this.keep();
  }

  keep(): void {
    this.unkept = 0;
    kept((storage) => storage.setItem(KEY, JSON.stringify(this.month)), undefined);
  }
}

/** `12 MB`, `1.2 GB`, as the page's language writes it. */
export function shownBytes(bytes: number, language: string): string {
  const giga = bytes >= 1e9;
  const unit = giga ? "gigabyte" : "megabyte";
  const most = giga || bytes < 1e7 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: most }).format(
    bytes / (giga ? 1e9 : 1e6),
  );
}
