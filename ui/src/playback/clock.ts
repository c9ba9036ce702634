/** One master for all cameras: the time that is shown, how fast it goes, and who makes it wait. No DOM. */

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
export const FASTEST = 16;

export class Clock {
  private base_ms: number;
  private since: number;
  private rate = 1;
  private going = false;
  private readonly waiters = new Set<string>();
  private readonly perf: () => number;

  /** `perf` counts milliseconds and never jumps. */
  constructor(start_ms: number, perf: () => number = () => performance.now()) {
    this.base_ms = start_ms;
    this.perf = perf;
    this.since = perf();
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.running ? this.base_ms + (this.perf() - this.since) * this.rate : this.base_ms;
  }

  /** Negative: backwards. */
  get speed(): number {
    return this.rate;
  }

  /** Whether somebody wants it to go, even where a camera still makes it wait. */
  get playing(): boolean {
    return this.going;
  }

  get running(): boolean {
    return this.going && this.waiters.size === 0;
  }

  get held(): boolean {
    return this.waiters.size > 0;
  }

  seek(ms: number): void {
    this.base_ms = ms;
    this.since = this.perf();
  }

  play(): void {
    this.change(() => {
      this.going = true;
    });
  }

  pause(): void {
    this.change(() => {
      this.going = false;
    });
  }

  setSpeed(speed: number): void {
    this.change(() => {
      this.rate = Math.max(-FASTEST, Math.min(FASTEST, speed));
    });
  }

  /** Stands still until `who` lets go: a camera whose pictures are not there yet. */
  hold(who: string): void {
    if (!this.waiters.has(who)) this.change(() => void this.waiters.add(who));
  }

  release(who: string): void {
    if (this.waiters.has(who)) this.change(() => void this.waiters.delete(who));
  }

  private change(apply: () => void): void {
    this.seek(this.now());
    apply();
  }
}

/** `l` (1) and `j` (-1): each press doubles the speed that way; the first one turns round at 1x. */
export function faster(speed: number, playing: boolean, direction: 1 | -1): number {
  if (!playing || Math.sign(speed) !== direction) return direction;
  return direction * (SPEEDS.find((step) => step > Math.abs(speed)) ?? FASTEST);
}

/** At these speeds only sync units are shown: all pictures would be too many bytes and too much decoding. */
export const isTrick = (speed: number): boolean => speed >= 8 || speed <= -2;
