/** Publishing by WHIP (RFC 9725): one peer connection, offered by POST, ended by DELETE. No framework in here. */

export type Fault =
  | "insecure"
  | "no-webrtc"
  | "no-permission"
  | "no-camera"
  | "camera-busy"
  | "no-h264"
  | "not-allowed"
  | "taken"
  | "not-ready"
  | "unreachable"
  | "lost";

export type Phase = "idle" | "asking" | "connecting" | "live" | "again";

export class PublishError extends Error {
  readonly fault: Fault;
  /** Worth another try by itself. */
  readonly passing: boolean;

  constructor(fault: Fault, passing = false) {
    super(fault);
    this.name = "PublishError";
    this.fault = fault;
    this.passing = passing;
  }
}

/** What `getUserMedia` says when it gives nothing. */
export function mediaFault(name: string): Fault {
  if (name === "NotAllowedError" || name === "SecurityError") return "no-permission";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "no-camera";
  return "camera-busy";
}

/** What the server's refusal means for who holds the phone. */
export function answerFault(status: number, code: string): PublishError {
  if (code === "offer-without-h264") return new PublishError("no-h264");
  if (code === "camera-connected") return new PublishError("taken", true);
  if (status === 401 || status === 403 || status === 404) return new PublishError("not-allowed");
  if (code === "camera-disabled") return new PublishError("not-ready");
  if (status === 429 || status === 503) return new PublishError("not-ready", true);
  return new PublishError("unreachable", true);
}

export interface Coding {
  mimeType: string;
  sdpFmtpLine?: string;
}

/** H.264, in the mode that all carry first; VP8 where this browser encodes none. Empty: neither of both. */
export function preferred<C extends Coding>(codings: readonly C[]): C[] {
  const is = (coding: C, name: string): boolean => coding.mimeType.toLowerCase() === `video/${name}`;
  const h264 = codings.filter((coding) => is(coding, "h264"));
  const mode = (coding: C): number => (coding.sdpFmtpLine?.includes("packetization-mode=1") ? 0 : 1);
  if (h264.length === 0) return codings.filter((coding) => is(coding, "vp8"));
  return h264.toSorted((a, b) => mode(a) - mode(b));
}

export interface Measure {
  kbps: number;
  fps: number;
  width: number;
  height: number;
  /** Something was said to this page since the last look. */
  spokenTo: boolean;
}

/** What is read of a row of the browser's figures. */
interface SentRow {
  type: string;
  kind?: string;
  timestamp?: number;
  bytesSent?: number;
  packetsReceived?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
}

interface Sample {
  bytes: number;
  ms: number;
  /** Packets of sound that came. */
  heard: number;
}

/** From the browser's figures on what it sends; `before` is the last sample, for rates. */
export function measured(rows: Iterable<SentRow>, before: Sample | null): [Measure, Sample] {
  const sample: Sample = { bytes: 0, ms: 0, heard: 0 };
  const out: Measure = { kbps: 0, fps: 0, width: 0, height: 0, spokenTo: false };
  for (const row of rows) {
    if (row.type === "inbound-rtp" && row.kind === "audio") sample.heard += row.packetsReceived ?? 0;
    if (row.type !== "outbound-rtp") continue;
    sample.bytes += row.bytesSent ?? 0;
    sample.ms = row.timestamp ?? 0;
    if (row.kind !== "video") continue;
    out.fps = Math.round(row.framesPerSecond ?? 0);
    out.width = row.frameWidth ?? 0;
    out.height = row.frameHeight ?? 0;
  }
  if (before !== null && sample.ms > before.ms) {
    out.kbps = Math.max(0, Math.round(((sample.bytes - before.bytes) * 8) / (sample.ms - before.ms)));
  }
  out.spokenTo = sample.heard > (before?.heard ?? 0);
  return [out, sample];
}

const MOST_BPS = 2_500_000;

/**
 * One publication. `over` is called once, when it ends by itself. With `listens`, who may speak to the camera is heard:
 * what they say comes in `said`, and it is for the page to play it.
 */
export class Publication {
  readonly said = new MediaStream();
  private readonly connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private location: string | null = null;
  private sample: Sample | null = null;
  private ended = false;
  private readonly headers: Record<string, string>;
  private readonly over: () => void;
  private readonly listens: boolean;

  constructor(headers: Record<string, string>, over: () => void, listens = false) {
    this.headers = headers;
    this.over = over;
    this.listens = listens;
    this.connection.ontrack = ({ track }) => this.said.addTrack(track);
    this.connection.onconnectionstatechange = () => {
      const state = this.connection.connectionState;
      if (state === "failed" || state === "closed") this.gone();
    };
  }

  /** Resolves when packets can go. */
  async begin(path: string, media: MediaStream): Promise<void> {
    this.offerTracks(media);
    await this.connection.setLocalDescription(await this.connection.createOffer());
    const offer = this.connection.localDescription?.sdp ?? "";
    const response = await fetch(path, {
      method: "POST",
      headers: { ...this.headers, "Content-Type": "application/sdp" },
      credentials: "same-origin",
      body: offer,
    }).catch(() => {
      throw new PublishError("unreachable", true);
    });
    if (response.status !== 201) {
      const problem = (await response.json().catch(() => ({}))) as { code?: string };
      throw answerFault(response.status, problem.code ?? "");
    }
    this.location = response.headers.get("Location");
    await this.connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    await this.connected();
  }

  async measure(): Promise<Measure> {
    const report = await this.stats();
    const rows: SentRow[] = [];
    report.forEach((row: SentRow) => {
      rows.push(row);
    });
    const [measure, sample] = measured(rows, this.sample);
    this.sample = sample;
    return measure;
  }

  stats(): Promise<RTCStatsReport> {
    return this.connection.getStats();
  }

  /** Another camera of the same phone, without a new connection. */
  async turn(track: MediaStreamTrack): Promise<void> {
    const sender = this.connection.getSenders().find((one) => one.track?.kind === track.kind);
    await sender?.replaceTrack(track);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    const close = (): void => this.connection.close();
    if (this.location === null) {
      close();
      return;
    }
    const ended = fetch(this.location, {
      method: "DELETE",
      headers: this.headers,
      credentials: "same-origin",
      keepalive: true,
    });
    void ended.then(close, close);
  }

  /** The same where the server has ended it already: it would not know our token any more. */
  drop(): void {
    this.location = null;
    this.end();
  }

  private offerTracks(media: MediaStream): void {
    // The first line carries all of them (RFC 9143), and the server may refuse sound, but never the picture.
    for (const track of [...media.getVideoTracks(), ...media.getAudioTracks()]) {
      const transceiver = this.connection.addTransceiver(track, {
        direction: track.kind === "audio" && this.listens ? "sendrecv" : "sendonly",
        streams: [media],
        ...(track.kind === "video" ? { sendEncodings: [{ maxBitrate: MOST_BPS }] } : {}),
      });
      if (track.kind !== "video") continue;
      const codings = preferred(RTCRtpSender.getCapabilities("video")?.codecs ?? []);
      if (codings.length === 0) throw new PublishError("no-h264");
      transceiver.setCodecPreferences(codings);
    }
    if (this.listens && media.getAudioTracks().length === 0) {
      this.connection.addTransceiver("audio", { direction: "recvonly" });
    }
  }

  private connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new PublishError("unreachable", true)), 20_000);
      const look = (): void => {
        const state = this.connection.connectionState;
        if (state === "connected") resolve();
        else if (state === "failed" || state === "closed") reject(new PublishError("unreachable", true));
        else return;
        clearTimeout(timer);
        this.connection.removeEventListener("connectionstatechange", look);
      };
      this.connection.addEventListener("connectionstatechange", look);
      look();
    });
  }

  private gone(): void {
    if (this.ended) return;
    this.ended = true;
    this.connection.close();
    this.over();
  }
}
