/** What to do about a connection that is not connected. */
export type Remedy = "none" | "restart" | "renew";

export interface Patience {
  /** Broken for so long: look for another way (ICE restart). */
  restartMs: number;
  /** And again after each of these. */
  againMs: number;
  /** Never connected for so long: give the connection up and begin anew. */
  renewMs: number;
  /** The same, once it was connected: the way to the server may be broken as well. */
  lostMs: number;
}

export const VIEWER_PATIENCE: Patience = { restartMs: 2_000, againMs: 5_000, renewMs: 15_000, lostMs: 8_000 };
/** The camera waits a little longer, so that both do not offer at the same time. */
export const CAMERA_PATIENCE: Patience = {
  restartMs: 3_000,
  againMs: 6_000,
  renewMs: Number.POSITIVE_INFINITY,
  lostMs: Number.POSITIVE_INFINITY,
};

/** Judges the state of one connection over time; times are milliseconds of one clock. */
export class Watchdog {
  private badSince: number;
  private wasConnected = false;
  private restartedAt = Number.NEGATIVE_INFINITY;
  private readonly patience: Patience;

  constructor(patience: Patience, nowMs: number) {
    this.patience = patience;
    this.badSince = nowMs;
  }

  at(state: RTCIceConnectionState, nowMs: number): Remedy {
    if (state === "connected" || state === "completed") {
      this.wasConnected = true;
      this.badSince = Number.NaN;
      return "none";
    }
    if (Number.isNaN(this.badSince)) this.badSince = nowMs;
    const badMs = nowMs - this.badSince;
    if (badMs >= (this.wasConnected ? this.patience.lostMs : this.patience.renewMs)) return "renew";
    const hopeless = state === "failed";
    if (!hopeless && (!this.wasConnected || badMs < this.patience.restartMs)) return "none";
    if (nowMs - this.restartedAt < this.patience.againMs) return "none";
    this.restartedAt = nowMs;
    return "restart";
  }

  get everConnected(): boolean {
    return this.wasConnected;
  }
}
