import { ApiError, offerTo, requestLast } from "@/api/client";
import type { LiveConnection, LiveSink } from "./connection";
import type { Engine, EngineCallbacks, EngineStats, MakeEngine } from "./engine";
import { type LiveHeader, stampOf } from "./header";
import { RtpUnits } from "./rtpunits";
import type { ShownUnit } from "./units";

/** UDP that is blocked shows in nothing: no answer comes. */
const CONNECT_MS = 5_000;
const FIRST_PICTURE_MS = 8_000;
/** The browser itself tries to find another way for so long before it says that the connection failed. */
const DISCONNECTED_MS = 4_000;
/** The server sends units, and none is seen. */
const STUCK_MS = 8_000;
const MEASURE_MS = 1_000;

interface Received {
  type: string;
  kind?: string;
  timestamp?: number;
  bytesReceived?: number;
  framesPerSecond?: number;
  framesDropped?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  codecId?: string;
  mimeType?: string;
}

interface Sample {
  ms: number;
  bytes: number;
  delayS: number;
  emitted: number;
}

type Rates = Pick<EngineStats, "mime" | "fps" | "bitrateBps" | "behindMs" | "dropped">;

/** From the browser's figures on what it receives; `before` is the last sample, for rates. */
export function received(rows: Iterable<Received>, before: Sample | null): [Rates, Sample] {
  const all = [...rows];
  const inbound = all.filter((row) => row.type === "inbound-rtp");
  const video = inbound.find((row) => row.kind === "video");
  const sample: Sample = {
    ms: video?.timestamp ?? 0,
    bytes: inbound.reduce((sum, row) => sum + (row.bytesReceived ?? 0), 0),
    delayS: video?.jitterBufferDelay ?? 0,
    emitted: video?.jitterBufferEmittedCount ?? 0,
  };
  const rates: Rates = {
    mime: all.find((row) => row.type === "codec" && "id" in row && row.id === video?.codecId)?.mimeType ?? "",
    fps: video?.framesPerSecond ?? 0,
    bitrateBps: 0,
    behindMs: 0,
    dropped: video?.framesDropped ?? 0,
  };
  if (before !== null && sample.ms > before.ms) {
    rates.bitrateBps = Math.max(0, ((sample.bytes - before.bytes) * 8_000) / (sample.ms - before.ms));
    const emitted = sample.emitted - before.emitted;
    if (emitted > 0) rates.behindMs = ((sample.delayS - before.delayS) / emitted) * 1_000;
  }
  return [rates, sample];
}

/** Plays one camera by WHEP: the camera's own packets, decoded as they come. */
class WebRtcEngine implements Engine, LiveSink {
  private readonly camera: string;
  private readonly video: HTMLVideoElement;
  private readonly callbacks: EngineCallbacks;
  private readonly live: LiveConnection;
  private readonly connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private readonly units = new RtpUnits();
  private location: string | null = null;
  private unsubscribe: (() => void) | null = null;
  private closed = false;
  private playing = false;
  private awaited: number | null = null;
  private last: ShownUnit | null = null;
  private frameHandle = 0;
  private seenAt = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private deadline: ReturnType<typeof setTimeout> | null = null;
  private sample: Sample | null = null;
  private rates: Rates = { mime: "", fps: 0, bitrateBps: 0, behindMs: 0, dropped: 0 };

  constructor(
    camera: string,
    video: HTMLVideoElement,
    callbacks: EngineCallbacks,
    connection: LiveConnection,
  ) {
    this.camera = camera;
    this.video = video;
    this.callbacks = callbacks;
    this.live = connection;
  }

  start(): void {
    window.addEventListener("pagehide", this.leave);
    this.unsubscribe = this.live.subscribe(this.camera, "main", this, "stamps");
    void this.connect().catch((error: unknown) => {
      if (error instanceof ApiError) this.fail(error.code, error.message);
      else this.fail("engine-unsupported", error instanceof Error ? error.message : "");
    });
  }

  private async connect(): Promise<void> {
    const { connection } = this;
    const media = new MediaStream();
    connection.ontrack = (event) => media.addTrack(event.track);
    connection.onconnectionstatechange = () => this.changed();
    connection.addTransceiver("video", { direction: "recvonly" });
    const audio = connection.addTransceiver("audio", { direction: "recvonly" });
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await offerTo(`/${this.camera}/whep`, connection.localDescription?.sdp ?? "");
    this.location = answer.location;
    if (this.closed) {
      this.leave();
      return;
    }
    await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    if (this.closed) return;
    this.video.srcObject = media;
    this.frameHandle = this.video.requestVideoFrameCallback(this.presented);
    void this.video.play().catch(() => undefined);
    this.callbacks.sound?.(audio.currentDirection === "recvonly");
    this.timer = setInterval(() => this.measure(), MEASURE_MS);
    this.within(CONNECT_MS, "engine-unreachable");
    this.changed();
  }

  /** Fail with `code` unless something better happens in time. */
  private within(ms: number, code: string): void {
    if (this.deadline !== null) clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.fail(code, ""), ms);
  }

  private changed(): void {
    if (this.closed) return;
    const state = this.connection.connectionState;
    if (state === "failed" || state === "closed")
      this.fail(this.playing ? "engine-lost" : "engine-unreachable", "");
    else if (state === "disconnected") this.within(DISCONNECTED_MS, "engine-lost");
    else if (state === "connected" && !this.playing) this.within(FIRST_PICTURE_MS, "engine-no-picture");
    else if (state === "connected" && this.deadline !== null) clearTimeout(this.deadline);
  }

  private readonly presented = (now: number, meta: VideoFrameCallbackMetadata): void => {
    if (this.closed) return;
    this.frameHandle = this.video.requestVideoFrameCallback(this.presented);
    this.seenAt = now;
    if (!this.playing) {
      this.playing = true;
      if (this.deadline !== null) clearTimeout(this.deadline);
      this.callbacks.playing();
    }
    const stamp = meta.rtpTimestamp;
    const unit = stamp === undefined ? null : this.units.at(stamp);
    this.awaited = unit === null ? (stamp ?? null) : null;
    this.last = unit ?? this.last;
    this.callbacks.frame(unit);
  };

  // -- what the server says of the units: `LiveSink` -----------------------------------------------------------------
  subscribed(): void {
    // Stamps come without a word before them.
  }

  data(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): void {
    const stamp = stampOf(header, payload);
    if (this.closed || stamp === null) return;
    this.units.add(stamp, header);
    if (stamp === this.awaited) {
      this.awaited = null;
      this.last = this.units.at(stamp);
      this.callbacks.frame(this.last);
    }
    const stuck = this.playing && performance.now() - this.seenAt > STUCK_MS && !document.hidden;
    if (stuck) this.fail("engine-stuck", "");
  }

  waiting(cause: string, message: string): void {
    this.seenAt = performance.now();
    if (!this.closed) this.callbacks.waiting(cause, message);
  }

  failed(code: string, message: string): void {
    if (code === "camera-not-found") this.fail(code, message);
  }

  lost(): void {
    // Pictures go on without it; which units they are is not known until it is back.
  }

  // ------------------------------------------------------------------------------------------------------------------
  private fail(code: string, message: string): void {
    if (this.closed) return;
    this.close();
    this.callbacks.failed(code, message);
  }

  private measure(): void {
    void this.connection.getStats().then((report) => {
      const rows: Received[] = [];
      report.forEach((row: Received) => {
        rows.push(row);
      });
      [this.rates, this.sample] = received(rows, this.sample);
    });
  }

  stats(): EngineStats {
    return { ...this.rates, width: this.video.videoWidth, height: this.video.videoHeight };
  }

  shownAt(): number | null {
    return this.last === null ? null : Number(this.last.capturedNs) / 1e9;
  }

  private readonly leave = (): void => {
    if (this.location !== null) requestLast("DELETE", this.location);
    this.location = null;
  };

  close(): void {
    if (this.closed) return;
    this.closed = true;
    window.removeEventListener("pagehide", this.leave);
    if (this.timer !== null) clearInterval(this.timer);
    if (this.deadline !== null) clearTimeout(this.deadline);
    if (this.frameHandle !== 0) this.video.cancelVideoFrameCallback(this.frameHandle);
    this.unsubscribe?.();
    this.leave();
    this.connection.onconnectionstatechange = null;
    this.connection.close();
    this.video.srcObject = null;
    this.units.clear();
  }
}

export const makeWebRtc: MakeEngine = (camera, video, callbacks, connection) =>
  new WebRtcEngine(camera, video, callbacks, connection);
