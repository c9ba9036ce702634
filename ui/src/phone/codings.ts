interface Coding {
  mimeType: string;
  sdpFmtpLine?: string;
}

/** H.264 first, in the mode that all carry: phones have a chip for it. The others behind it, in the browser's order. */
export function preferring<C extends Coding>(codings: readonly C[]): C[] {
  const rank = ({ mimeType, sdpFmtpLine }: C): number => {
    if (mimeType.toLowerCase() !== "video/h264") return 2;
    return sdpFmtpLine?.includes("packetization-mode=1") ? 0 : 1;
  };
  return [...codings].sort((a, b) => rank(a) - rank(b));
}

/** Where the browser lets us choose; Safari before 13.1 and Firefox before 128 do not. */
export function preferH264(transceiver: RTCRtpTransceiver): void {
  const codings = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs;
  if (codings === undefined || typeof transceiver.setCodecPreferences !== "function") return;
  try {
    transceiver.setCodecPreferences(preferring(codings));
  } catch {
    // A browser that wants another set has its own order, in which H.264 is, too.
    return;
  }
}
