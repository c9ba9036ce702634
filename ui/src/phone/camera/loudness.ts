/** Says when it is loud around the phone. What it hears stays here: a state goes out, on or off. */

/** It is loud for so long after the last loud moment: a dog that barks is one event. */
const HOLD_MS = 5_000;
const LOOK_MS = 400;
/** 0.68 s at 48 kHz: between two looks nothing is missed. */
const WINDOW = 32_768;
const PIECE = 2_048;

/** Whether it is loud, as levels come. Pure. */
export class LoudSounds {
  on = false;
  private until = 0;
  private readonly threshold: number;

  /** `threshold`: dB below the loudest that there can be. */
  constructor(threshold: number) {
    this.threshold = threshold;
  }

  /** A level in dB at a time in ms; gives whether it is loud now. */
  heard(db: number, now: number): boolean {
    if (db >= this.threshold) this.until = now + HOLD_MS;
    this.on = now < this.until;
    return this.on;
  }
}

/** The loudest 43 ms in these samples, in dB of the loudest that there can be. */
export function loudestDb(samples: Float32Array, piece = PIECE): number {
  let most = 0;
  for (let start = 0; start + piece <= samples.length; start += piece) {
    let sum = 0;
    for (let at = start; at < start + piece; at += 1) sum += (samples[at] ?? 0) ** 2;
    most = Math.max(most, sum / piece);
  }
  return most > 0 ? 10 * Math.log10(most) : -200;
}

/** Listens to a stream until the function that it gives is called. */
export function listenTo(stream: MediaStream, sounds: LoudSounds, changed: () => void): () => void {
  if (typeof AudioContext === "undefined" || stream.getAudioTracks().length === 0) return () => undefined;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: WINDOW });
  const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
  source.connect(analyser);
  void context.resume();
  const samples = new Float32Array(WINDOW);
  const timer = setInterval(() => {
    const before = sounds.on;
    analyser.getFloatTimeDomainData(samples);
    if (sounds.heard(loudestDb(samples), performance.now()) !== before) changed();
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    source.disconnect();
    void context.close();
  };
}
