/** Within this much nobody sees that lips and voice differ (ITU-R BT.1359 detects 45 ms early, 125 ms late). */
const GOOD_S = 0.02;
const MAX_EARLY_S = 0.1;
/** A jump silences the element for a tenth of a second, so what is late by little is mended by speed. */
const MAX_LATE_S = 0.4;
const MAX_WAIT_S = 1;
const MAX_RATE = 0.1;
/** Sound cannot be played to the very end of what is there. */
const MARGIN_S = 0.05;

/**
 * How to bring the sound to the picture. `off`: seconds that the sound must go forward (negative: back); `kept` and
 * `ahead`: seconds of sound that are there before and beyond the present one. Rate 0: wait for the picture.
 */
export function correction(off: number, kept: number, ahead: number): { rate: number; jump: number } {
  if (Math.abs(off) <= GOOD_S) return { rate: 1, jump: 0 };
  if (off >= -MAX_EARLY_S && off <= MAX_LATE_S) {
    return { rate: 1 + Math.max(-MAX_RATE, Math.min(MAX_RATE, off)), jump: 0 };
  }
  if (off > 0) {
    const jump = Math.min(off, ahead - MARGIN_S);
    return { rate: 1, jump: jump > GOOD_S ? jump : 0 };
  }
  return off < -MAX_WAIT_S && kept >= -off ? { rate: 1, jump: off } : { rate: 0, jump: 0 };
}
