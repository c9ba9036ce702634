/** G.711 mu-law (ITU-T G.711, table 2a), from samples between −1 and 1. */

const BIAS = 132;
const MOST = 32_635;

export function muLaw(sample: number): number {
  const value = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768)));
  const magnitude = Math.min(value >= 0 ? value : ~value, MOST) + BIAS;
  const exponent = 24 - Math.clz32(magnitude);
  const code = (exponent << 4) | ((magnitude >> (exponent + 3)) & 15);
  return (code | (value >= 0 ? 0 : 0x80)) ^ 0xff;
}

/** The sample that a code stands for. */
export function sampleOf(code: number): number {
  const bits = code ^ 0xff;
  const magnitude = ((((bits & 15) << 3) + BIAS) << ((bits >> 4) & 7)) - BIAS;
  return (bits & 0x80 ? -magnitude : magnitude) / 32_768;
}
