import { muLaw } from "./mulaw";
import { Resampler } from "./resample";

/** 20 ms, as the server wants them. */
export const PIECE_BYTES = 160;

export interface Piece {
  /** Mu-law, 8 kHz, 160 bytes. */
  data: Uint8Array<ArrayBuffer>;
  /** Effective value of the samples, 0 to 1. */
  rms: number;
}

/** Cuts what a microphone gives into pieces. */
export class Pieces {
  private readonly resampler: Resampler;
  private data = new Uint8Array(PIECE_BYTES);
  private filled = 0;
  private squares = 0;

  constructor(
    rateHz: number,
    private readonly give: (piece: Piece) => void,
  ) {
    this.resampler = new Resampler(rateHz);
  }

  push(samples: Float32Array): void {
    for (const sample of this.resampler.push(samples)) {
      this.data[this.filled++] = muLaw(sample);
      this.squares += sample * sample;
      if (this.filled === PIECE_BYTES) this.flush();
    }
  }

  private flush(): void {
    this.give({ data: this.data, rms: Math.sqrt(this.squares / PIECE_BYTES) });
    this.data = new Uint8Array(PIECE_BYTES);
    this.filled = 0;
    this.squares = 0;
  }
}

/** Several channels as one. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const first = channels[0];
  if (first === undefined || channels.length === 1) return first ?? new Float32Array(0);
  return first.map((_, at) => channels.reduce((sum, one) => sum + (one[at] ?? 0), 0) / channels.length);
}
