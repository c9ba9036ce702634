/** How loud a voice is, for the eye and for a screen reader. No framework. */

const FLOOR_DB = -54;
const CEILING_DB = -6;
/** Of what is shown, per second: a meter falls slower than a voice, or nobody sees it. */
const FALL_PER_S = 2.2;
const TELL_MS = 500;

/** An effective value (0 to 1) as a part of the meter: 0 at −54 dB, 1 at −6 dB. */
export function levelOf(rms: number): number {
  if (rms <= 0) return 0;
  const part = (20 * Math.log10(rms) - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
  return Math.max(0, Math.min(1, part));
}

/** What a meter shows at `now` after `level` came: up at once, down slowly. */
export function fallen(shown: number, level: number, elapsedMs: number): number {
  return Math.max(level, shown - (FALL_PER_S * elapsedMs) / 1_000, 0);
}

/**
 * Draws a level into an element: the variable `--level` (0 to 1) for the style sheet, `role="meter"` with its value
 * twice a second for those who hear the page.
 */
export class LevelMeter {
  private shown = 0;
  private level = 0;
  private at = 0;
  private toldAt = 0;
  private frame = 0;

  constructor(
    private readonly element: HTMLElement,
    label: string,
  ) {
    element.setAttribute("role", "meter");
    element.setAttribute("aria-label", label);
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", "100");
    this.draw(0);
  }

  /** Something was heard: its effective value, 0 to 1. */
  heard(rms: number): void {
    this.level = levelOf(rms);
    if (this.frame === 0) {
      this.at = performance.now();
      this.frame = requestAnimationFrame(this.step);
    }
  }

  /** Back to nothing, at once. */
  reset(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.shown = this.level = this.toldAt = 0;
    this.draw(0);
  }

  private readonly step = (now: number): void => {
    this.shown = fallen(this.shown, this.level, now - this.at);
    this.at = now;
    this.level = 0;
    this.draw(now);
    this.frame = this.shown > 0 ? requestAnimationFrame(this.step) : 0;
  };

  private draw(now: number): void {
    this.element.style.setProperty("--level", this.shown.toFixed(3));
    if (now !== 0 && now - this.toldAt < TELL_MS) return;
    this.toldAt = now;
    this.element.setAttribute("aria-valuenow", String(Math.round(this.shown * 100)));
  }
}

/** Tells how loud a stream is, some twenty times a second, until the function that it gives is called. */
export function watchStream(stream: MediaStream, heard: (rms: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1_024;
  context.createMediaStreamSource(stream).connect(analyser);
  void context.resume();
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    heard(Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length));
  }, 50);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
