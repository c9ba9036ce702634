/** A microphone's samples at 8 kHz: what a telephone's band cannot hold is taken out before, so that nothing folds back. */

export const RATE_HZ = 8_000;
/** Half of it is let through: the ear forgives a dull `s`, and not a whistle that was never there. */
const CUT_HZ = 3_500;
/** Zero crossings of the kernel on each side: at 48 kHz 165 samples, 3.4 ms of delay; what folds back is below −70 dB. */
const CROSSINGS = 24;
/** Places of the kernel that are worked out beforehand, per crossing; between them it is a straight line. */
const FINE = 256;

function kernel(): Float64Array {
  const places = CROSSINGS * FINE;
  const out = new Float64Array(places + 2);
  for (let at = 0; at <= places; at++) {
    const x = at / FINE;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const turn = (Math.PI * at) / places;
    out[at] = sinc * (0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
  }
  return out;
}

const KERNEL = kernel();

/** Takes samples in pieces of any length, and gives what they complete. */
export class Resampler {
  private readonly step: number;
  private readonly perSample: number;
  private readonly half: number;
  private held: Float32Array = new Float32Array(0);
  /** Where the next sample lies in what is held; as much silence lies before the first as the kernel is wide. */
  private next: number;

  constructor(fromHz: number) {
    this.step = fromHz / RATE_HZ;
    this.perSample = (2 * Math.min(CUT_HZ, fromHz / 2)) / fromHz;
    this.half = Math.ceil(CROSSINGS / this.perSample);
    this.held = new Float32Array(this.half);
    this.next = this.half;
  }

  push(samples: Float32Array): Float32Array {
    const all = new Float32Array(this.held.length + samples.length);
    all.set(this.held);
    all.set(samples, this.held.length);
    const out = new Float32Array(Math.ceil(all.length / this.step) + 1);
    let made = 0;
    while (this.next + this.half < all.length) {
      out[made++] = this.at(all, this.next);
      this.next += this.step;
    }
    const done = Math.max(0, Math.floor(this.next) - this.half);
    this.held = all.slice(done);
    this.next -= done;
    return out.subarray(0, made);
  }

  private at(all: Float32Array, place: number): number {
    const first = Math.max(0, Math.ceil(place - this.half));
    const last = Math.min(all.length - 1, Math.floor(place + this.half));
    let sum = 0;
    for (let at = first; at <= last; at++) {
      const fine = Math.abs(at - place) * this.perSample * FINE;
      const whole = Math.floor(fine);
      const here = KERNEL[whole] ?? 0;
      sum += (all[at] ?? 0) * (here + ((KERNEL[whole + 1] ?? 0) - here) * (fine - whole));
    }
    return sum * this.perSample;
  }
}
