import { findPath } from "./boxes";

/** As much of fMP4 as a decoder needs that is fed by hand: how the stream is coded, and one coded picture. */

/** VisualSampleEntry: so many bytes stand before the boxes in it (ISO/IEC 14496-12, 12.1.3). */
const SAMPLE_ENTRY_BYTES = 78;
/** FullBox header and the number of entries. */
const STSD_BYTES = 8;

/** The `avcC` record (ISO/IEC 14496-15) of an initialisation segment; null: it is not of H.264. */
export function avcConfigOf(init: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  const stsd = findPath(init, ["moov", "trak", "mdia", "minf", "stbl", "stsd"]);
  if (stsd === null) return null;
  const inner = init.subarray(stsd.range.start + STSD_BYTES, stsd.range.end);
  for (const entry of ["avc1", "avc3"]) {
    const found = findPath(inner, [entry]);
    if (found === null) continue;
    const rest = inner.subarray(found.range.start + SAMPLE_ENTRY_BYTES, found.range.end);
    const record = findPath(rest, ["avcC"]);
    return record === null ? null : rest.slice(record.range.start, record.range.end);
  }
  return null;
}

/** What is in the chunk's `mdat`: one access unit, each NAL unit after its length. Null: there is none. */
export function sampleOf(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  const mdat = findPath(chunk, ["mdat"]);
  return mdat === null || mdat.range.end === mdat.range.start
    ? null
    : chunk.subarray(mdat.range.start, mdat.range.end);
}

/** What WebCodecs calls the stream: what stands in the type's `codecs`. Empty: there is nothing. */
export const codecOf = (mime: string): string => /codecs="([^",]+)"/.exec(mime)?.[1] ?? "";
