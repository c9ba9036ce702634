import { events, FPS, LOOP_S, started } from "./fixtures";
import { cut, shifted } from "./mp4";

/** What cameras recorded, for playback: a loop of twenty seconds since four days, and one gap. Development only. */

const PIECE_MS = 2_000;
const LOOP_MS = LOOP_S * 1_000;
const TICKS = 90_000;
export const GAP = {
  start_ms: started - 5_400_000,
  end_ms: started - 4_500_000,
  cause: "unreachable",
  detail: "no route to host",
};
const FIRST_MS = started - 4 * 86_400_000;

const isRecorded = (ms: number): boolean =>
  ms >= FIRST_MS && ms < Date.now() - PIECE_MS && (ms < GAP.start_ms - PIECE_MS || ms >= GAP.end_ms);

/** Starts of the pieces that show something of a range. */
function starts(search: URLSearchParams): number[] {
  const out: number[] = [];
  const first = Math.floor(Number(search.get("start_ms")) / PIECE_MS) * PIECE_MS;
  for (let at = first; at < Number(search.get("end_ms")); at += PIECE_MS) if (isRecorded(at)) out.push(at);
  return out;
}

export function pieces(file: Buffer, search: URLSearchParams): object {
  const { init, fragments } = cut(file);
  const offsets = fragments.map((_one, index) =>
    fragments.slice(0, index).reduce((sum, fragment) => sum + fragment.length, init.length),
  );
  const rows = starts(search).map((at) => {
    const index = ((at % LOOP_MS) / PIECE_MS) % fragments.length;
    return [
      1,
      offsets[index],
      fragments[index]?.length,
      at * 1_000,
      PIECE_MS * 1_000,
      true,
      index * PIECE_MS * 1_000,
    ];
  });
  const shape = { recording: 1, bytes: init.length, key: String(init.length) };
  return {
    inits: [{ ...shape, codec: "avc1.42c01f", width: 960, height: 540 }],
    pieces: rows,
    next_ms: null,
  };
}

export function units(search: URLSearchParams): number[][] {
  const length = 1_000_000 / FPS;
  return starts(search).flatMap((at) =>
    Array.from({ length: (PIECE_MS / 1_000) * FPS }, (_one, index) => {
      const us = Math.round(at * 1_000 + index * length);
      return [us, Math.round(length), index === 0 ? 1 : 0, index, 1, us];
    }),
  );
}

/** Whole pieces, of which a player shows only the first pictures: enough to look at. */
export function syncs(file: Buffer, search: URLSearchParams): Buffer {
  const { init, fragments } = cut(file);
  const from = Number(search.get("start_ms"));
  const moved = starts(search)
    .filter((at) => at >= from)
    .map((at) => {
      const index = ((at % LOOP_MS) / PIECE_MS) % fragments.length;
      return shifted(fragments[index] as Buffer, ((at - from) / 1_000 - index * 2) * TICKS);
    });
  return Buffer.concat([init, ...moved]);
}

export function timeline(search: URLSearchParams): object {
  const start_ms = Number(search.get("start_ms"));
  const end_ms = Number(search.get("end_ms"));
  const count = Number(search.get("buckets") ?? 500);
  const bucket_ms = (end_ms - start_ms) / count;
  const bytes = (value: (ms: number) => number): string =>
    Buffer.from(Array.from({ length: count }, (_one, index) => value(start_ms + index * bucket_ms))).toString(
      "base64",
    );
  const wave = (ms: number): number => {
    const level = Math.sin(ms / 97_000) + Math.sin(ms / 1_310_000) + Math.sin(ms / 13_000);
    return isRecorded(ms) && level > 0.6 ? Math.round(level * 70) : 0;
  };
  const spans = [
    [FIRST_MS, GAP.start_ms],
    [GAP.end_ms, Date.now()],
  ].filter(([from, to]) => (from as number) < end_ms && (to as number) > start_ms);
  const gaps = GAP.end_ms > start_ms && GAP.start_ms < end_ms ? [Object.values(GAP)] : [];
  const cameras = (search.get("cameras") ?? "").split(",").map((camera) => ({
    camera,
    spans,
    gaps,
    motion: bytes(wave),
    score: bytes((ms) => (wave(ms) > 120 ? wave(ms) : 0)),
    loss: bytes((ms) => (isRecorded(ms) ? 0 : 255)),
    events: events.filter(
      (row) => row.camera === camera && row.start_ms < end_ms && (row.end_ms ?? end_ms) > start_ms,
    ),
    event_counts: bytes(() => 0),
  }));
  return { start_ms, end_ms, bucket_ms, cameras };
}
