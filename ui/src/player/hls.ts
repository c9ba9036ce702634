import Hls, { type ErrorData } from "hls.js/light";
import type { LiveConnection, LiveSink } from "./connection";
import type { Engine, EngineCallbacks, EngineStats, MakeEngine } from "./engine";
import type { LiveHeader } from "./header";
import { runOf, Stamps, unitsOf } from "./hlsunits";
import { type ShownUnit, UnitTable } from "./units";

const NATIVE = "application/vnd.apple.mpegurl";
const WATCH_MS = 1_000;
/** In looks of a second each, not by the clock: on a machine that gets to nothing they are rare, too. */
const FIRST_DATA = 20;
/** Before the first picture, in all: one that gets on slowly is left to it. */
const FIRST_PICTURE = 60;
const STUCK = 10;
/** Further behind than the playlist asks for by this much: jump to live. It never plays fast. */
const MAX_LATE_S = 2;
const AGAIN_MS = 2_000;
const KEEP_S = 8;
const RATE_MS = 4_000;

/** The code of a problem that the server answered with; empty: none. */
function codeOf(text: string | undefined): string {
  try {
    const problem = JSON.parse(text ?? "") as { code?: unknown };
    return typeof problem.code === "string" ? problem.code : "";
  } catch {
    return "";
  }
}

/** What ends an engine has in common, whoever plays: the frames on screen, and whether they go on. */
abstract class HlsEngine implements Engine, LiveSink {
  protected readonly camera: string;
  protected readonly video: HTMLVideoElement;
  protected readonly callbacks: EngineCallbacks;
  protected readonly stamps = new Stamps();
  protected closed = false;
  private readonly connection: LiveConnection;
  private unsubscribe: (() => void) | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  private frameHandle = 0;
  private moving = false;
  private looks = 0;
  private idle = 0;
  private frames: number[] = [];

  constructor(
    camera: string,
    video: HTMLVideoElement,
    callbacks: EngineCallbacks,
    connection: LiveConnection,
  ) {
    this.camera = camera;
    this.video = video;
    this.callbacks = callbacks;
    this.connection = connection;
  }

  start(): void {
    this.unsubscribe = this.connection.subscribe(this.camera, "main", this, "stamps");
    this.frameHandle = this.video.requestVideoFrameCallback(this.presented);
    this.timer = setInterval(() => this.watch(), WATCH_MS);
    this.open();
  }

  protected abstract open(): void;
  protected abstract shut(): void;
  /** The unit on screen at a moment of the element's clock; null: not known. */
  protected abstract unitAt(mediaTime: number): ShownUnit | null;
  /** Seconds later than this player wants to be; below 0: earlier. */
  protected abstract late(): number;
  protected abstract jump(): void;
  protected abstract get mime(): string;
  protected abstract get bitrateBps(): number;
  protected abstract get behindS(): number;
  abstract shownAt(): number | null;

  private readonly presented = (now: number, meta: VideoFrameCallbackMetadata): void => {
    if (this.closed) return;
    this.frameHandle = this.video.requestVideoFrameCallback(this.presented);
    this.idle = 0;
    this.frames.push(now);
    while ((this.frames[0] ?? now) < now - 2_000) this.frames.shift();
    if (!this.moving) {
      this.moving = true;
      this.callbacks.playing();
    }
    this.callbacks.frame(this.unitAt(meta.mediaTime));
  };

  private watch(): void {
    const { video } = this;
    this.looks += 1;
    this.idle = document.hidden ? 0 : this.idle + 1;
    const still = this.idle > (this.moving ? STUCK : FIRST_DATA);
    if (still || (!this.moving && this.looks > FIRST_PICTURE)) {
      this.fail(this.moving ? "engine-stuck" : "engine-no-picture", "");
      return;
    }
    if (video.paused) void video.play().catch(() => undefined);
    if (this.moving && !video.seeking && this.late() > MAX_LATE_S) this.jump();
  }

  /** The camera is away, and nobody is to blame for what does not come. */
  protected stall(cause: string, message: string): void {
    if (this.closed) return;
    this.looks = this.idle = 0;
    this.moving = false;
    this.callbacks.waiting(cause, message);
  }

  /** Something came. Pictures alone count once they move. */
  protected came(): void {
    if (!this.moving) this.idle = 0;
  }

  protected fail(code: string, message: string): void {
    if (this.closed) return;
    this.close();
    this.callbacks.failed(code, message);
  }

  stats(): EngineStats {
    return {
      mime: this.mime,
      width: this.video.videoWidth,
      height: this.video.videoHeight,
      fps: this.frames.length / 2,
      bitrateBps: this.bitrateBps,
      behindMs: Math.max(0, this.behindS) * 1_000,
      dropped: this.video.getVideoPlaybackQuality().droppedVideoFrames,
    };
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
    if (this.frameHandle !== 0) this.video.cancelVideoFrameCallback(this.frameHandle);
    this.unsubscribe?.();
    this.shut();
    this.stamps.clear();
    this.video.removeAttribute("src");
    this.video.load();
  }

  // -- what the server says of the units: `LiveSink`; HLS plays without it, and then boxes may be a picture off ------
  subscribed(): void {
    // Stamps come without a word before them.
  }

  data(header: LiveHeader): void {
    this.stamps.add(header.run, header.seq, header.capturedNs);
  }

  waiting(cause: string, message: string): void {
    this.stall(cause, message);
  }

  failed(code: string, message: string): void {
    if (code === "camera-not-found") this.fail(code, message);
  }

  lost(): void {
    // HLS needs no socket.
  }
}

/** By hls.js, where there is Media Source Extensions. */
class HlsJsEngine extends HlsEngine {
  private readonly hls = new Hls({
    lowLatencyMode: true,
    liveDurationInfinity: true,
    backBufferLength: KEEP_S,
    maxBufferLength: KEEP_S,
    maxLiveSyncPlaybackRate: 1,
    enableWorker: false,
  });
  private readonly units = new UnitTable();
  private sizes: { at: number; bytes: number }[] = [];
  private again: ReturnType<typeof setTimeout> | null = null;
  private recovered = false;
  protected mime = "";

  protected open(): void {
    const { hls } = this;
    hls.on(Hls.Events.ERROR, (_event, error) => this.broken(error));
    hls.on(Hls.Events.BUFFER_CODECS, (_event, { video }) => {
      if (video !== undefined) this.mime = `${video.container}; codecs="${video.codec ?? ""}"`;
    });
    hls.on(Hls.Events.BUFFER_APPENDING, (_event, { type, frag, data, offset }) => {
      if (type !== "video") return;
      this.came();
      const now = performance.now();
      this.sizes.push({ at: now, bytes: data.byteLength });
      while ((this.sizes[0]?.at ?? now) < now - RATE_MS) this.sizes.shift();
      const run = runOf(frag.initSegment?.url);
      if (run === null || offset === undefined) return;
      for (const unit of unitsOf(data)) {
        const at = unit.at + offset;
        const dated = (frag.programDateTime ?? 0) + (at - frag.start) * 1_000;
        this.units.add(at, { run, seq: unit.seq, capturedNs: BigInt(Math.round(dated)) * 1_000_000n });
      }
    });
    hls.attachMedia(this.video);
    hls.loadSource(`/${this.camera}/hls/main/video.m3u8`);
  }

  private broken(error: ErrorData): void {
    if (!error.fatal || this.closed) return;
    const status = error.response?.code ?? 0;
    const code = codeOf(error.response?.text);
    if (status === 503) {
      this.stall(code, "");
      this.again ??= setTimeout(() => {
        this.again = null;
        if (!this.closed) this.hls.loadSource(`/${this.camera}/hls/main/video.m3u8`);
      }, AGAIN_MS);
    } else if (status >= 400) this.fail(code || "engine-unreachable", "");
    else if (error.type === Hls.ErrorTypes.NETWORK_ERROR) this.fail("engine-lost", error.details);
    else if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !this.recovered && this.mime !== "") {
      this.recovered = true;
      this.hls.recoverMediaError();
    } else this.fail("engine-unsupported", error.details);
  }

  protected shut(): void {
    if (this.again !== null) clearTimeout(this.again);
    this.hls.destroy();
    this.units.clear();
  }

  protected unitAt(mediaTime: number): ShownUnit | null {
    const unit = this.units.at(mediaTime);
    if (unit === null) return null;
    return { ...unit, capturedNs: this.stamps.of(unit.run, unit.seq) ?? unit.capturedNs };
  }

  protected late(): number {
    return this.hls.latency - (this.hls.targetLatency ?? this.hls.latency);
  }

  protected jump(): void {
    const { liveSyncPosition } = this.hls;
    if (liveSyncPosition !== null && liveSyncPosition > this.video.currentTime)
      this.video.currentTime = liveSyncPosition;
  }

  protected get behindS(): number {
    return this.hls.latency;
  }

  protected get bitrateBps(): number {
    const bytes = this.sizes.reduce((sum, one) => sum + one.bytes, 0);
    return (bytes * 8_000) / RATE_MS;
  }

  shownAt(): number | null {
    return this.units.capturedAt(this.video.currentTime);
  }
}

/** By the browser itself (Safari). Which unit is on screen cannot be told. */
class NativeEngine extends HlsEngine {
  protected readonly mime = NATIVE;
  protected readonly bitrateBps = 0;

  protected open(): void {
    this.video.addEventListener("error", this.broken);
    this.video.src = `/${this.camera}/index.m3u8`;
  }

  private readonly broken = (): void => this.fail("engine-unsupported", this.video.error?.message ?? "");

  protected shut(): void {
    this.video.removeEventListener("error", this.broken);
  }

  protected unitAt(): ShownUnit | null {
    return null;
  }

  private edge(): number {
    const { seekable } = this.video;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : this.video.currentTime;
  }

  protected late(): number {
    return this.behindS - KEEP_S;
  }

  protected jump(): void {
    this.video.currentTime = this.edge();
  }

  protected get behindS(): number {
    return this.edge() - this.video.currentTime;
  }

  shownAt(): number | null {
    const { video } = this;
    const began = (video as HTMLVideoElement & { getStartDate?: () => Date }).getStartDate?.().getTime();
    return began === undefined || Number.isNaN(began) ? null : began / 1_000 + video.currentTime;
  }
}

export const makeHls: MakeEngine = (camera, video, callbacks, connection) =>
  Hls.isSupported()
    ? new HlsJsEngine(camera, video, callbacks, connection)
    : new NativeEngine(camera, video, callbacks, connection);
