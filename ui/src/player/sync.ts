/** Within this much nobody sees that lips and voice differ (ITU-R BT.1359 detects 45 ms early, 125 ms late). */
const GOOD_S = 0.02;
const MAX_OFF_S = 0.08;
const MAX_RATE = 0.04;
/** Sound cannot be played to the very end of what is there. */
const MARGIN_S = 0.05;

/**
 * How to bring the sound to the picture. `off`: seconds that the sound must go forward (negative: back); `ahead`:
 * seconds of sound that are there beyond the present one.
 */
export function correction(off: number, ahead: number): { rate: number; jump: number } {
  if (Math.abs(off) <= GOOD_S) return { rate: 1, jump: 0 };
  if (Math.abs(off) <= MAX_OFF_S) {
    return { rate: 1 + Math.max(-MAX_RATE, Math.min(MAX_RATE, off)), jump: 0 };
  }
  const jump = Math.min(off, Math.max(0, ahead - MARGIN_S));
  return { rate: 1, jump: Math.abs(jump) > GOOD_S ? jump : 0 };
}
