import { Bridge } from "./bridge";
import type { LiveConnection, LiveSink } from "./connection";
import { MseFeed } from "./feed";
import type { LiveHeader } from "./header";
import { plays } from "./mediasource";
import { canvasOf, PICTURES, PictureFeed } from "./pictures";
import { StillFeed } from "./stills";
import type { ShownUnit } from "./units";
import type { PaintSink, WallCanvas } from "./wallcanvas";
import type { TileReport } from "./wallmessages";

export type TileState = "connecting" | "live" | "waiting" | "frozen" | "stills" | "failed";

/** What is wanted: the camera's own picture; a small one that moves; or one that comes now and then. */
export type TileWish = "main" | "tile" | "stills";

export interface TileStatus {
  state: TileState;
  /** The browser does not play what the camera sends: the server makes H.264 of it. */
  isMade?: boolean;
  /** Milliseconds since the epoch. */
  sinceMs: number;
  attempt: number;
  code: string;
  message: string;
}

export interface TileStats {
  mime: string;
  width: number;
  height: number;
  fps: number;
  bitrateBps: number;
  latencyMs: number | null;
  behindMs: number;
  dropped: number;
  /** How a wall's tile comes by its pictures. */
  way?: "canvas" | "mse" | "pictures" | "stills";
}

export interface TileParts {
  root: HTMLElement;
  video: HTMLVideoElement;
  still: HTMLImageElement;
  canvas: HTMLCanvasElement;
  /** Small pictures are painted by this one; null: each tile shows its own. */
  wall?: WallCanvas | null;
}

export interface TileCallbacks {
  status(status: TileStatus): void;
  frame?(unit: ShownUnit): void;
  /** Pictures that are drawn one by one have this size; the media element tells its own. */
  sized?(width: number, height: number): void;
}

const FROZEN_MS = 5_000;
const HIDDEN_MS = 2_000;
/** A small picture that moves and is not there by then is bridged with stills. */
const BRIDGE_AFTER_MS = 600;
const REBUILD_MS = 1_000;
/** Where the server has no room to make a picture that plays here, it is asked again after this. */
const ASK_AGAIN_MS = 20_000;

/** One live picture: a subscription, a media element, and the word for what state it is in. */
export class TilePlayer implements LiveSink, PaintSink {
  private readonly camera: string;
  private readonly parts: TileParts;
  private readonly connection: LiveConnection;
  private readonly callbacks: TileCallbacks;
  private readonly wish: TileWish;
  /** What is asked for at present: `wish`, or what stands in for it. */
  private stream: TileWish | "h264";
  private unsubscribe: (() => void) | null = null;
  private feed: MseFeed | null = null;
  private stills: StillFeed | null = null;
  private bridge: Bridge | null = null;
  private bridgeTimer: ReturnType<typeof setTimeout> | null = null;
  private pictures: PictureFeed | null = null;
  /** What the wall's painter last told; null: it paints nothing of this tile. */
  private report: TileReport | null = null;
  private mime = "";
  private status: TileStatus;
  private lastFrameAt = 0;
  /** When the server last had no room to make what is wanted, ms since the epoch; 0: it has. */
  private refusedAt = 0;
  private frames: number[] = [];
  private bytes: { at: number; size: number }[] = [];
  private lastUnit: ShownUnit | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  private hiddenTimer: ReturnType<typeof setTimeout> | null = null;
  private rebuildTimer: ReturnType<typeof setTimeout> | null = null;
  private frameHandle = 0;

  constructor(
    camera: string,
    parts: TileParts,
    connection: LiveConnection,
    callbacks: TileCallbacks,
    wish: TileWish = "main",
  ) {
    this.camera = camera;
    this.wish = wish;
    this.stream = wish;
    this.parts = parts;
    this.connection = connection;
    this.callbacks = callbacks;
    this.status = {
      state: "connecting",
      isMade: false,
      sinceMs: Date.now(),
      attempt: 0,
      code: "",
      message: "",
    };
    this.show(this.status);
  }

  start(): void {
    document.addEventListener("visibilitychange", this.visibility);
    this.timer = setInterval(() => this.watch(), 1_000);
    if (!document.hidden) this.connect();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.visibility);
    if (this.timer !== null) clearInterval(this.timer);
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.disconnect();
  }

  /** A hidden tab holds no stream: browsers throttle it, and it would come back hours behind. */
  private readonly visibility = (): void => {
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.hiddenTimer = null;
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => this.disconnect(), HIDDEN_MS);
    } else if (this.unsubscribe === null) {
      this.connect();
    }
  };

  private get isPainted(): boolean {
    return (this.parts.wall ?? null) !== null && (this.stream === "tile" || this.stream === "stills");
  }

  private connect(): void {
    this.endBridge();
    this.set("connecting");
    const { wall, root } = this.parts;
    this.unsubscribe = this.isPainted
      ? wall!.subscribe(this.camera, this.stream, root, this)
      : this.connection.subscribe(this.camera, this.stream, this);
    if (this.stream === "tile") this.bridgeTimer = setTimeout(() => this.bridgeOver(), BRIDGE_AFTER_MS);
  }

  private bridgeOver(): void {
    this.bridgeTimer = null;
    if (this.unsubscribe === null || this.status.state === "live") return;
    const sized = this.callbacks.sized ?? (() => undefined);
    this.bridge = new Bridge(this.camera, this.parts, this.connection, (unit) => this.bridged(unit), sized);
  }

  private bridged(unit: ShownUnit): void {
    if (this.status.state === "live") return;
    this.set("stills");
    this.name(unit);
  }

  private endBridge(): void {
    if (this.bridgeTimer !== null) clearTimeout(this.bridgeTimer);
    this.bridgeTimer = null;
    this.bridge?.close();
    this.bridge = null;
  }

  private disconnect(): void {
    if (this.rebuildTimer !== null) clearTimeout(this.rebuildTimer);
    this.rebuildTimer = null;
    this.unsubscribe?.();
    this.unsubscribe = null;
    this.endBridge();
    this.closeFeed();
    this.stills?.close();
    this.stills = null;
  }

  private closeFeed(): void {
    if (this.frameHandle !== 0) this.parts.video.cancelVideoFrameCallback(this.frameHandle);
    this.frameHandle = 0;
    this.feed?.close();
    this.feed = null;
    this.pictures?.close();
    this.pictures = null;
    this.lastUnit = null;
    this.report = null;
  }

  subscribed(mime: string): void {
    this.lastFrameAt = Date.now();
    if (this.isPainted) {
      this.mime = mime;
      this.parts.canvas.hidden = true;
      this.stills?.close();
      this.stills = null;
      return;
    }
    if ((this.feed !== null || this.pictures !== null) && mime === this.mime) return;
    this.closeFeed();
    this.mime = mime;
    this.parts.canvas.hidden = mime !== PICTURES;
    if (mime === PICTURES) {
      this.draw();
      return;
    }
    if (!plays(mime)) {
      this.standIn("codec-not-playable", mime);
      return;
    }
    this.stills?.close();
    this.stills = null;
    this.set("connecting");
    this.feed = new MseFeed(this.parts.video, mime, (reason) => this.rebuild(reason));
    this.frameHandle = this.parts.video.requestVideoFrameCallback(this.presented);
  }

  private draw(): void {
    this.stills?.close();
    this.stills = null;
    this.set("connecting");
    const sized = this.callbacks.sized ?? (() => undefined);
    this.pictures = new PictureFeed(canvasOf(this.parts.canvas), (unit) => this.shown(unit), sized);
  }

  /** What was asked for cannot be had, or not be played here: H.264 of it instead; where there is none, stills. */
  private standIn(code: string, message: string): void {
    this.refusedAt = code === "renditions-full" ? Date.now() : 0;
    if (this.stream === "main" && this.wish === "main") this.ask("h264");
    else if (this.wish === "tile" && this.stream === "tile") this.ask("stills");
    else {
      this.set("stills", code, message);
      this.stills ??= new StillFeed(this.parts.still, this.camera);
    }
  }

  private ask(stream: TileWish | "h264"): void {
    this.unsubscribe?.();
    this.endBridge();
    this.closeFeed();
    this.stream = stream;
    this.connect();
  }

  /** The browser refused a chunk or its decoder broke: start over at the next sync unit, once a second at most. */
  private rebuild(reason: string): void {
    if (this.rebuildTimer !== null || this.unsubscribe === null) return;
    this.closeFeed();
    this.unsubscribe();
    this.set("connecting", `player-${reason}`);
    this.rebuildTimer = setTimeout(() => {
      this.rebuildTimer = null;
      this.connect();
    }, REBUILD_MS);
  }

  data(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): void {
    const now = Date.now();
    this.bytes.push({ at: now, size: payload.byteLength });
    while (this.bytes.length > 0 && (this.bytes[0]?.at ?? now) < now - 2_000) this.bytes.shift();
    this.feed?.push(header, payload);
    this.pictures?.push(header, payload);
  }

  /** The run ended; the next one carries on in the same element, so the last picture stays under the word. */
  waiting(cause: string, message: string): void {
    this.set("waiting", cause, message);
  }

  failed(code: string, message: string): void {
    this.closeFeed();
    if (code === "player-decode") {
      this.rebuild("decode");
      return;
    }
    if (code === "codec-not-playable" || this.stream === "h264" || this.stream === "tile") {
      this.standIn(code, message);
      return;
    }
    this.set("failed", code, message);
  }

  lost(attempt: number): void {
    this.closeFeed();
    this.set("connecting", "server-unreachable", "", attempt);
  }

  private readonly presented = (_now: number, meta: VideoFrameCallbackMetadata): void => {
    if (this.feed === null) return;
    this.frameHandle = this.parts.video.requestVideoFrameCallback(this.presented);
    this.shown(this.feed.units.at(meta.mediaTime));
  };

  /** The wall's painter has shown pictures. */
  painted(report: TileReport): void {
    const now = Date.now();
    const before = this.report;
    this.bytes.push({ at: now, size: report.bytes - (before?.bytes ?? 0) });
    while ((this.bytes[0]?.at ?? now) < now - 2_000) this.bytes.shift();
    for (let more = report.shown - (before?.shown ?? 0) - 1; more > 0; more -= 1) this.frames.push(now);
    this.report = report;
    if (before?.width !== report.width) this.callbacks.sized?.(report.width, report.height);
    this.shown(report);
  }

  /** A picture is on screen; null: which one is not known. */
  private shown(unit: ShownUnit | null): void {
    const now = Date.now();
    this.lastFrameAt = now;
    this.frames.push(now);
    while ((this.frames[0] ?? now) < now - 2_000) this.frames.shift();
    if (this.bridge !== null || this.bridgeTimer !== null) this.endBridge();
    const state = this.stream === "stills" ? "stills" : "live";
    if (this.status.state !== state) this.set(state);
    if (unit !== null) this.name(unit);
  }

  /** Says which unit is on screen. */
  private name(unit: ShownUnit): void {
    this.lastUnit = unit;
    const { dataset } = this.parts.root;
    dataset.run = String(unit.run);
    dataset.seq = String(unit.seq);
    dataset.capturedNs = String(unit.capturedNs);
    this.callbacks.frame?.(unit);
  }

  private watch(): void {
    const moving = this.status.state === "live";
    if (moving && Date.now() - this.lastFrameAt > FROZEN_MS) {
      this.set("frozen", "", "", 0, this.lastFrameAt);
    }
    if (this.refusedAt !== 0 && this.unsubscribe !== null && Date.now() - this.refusedAt > ASK_AGAIN_MS) {
      this.refusedAt = 0;
      this.ask(this.wish);
    }
    if (this.parts.video.error !== null && this.feed !== null) this.rebuild("decode");
  }

  private set(state: TileState, code = "", message = "", attempt = 0, sinceMs = Date.now()): void {
    const isMade = this.stream === "h264";
    const same = this.status.state === state && this.status.code === code && this.status.isMade === isMade;
    if (same && this.status.attempt === attempt) return;
    this.status = { state, isMade, sinceMs: same ? this.status.sinceMs : sinceMs, attempt, code, message };
    this.show(this.status);
  }

  private show(status: TileStatus): void {
    this.parts.root.dataset.player = status.state;
    this.callbacks.status(status);
  }

  /** When the picture on screen was taken, seconds since the epoch; null while none moves. */
  shownAt(): number | null {
    if (this.status.state !== "live") return null;
    if (this.pictures !== null || this.report !== null)
      return this.lastUnit === null ? null : Number(this.lastUnit.capturedNs) / 1e9;
    if (this.feed === null) return null;
    return this.feed.units.capturedAt(this.parts.video.currentTime);
  }

  private get way(): TileStats["way"] {
    if (this.report !== null) return "canvas";
    if (this.stills !== null) return "stills";
    return this.pictures === null ? "mse" : "pictures";
  }

  stats(): TileStats {
    const { video, canvas } = this.parts;
    const drawn = this.pictures;
    const { report } = this;
    const bits = this.bytes.reduce((sum, row) => sum + row.size, 0) * 8;
    const span = Math.max(0.5, (Date.now() - (this.bytes[0]?.at ?? Date.now())) / 1_000);
    const latency =
      this.lastUnit === null
        ? null
        : (report?.paintedMs ?? Date.now()) - Number(this.lastUnit.capturedNs / 1_000_000n);
    return {
      mime: this.mime,
      way: this.way,
      width: report !== null ? report.width : drawn === null ? video.videoWidth : canvas.width,
      height: report !== null ? report.height : drawn === null ? video.videoHeight : canvas.height,
      fps: this.frames.length / 2,
      bitrateBps: bits / span,
      latencyMs: latency,
      behindMs: (this.feed?.behind ?? 0) * 1_000,
      dropped: report?.dropped ?? drawn?.dropped ?? video.getVideoPlaybackQuality().droppedVideoFrames,
    };
  }
}
