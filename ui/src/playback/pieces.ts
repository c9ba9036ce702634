/** What of one camera's recording is known to lie where: pieces of files on the world's clock. No DOM. */

export interface Span {
  start_ms: number;
  end_ms: number;
}

/** The bytes that a decoder needs before the pieces of a recording. */
export interface Init {
  recording: string;
  bytes: number;
  /** The same for inits with the same content. */
  key: string;
  codec: string;
  width: number;
  height: number;
}

/** One fragment: `offset` and `size` within the recording; times in milliseconds since the epoch. */
export interface Piece {
  recording: string;
  offset: number;
  size: number;
  start_ms: number;
  end_ms: number;
  is_sync: boolean;
  /** The file's own time of the first picture, seconds. */
  media_s: number;
}

export interface PieceAnswer {
  inits: Init[];
  pieces: Piece[];
  /** Where the answer ends before the range does; null: it is whole. */
  next_ms: number | null;
}

/** Less than this between two pieces is no gap: a camera's clock and ours differ a little. */
export const SLACK_MS = 300;
/** What is younger may not be written yet: its absence says nothing. */
export const EDGE_MS = 12_000;
const MOST_PIECES = 20_000;

export class PieceList {
  private list: Piece[] = [];
  private readonly inits = new Map<string, Init>();
  private spans: Span[] = [];

  /** `asked`: the range of the question, `now_ms`: when it was asked. */
  add(answer: PieceAnswer, asked: Span, now_ms: number): void {
    if (this.list.length > MOST_PIECES) this.clear();
    for (const init of answer.inits) this.inits.set(init.recording, init);
    const seen = new Set(this.list.map(keyOf));
    const fresh = answer.pieces.filter((piece) => !seen.has(keyOf(piece)));
    this.list = [...this.list, ...fresh].sort((a, b) => a.start_ms - b.start_ms);
    const last = answer.pieces.reduce((end, piece) => Math.max(end, piece.end_ms), 0);
    const whole = answer.next_ms ?? asked.end_ms;
    const end_ms = Math.min(whole, Math.max(now_ms - EDGE_MS, last));
    if (end_ms > asked.start_ms) this.spans = merged([...this.spans, { start_ms: asked.start_ms, end_ms }]);
  }

  clear(): void {
    this.list = [];
    this.spans = [];
  }

  init(piece: Piece): Init | null {
    return this.inits.get(piece.recording) ?? null;
  }

  /** Whether it is known what is, or is not, recorded at `ms`. */
  knows(ms: number): boolean {
    return this.spans.some((span) => span.start_ms <= ms && ms < span.end_ms);
  }

  /** How far the knowledge reaches from `ms` on, without a hole. */
  knownUntil(ms: number): number {
    return this.spans.find((span) => span.start_ms <= ms && ms < span.end_ms)?.end_ms ?? ms;
  }

  /** Index of the piece that shows `ms`, or -1. */
  indexAt(ms: number): number {
    const index = this.lastBefore(ms);
    const piece = this.list[index];
    if (piece === undefined) return this.opens(0, ms) ? 0 : -1;
    if (ms < piece.end_ms) return index;
    if (this.opens(index + 1, ms)) return index + 1;
    return ms < piece.end_ms + SLACK_MS && this.joins(index) ? index : -1;
  }

  at(ms: number): Piece | null {
    return this.list[this.indexAt(ms)] ?? null;
  }

  /** The first piece that begins after `ms`. */
  after(ms: number): Piece | null {
    return this.list[this.lastBefore(ms) + 1] ?? null;
  }

  before(ms: number): Piece | null {
    return this.list[this.lastBefore(ms)] ?? null;
  }

  /** The pieces from the sync unit at or before `ms` to `end_ms`, in order. */
  from(ms: number, end_ms: number): Piece[] {
    let first = this.indexAt(ms);
    if (first < 0) first = this.lastBefore(ms) + 1;
    while (first > 0 && this.list[first]?.is_sync === false && this.follows(first)) first -= 1;
    const out: Piece[] = [];
    for (let index = first; index < this.list.length; index += 1) {
      const piece = this.list[index] as Piece;
      if (piece.start_ms > end_ms) break;
      out.push(piece);
    }
    return out;
  }

  /** The piece before this one, where no picture is missing between the two; null: there is none. */
  previous(piece: Piece): Piece | null {
    const index = this.list.findIndex((one) => keyOf(one) === keyOf(piece));
    return index > 0 && this.follows(index) ? (this.list[index - 1] as Piece) : null;
  }

  private follows(index: number): boolean {
    const piece = this.list[index] as Piece;
    const before = this.list[index - 1];
    return before !== undefined && piece.start_ms - before.end_ms < SLACK_MS;
  }

  /** A picture of a piece stays on until the next piece when that comes soon. */
  private joins(index: number): boolean {
    return this.list[index + 1] !== undefined && this.follows(index + 1);
  }

  private opens(index: number, ms: number): boolean {
    const piece = this.list[index];
    return piece !== undefined && piece.start_ms > ms && piece.start_ms - ms < 5;
  }

  private lastBefore(ms: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.list[middle] as Piece).start_ms <= ms) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

export const keyOf = (piece: Piece): string => `${piece.recording}:${piece.offset}`;

function merged(spans: Span[]): Span[] {
  const out: Span[] = [];
  for (const span of spans.sort((a, b) => a.start_ms - b.start_ms)) {
    const last = out.at(-1);
    if (last !== undefined && span.start_ms <= last.end_ms) last.end_ms = Math.max(last.end_ms, span.end_ms);
    else out.push({ ...span });
  }
  return out;
}

/** Pieces that lie one behind the other in one file, as one request of at most `most` bytes. */
export function batch(pieces: readonly Piece[], most: number): Piece[] {
  const out: Piece[] = [];
  let size = 0;
  for (const piece of pieces) {
    const last = out.at(-1);
    const joins =
      last === undefined || (last.recording === piece.recording && last.offset + last.size === piece.offset);
    if (!joins || (last !== undefined && size + piece.size > most)) break;
    out.push(piece);
    size += piece.size;
  }
  return out;
}
