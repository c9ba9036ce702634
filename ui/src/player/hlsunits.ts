/** Which units are in a piece of HLS: our muxer numbers each unit's box, and names the run before them. */
import { chunkTime } from "./boxes";

const MOOF = 0x6d6f6f66;
const MFHD = 0x6d666864;
const TICKS_PER_S = 90_000;

export interface PieceUnit {
  seq: number;
  /** Presentation time in the run, seconds. */
  at: number;
}

/** The units of a part or segment, in order of decoding. What is no piece of ours has none. */
export function unitsOf(bytes: Uint8Array): PieceUnit[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: PieceUnit[] = [];
  let at = 0;
  while (at + 8 <= bytes.byteLength) {
    const size = view.getUint32(at);
    if (size < 8) break;
    const numbered = at + 24 <= bytes.byteLength && view.getUint32(at + 12) === MFHD;
    if (view.getUint32(at + 4) === MOOF && numbered) {
      const time = chunkTime(bytes.subarray(at, at + size));
      if (time !== null) found.push({ seq: view.getUint32(at + 20) - 1, at: time.pts / TICKS_PER_S });
    }
    at += size;
  }
  return found;
}

/** The run that an initialisation segment of ours belongs to, by its address; null: it is none of ours. */
export function runOf(address: string | undefined): number | null {
  const found = /\/i(\d{1,12})\.\d{1,6}\.mp4(?:\?|$)/.exec(address ?? "");
  return found === null ? null : Number(found[1]);
}

/** When units were taken, as far as the server has told: an exact stamp for each. Bounded. */
export class Stamps {
  private readonly known = new Map<string, bigint>();
  private readonly limit: number;

  constructor(limit = 2_000) {
    this.limit = limit;
  }

  add(run: number, seq: number, capturedNs: bigint): void {
    this.known.set(`${run}:${seq}`, capturedNs);
    if (this.known.size <= this.limit) return;
    const oldest = this.known.keys().next().value;
    if (oldest !== undefined) this.known.delete(oldest);
  }

  of(run: number, seq: number): bigint | null {
    return this.known.get(`${run}:${seq}`) ?? null;
  }

  clear(): void {
    this.known.clear();
  }
}
