/** The 24-byte header before every binary message of /api/live (big-endian). */

export const HEADER_BYTES = 24;
export const KIND_INIT = 1;
export const KIND_CHUNK = 2;
/** A JPEG by itself. */
export const KIND_PICTURE = 3;
/** A unit without its media: which RTP timestamp it has. */
export const KIND_STAMP = 4;
const FLAG_SYNC = 1;

export interface LiveHeader {
  /** Subscription id that the page chose. */
  id: number;
  kind: typeof KIND_INIT | typeof KIND_CHUNK | typeof KIND_PICTURE | typeof KIND_STAMP;
  isSync: boolean;
  run: number;
  seq: number;
  /** Nanoseconds since the epoch: beyond 2^53, so a bigint. */
  capturedNs: bigint;
}

export interface LiveMessage {
  header: LiveHeader;
  payload: Uint8Array<ArrayBuffer>;
}

/** Null when the message is too short or of a kind that this page does not know. */
export function parseLiveMessage(data: ArrayBuffer): LiveMessage | null {
  if (data.byteLength < HEADER_BYTES) return null;
  const view = new DataView(data);
  const kind = view.getUint8(2);
  if (kind !== KIND_INIT && kind !== KIND_CHUNK && kind !== KIND_PICTURE && kind !== KIND_STAMP) return null;
  const header: LiveHeader = {
    id: view.getUint16(0),
    kind,
    isSync: (view.getUint8(3) & FLAG_SYNC) !== 0,
    run: view.getUint32(4),
    seq: Number(view.getBigUint64(8)),
    capturedNs: view.getBigUint64(16),
  };
  return { header, payload: new Uint8Array(data, HEADER_BYTES) };
}

/** The RTP timestamp of a unit; null: this message tells none. */
export function stampOf(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): number | null {
  if (header.kind !== KIND_STAMP || payload.byteLength < 4) return null;
  return new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0);
}
