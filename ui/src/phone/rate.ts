/** How much is sent to one viewer, so that a phone's upstream carries all of them. */

export interface Rate {
  /** Bits a second. */
  maxBitrate: number;
  /** 1: as it comes from the camera. */
  scaleResolutionDownBy: number;
}

/** All viewers together: what an ordinary upstream takes beside other traffic. */
const MOST_BPS = 6_000_000;
const LEAST_BPS = 150_000;

/** Bits a second of a picture that is `height` lines high: 2.5 Mbit/s at 720 lines, as its area goes. */
function wantedBps(height: number): number {
  return Math.round(2_500_000 * (height / 720) ** 1.5);
}

/** For a viewer who wants `wanted` lines of a picture that has `source`, one of `viewers`. */
export function rateFor(wanted: number, source: number, viewers: number): Rate {
  const height = source > 0 ? Math.min(wanted, source) : wanted;
  const share = MOST_BPS / Math.max(1, viewers);
  return {
    maxBitrate: Math.max(LEAST_BPS, Math.round(Math.min(wantedBps(height), share))),
    scaleResolutionDownBy: source > 0 ? Math.max(1, source / height) : 1,
  };
}
