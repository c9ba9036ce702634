/** As much of ISO/IEC 14496-12 as the player needs: when a chunk's first picture is shown, in ticks. */

interface BoxRange {
  start: number;
  end: number;
}

function findBox(view: DataView, type: string, within: BoxRange): BoxRange | null {
  const wanted =
    (type.charCodeAt(0) << 24) | (type.charCodeAt(1) << 16) | (type.charCodeAt(2) << 8) | type.charCodeAt(3);
  let at = within.start;
  while (at + 8 <= within.end) {
    const size = view.getUint32(at);
    const header = size === 1 ? 16 : 8;
    const length = size === 0 ? within.end - at : size === 1 ? Number(view.getBigUint64(at + 8)) : size;
    if (length < header || at + length > within.end) return null;
    if (view.getInt32(at + 4) === wanted) return { start: at + header, end: at + length };
    at += length;
  }
  return null;
}

/** The box at the end of a path from the outermost; null: there is none, or a length is beyond the end. */
export function findPath(bytes: Uint8Array, path: string[]): { view: DataView; range: BoxRange } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let range: BoxRange = { start: 0, end: bytes.byteLength };
  for (const type of path) {
    const found = findBox(view, type, range);
    if (found === null) return null;
    range = found;
  }
  return { view, range };
}

/** Ticks a second of the first track (`mdhd`), or null when `bytes` holds no `moov`. */
export function timescaleOf(bytes: Uint8Array): number | null {
  const found = findPath(bytes, ["moov", "trak", "mdia", "mdhd"]);
  if (found === null) return null;
  const { view, range } = found;
  const offset = view.getUint8(range.start) === 1 ? 20 : 12;
  if (range.start + offset + 4 > range.end) return null;
  return view.getUint32(range.start + offset);
}

const TRUN_DATA_OFFSET = 0x001;
const TRUN_FIRST_FLAGS = 0x004;
const TRUN_DURATION = 0x100;
const TRUN_SIZE = 0x200;
const TRUN_FLAGS = 0x400;
const TRUN_COMPOSITION = 0x800;

/** Composition offset (signed ticks) of the first sample of a `trun`, 0 when it has none. */
function firstCompositionOffset(view: DataView, range: BoxRange): number {
  const flags = view.getUint32(range.start) & 0xffffff;
  if ((flags & TRUN_COMPOSITION) === 0) return 0;
  let at = range.start + 8;
  for (const flag of [TRUN_DATA_OFFSET, TRUN_FIRST_FLAGS, TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS]) {
    if ((flags & flag) !== 0) at += 4;
  }
  return at + 4 <= range.end ? view.getInt32(at) : 0;
}

export interface ChunkTime {
  /** Decode time, ticks. */
  dts: number;
  /** Presentation time of the first picture, ticks. */
  pts: number;
}

/** Times of a `moof`'s first sample, or null when `bytes` holds no fragment. */
export function chunkTime(bytes: Uint8Array): ChunkTime | null {
  const tfdt = findPath(bytes, ["moof", "traf", "tfdt"]);
  if (tfdt === null || tfdt.range.end - tfdt.range.start < 8) return null;
  const long = tfdt.view.getUint8(tfdt.range.start) === 1;
  if (long && tfdt.range.end - tfdt.range.start < 12) return null;
  const at = tfdt.range.start + 4;
  const dts = long ? Number(tfdt.view.getBigUint64(at)) : tfdt.view.getUint32(at);
  const trun = findPath(bytes, ["moof", "traf", "trun"]);
  const offset =
    trun !== null && trun.range.end - trun.range.start >= 8
      ? firstCompositionOffset(trun.view, trun.range)
      : 0;
  return { dts, pts: dts + offset };
}
