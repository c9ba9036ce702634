import type { ShownUnit } from "./units";

/** Which unit a picture is that came by WebRTC: by the RTP timestamp, which the server tells for each unit. */
export class RtpUnits {
  private readonly rows = new Map<number, ShownUnit>();
  private readonly limit: number;

  constructor(limit = 900) {
    this.limit = limit;
  }

  add(timestamp: number, { run, seq, capturedNs }: ShownUnit): void {
    this.rows.set(timestamp, { run, seq, capturedNs });
    if (this.rows.size <= this.limit) return;
    const oldest = this.rows.keys().next();
    if (!oldest.done) this.rows.delete(oldest.value);
  }

  /** Null: it was sent to catch up, under a timestamp of its own, or the server has not told yet. */
  at(timestamp: number): ShownUnit | null {
    return this.rows.get(timestamp) ?? null;
  }

  clear(): void {
    this.rows.clear();
  }
}
