import { backoffMs } from "@/api/backoff";
import type { LiveConnection } from "./connection";
import { type Engine, type EngineCallbacks, type MakeEngine, RUNGS, type Rung } from "./engine";
import { Barred, type Choice, Rungs } from "./rungs";
import { StillFeed } from "./stills";
import {
  type TileCallbacks,
  type TileParts,
  TilePlayer,
  type TileState,
  type TileStats,
  type TileStatus,
} from "./tile";
import type { ShownUnit } from "./units";

const FROZEN_MS = 5_000;
const HIDDEN_MS = 2_000;
/** A timer that was meant to come each second and comes so much later: the computer slept. */
const SLEPT_MS = 8_000;
const WATCH_MS = 1_000;

/** Engines are loaded when they are wanted. What comes last but stills works nearly everywhere. */
const ENGINES: Partial<Record<Rung, () => Promise<MakeEngine>>> = {
  webrtc: () => import("./webrtc").then((module) => module.makeWebRtc),
  hls: () => import("./hls").then((module) => module.makeHls),
};

const barred = new Barred();

export interface LadderCallbacks extends TileCallbacks {
  rung(rung: Rung): void;
  /** Whether the picture brings its sound along; null: not known yet, or it comes in a way that never does. */
  sound(own: boolean | null): void;
  /** A picture is on screen of which is not known which unit it is: nothing may be drawn on it. */
  unknown(): void;
}

/**
 * One live picture in the best way that works here: WebRTC, else MSE, else HLS, else stills. What breaks for a moment is
 * taken up again; what does not work here is left, and tried again when the network is another one.
 */
export class LadderPlayer {
  private readonly camera: string;
  private readonly parts: TileParts;
  private readonly connection: LiveConnection;
  private readonly callbacks: LadderCallbacks;
  private readonly rungs: Rungs;
  private rung: Rung | null = null;
  private engine: Engine | null = null;
  private tile: TilePlayer | null = null;
  private stills: StillFeed | null = null;
  private turn = 0;
  private attempt = 0;
  private status: TileStatus = {
    state: "connecting",
    sinceMs: Date.now(),
    attempt: 0,
    code: "",
    message: "",
  };
  private lastFrameAt = 0;
  private lastUnit: ShownUnit | null = null;
  private watchedAt = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private hiddenTimer: ReturnType<typeof setTimeout> | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    camera: string,
    parts: TileParts,
    connection: LiveConnection,
    callbacks: LadderCallbacks,
    choice: Choice,
  ) {
    this.camera = camera;
    this.parts = parts;
    this.connection = connection;
    this.callbacks = callbacks;
    this.rungs = new Rungs(choice, RUNGS, barred);
  }

  start(): void {
    document.addEventListener("visibilitychange", this.visibility);
    window.addEventListener("online", this.anew);
    this.watchedAt = Date.now();
    this.timer = setInterval(() => this.watch(), WATCH_MS);
    this.tell(this.status);
    if (!document.hidden) this.open();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.visibility);
    window.removeEventListener("online", this.anew);
    if (this.timer !== null) clearInterval(this.timer);
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.leave();
  }

  /** A hidden tab holds no stream: browsers throttle it, and it would come back behind. */
  private readonly visibility = (): void => {
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.hiddenTimer = null;
    if (document.hidden) this.hiddenTimer = setTimeout(() => this.leave(), HIDDEN_MS);
    else if (this.rung === null && this.retry === null) this.open();
  };

  /** Another network, or back from sleep: from the top. */
  private readonly anew = (): void => {
    this.rungs.reset();
    this.attempt = 0;
    this.leave();
    if (!document.hidden) this.open();
  };

  private leave(): void {
    this.turn += 1;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.engine?.close();
    this.engine = null;
    this.tile?.close();
    this.tile = null;
    this.stills?.close();
    this.stills = null;
    this.rung = null;
    this.lastUnit = null;
    this.callbacks.sound(null);
  }

  private open(): void {
    this.leave();
    const rung = this.rungs.current(Date.now());
    this.show(rung);
    const load = ENGINES[rung];
    if (load !== undefined) {
      this.set("connecting", "", "", this.attempt);
      void this.play(rung, load, this.turn);
    } else if (rung === "stills") {
      this.parts.canvas.hidden = true;
      this.stills = new StillFeed(this.parts.still, this.camera);
      this.set("stills");
    } else {
      this.tile = new TilePlayer(this.camera, this.parts, this.connection, {
        ...this.callbacks,
        status: (status) => this.ofTile(status),
      });
      this.tile.start();
    }
  }

  private show(rung: Rung): void {
    this.rung = rung;
    this.parts.root.dataset.rung = rung;
    this.callbacks.rung(rung);
  }

  /** Media Source is a player of its own; where it can play nothing it shows stills, and HLS may know better. */
  private ofTile(status: TileStatus): void {
    this.status = status;
    const isStill = status.state === "stills";
    if (
      isStill &&
      this.rung === "mse" &&
      this.rungs.failed("mse", "codec-not-playable", Date.now()) === "down"
    ) {
      // Not within the tile's own call: it has not finished its step.
      this.retry ??= setTimeout(() => this.open(), 0);
      return;
    }
    if (isStill && this.rung !== "stills") this.show("stills");
    else if (status.state === "live" && this.rung === "stills") this.show("mse");
    this.tell(status);
  }

  private async play(rung: Rung, load: () => Promise<MakeEngine>, turn: number): Promise<void> {
    this.parts.canvas.hidden = true;
    const mine = (): boolean => turn === this.turn;
    const callbacks: EngineCallbacks = {
      playing: () => mine() && this.set("live"),
      waiting: (cause, message) => mine() && this.set("waiting", cause, message),
      failed: (code, message) => mine() && this.failed(rung, code, message),
      frame: (unit) => mine() && this.shown(unit),
      sound: (own) => mine() && this.callbacks.sound(own),
    };
    try {
      const make = await load();
      if (!mine()) return;
      this.engine = make(this.camera, this.parts.video, callbacks, this.connection);
      this.engine.start();
    } catch (error) {
      if (mine()) this.failed(rung, "engine-unsupported", error instanceof Error ? error.message : "");
    }
  }

  private failed(rung: Rung, code: string, message: string): void {
    const step = this.rungs.failed(rung, code, Date.now());
    this.parts.root.dataset.left = `${rung} ${code}`;
    this.leave();
    if (step === "down") {
      this.attempt = 0;
      this.open();
      return;
    }
    this.show(rung);
    if (step === "stop") {
      this.set("failed", code, message);
      return;
    }
    this.attempt += 1;
    this.rung = null;
    this.set(code === "stream-not-live" ? "waiting" : "connecting", code, message, this.attempt);
    this.retry = setTimeout(
      () => {
        this.retry = null;
        if (!document.hidden) this.open();
      },
      backoffMs(this.attempt, 5_000),
    );
  }

  /** A picture is on screen; null: which one is not known. */
  private shown(unit: ShownUnit | null): void {
    this.lastFrameAt = Date.now();
    if (this.status.state !== "live") this.set("live");
    this.attempt = 0;
    const { dataset } = this.parts.root;
    if (unit === null) {
      delete dataset.seq;
      this.callbacks.unknown();
      return;
    }
    this.lastUnit = unit;
    dataset.run = String(unit.run);
    dataset.seq = String(unit.seq);
    dataset.capturedNs = String(unit.capturedNs);
    this.callbacks.frame?.(unit);
  }

  private watch(): void {
    const now = Date.now();
    const slept = now - this.watchedAt > SLEPT_MS;
    this.watchedAt = now;
    if (slept && !document.hidden) this.anew();
    else if (this.engine !== null && this.status.state === "live" && now - this.lastFrameAt > FROZEN_MS)
      this.set("frozen", "", "", 0, this.lastFrameAt);
  }

  private set(state: TileState, code = "", message = "", attempt = 0, sinceMs = Date.now()): void {
    const same = this.status.state === state && this.status.code === code;
    this.status = { state, sinceMs: same ? this.status.sinceMs : sinceMs, attempt, code, message };
    if (state === "live" && !same) this.lastFrameAt = Date.now();
    this.tell(this.status);
  }

  private tell(status: TileStatus): void {
    this.parts.root.dataset.player = status.state;
    this.callbacks.status(status);
  }

  /** When the picture on screen was taken, seconds since the epoch; null while none moves. */
  shownAt(): number | null {
    if (this.tile !== null) return this.tile.shownAt();
    return this.status.state === "live" ? (this.engine?.shownAt() ?? null) : null;
  }

  stats(): TileStats {
    if (this.tile !== null) return this.tile.stats();
    const { video, still } = this.parts;
    const moving = this.status.state === "live" ? this.lastUnit : null;
    const latencyMs = moving === null ? null : Date.now() - Number(moving.capturedNs / 1_000_000n);
    if (this.engine !== null) return { ...this.engine.stats(), latencyMs };
    const none = { mime: "", fps: 0, bitrateBps: 0, behindMs: 0, dropped: 0, latencyMs: null };
    return this.stills === null
      ? { ...none, width: video.videoWidth, height: video.videoHeight }
      : { ...none, width: still.naturalWidth, height: still.naturalHeight };
  }
}
