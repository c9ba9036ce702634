import { ApiError, query, request } from "@/api/client";
import type { Timeline } from "@/api/types";
import type { Init, Piece, PieceAnswer, Span } from "./pieces";
import type { Unit } from "./units";

/** Where one camera's footage comes from. */

export interface Hole {
  /** Null: nothing is known of it. */
  gap: { start_ms: number; end_ms: number; cause: string } | null;
  /** First recorded instant after it. */
  next_ms: number | null;
}

export interface FootageSource {
  pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer>;
  /** Bytes `[start, end)` of a recording. */
  bytes(recording: string, start: number, end: number, signal: AbortSignal): Promise<ArrayBuffer>;
  /** Sync units only, at most one each `step_ms`, their time counted from the span's start; null: there are none. */
  syncs(span: Span, step_ms: number, signal: AbortSignal): Promise<ArrayBuffer | null>;
  units(span: Span, signal: AbortSignal): Promise<Unit[]>;
  hole(ms: number, signal: AbortSignal): Promise<Hole>;
}

export interface SoundBytes {
  mime: string;
  bytes: ArrayBuffer;
}

export interface SoundSource {
  /** The sound that begins in a span, its time counted from the span's start in whole ms; null: there is none. */
  sound(span: Span, signal: AbortSignal): Promise<SoundBytes | null>;
}

type PieceRow = [recording: number | string, number, number, number, number, boolean | number, number];
interface PiecesBody {
  inits: (Omit<Init, "recording"> & { recording: number | string })[];
  pieces: PieceRow[];
  next_ms: number | null;
}
type UnitRow = [
  captured_us: number,
  duration_us: number,
  is_sync: boolean | number,
  seq: number,
  run: number,
  shown_us: number,
];

export function readPieces(body: PiecesBody): PieceAnswer {
  const inits = body.inits.map((row): Init => ({ ...row, recording: String(row.recording) }));
  const pieces = body.pieces.map(
    ([recording, offset, size, first_us, duration_us, is_sync, media_us]): Piece => ({
      recording: String(recording),
      offset,
      size,
      start_ms: first_us / 1_000,
      end_ms: (first_us + duration_us) / 1_000,
      is_sync: Boolean(is_sync),
      media_s: media_us / 1_000_000,
    }),
  );
  return { inits, pieces, next_ms: body.next_ms };
}

const DAY_MS = 86_400_000;

export class HttpSource implements FootageSource, SoundSource {
  private readonly base: string;

  constructor(camera: string) {
    this.base = `/api/cameras/${camera}`;
  }

  async pieces(span: Span, signal: AbortSignal): Promise<PieceAnswer> {
    return readPieces(await request<PiecesBody>("GET", this.path("pieces", span), undefined, signal));
  }

  async bytes(recording: string, start: number, end: number, signal: AbortSignal): Promise<ArrayBuffer> {
    const answer = await fetch(`${this.base}/recordings/${recording}.mp4`, {
      headers: { Range: `bytes=${start}-${end - 1}` },
      signal,
    });
    if (!answer.ok) throw new ApiError(answer.status, `http-${answer.status}`, answer.statusText, null);
    const body = await answer.arrayBuffer();
    // A server or proxy that does not know ranges answers with the whole file.
    return answer.status === 206 ? body : body.slice(start, end);
  }

  async syncs(span: Span, step_ms: number, signal: AbortSignal): Promise<ArrayBuffer | null> {
    const answer = await fetch(this.path("syncs.mp4", span, { step_ms: Math.round(step_ms) }), { signal });
    if (answer.status === 404 || answer.status === 204) return null;
    if (!answer.ok) throw new ApiError(answer.status, `http-${answer.status}`, answer.statusText, null);
    return answer.arrayBuffer();
  }

  async sound(span: Span, signal: AbortSignal): Promise<SoundBytes | null> {
    const answer = await fetch(this.path("sound.mp4", span), { signal });
    if (answer.status === 404) return null;
    if (!answer.ok) throw new ApiError(answer.status, `http-${answer.status}`, answer.statusText, null);
    return { mime: answer.headers.get("Content-Type") ?? "audio/mp4", bytes: await answer.arrayBuffer() };
  }

  async units(span: Span, signal: AbortSignal): Promise<Unit[]> {
    const units = await request<UnitRow[]>("GET", this.path("units", span), undefined, signal);
    return units.map(([captured_us, duration_us, , , , shown_us]) => ({
      at_ms: captured_us / 1_000,
      shown_ms: shown_us / 1_000,
      duration_ms: duration_us / 1_000,
    }));
  }

  async hole(ms: number, signal: AbortSignal): Promise<Hole> {
    let gap: Hole["gap"] = null;
    for (const days of [1, 14, 98]) {
      const span = { start_ms: ms - DAY_MS, end_ms: Math.min(ms + days * DAY_MS, Date.now() + 1_000) };
      if (span.end_ms <= span.start_ms) break;
      const line = await request<Timeline>("GET", this.path("timeline", span), undefined, signal);
      gap = line.gaps.find((row) => row.start_ms <= ms && ms < row.end_ms) ?? gap;
      // The span's start is rounded down; the first picture is there a part of a millisecond later.
      const next = line.spans.filter((row) => row.end_ms > ms).map((row) => Math.max(row.start_ms + 1, ms));
      if (next.length > 0) return { gap, next_ms: Math.min(...next) };
      if (span.end_ms < ms + days * DAY_MS) break;
    }
    return { gap, next_ms: null };
  }

  private path(what: string, span: Span, more: Record<string, number> = {}): string {
    const range = { start_ms: Math.floor(span.start_ms), end_ms: Math.ceil(span.end_ms) };
    return `${this.base}/${what}${query({ ...range, ...more })}`;
  }
}
