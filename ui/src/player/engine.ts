import type { LiveConnection } from "./connection";
import type { ShownUnit } from "./units";

/** The ways in which a live picture comes, the best first. */
export const RUNGS = ["webrtc", "mse", "hls", "stills"] as const;

export type Rung = (typeof RUNGS)[number];

export interface EngineStats {
  /** As `MediaSource.isTypeSupported` takes it, or what the browser says it decodes. Empty: not known. */
  mime: string;
  width: number;
  height: number;
  fps: number;
  bitrateBps: number;
  /** Between the picture on screen and the newest one received. */
  behindMs: number;
  dropped: number;
}

export interface EngineCallbacks {
  /** Pictures move: after the start, and again after each standstill. */
  playing(): void;
  /** The camera sends nothing at the moment. The engine goes on by itself when it does again. */
  waiting(cause: string, message: string): void;
  /** The engine is over; whoever made it closes it and takes another. Codes are those of the API, or `engine-…`. */
  failed(code: string, message: string): void;
  /** A picture is on screen; null: which unit it is cannot be told. */
  frame(unit: ShownUnit | null): void;
  /** Whether the engine brings the camera's sound along; until it says so, it does not. */
  sound?(own: boolean): void;
}

/** One way to play one camera in one media element. Started once, closed once; never plays fast to catch up. */
export interface Engine {
  start(): void;
  /** The element is given back empty. Nothing is called any more after it. */
  close(): void;
  stats(): EngineStats;
  /** When the picture on screen was taken, seconds since the epoch; null: not known. */
  shownAt(): number | null;
}

/** What an engine's module exports: `hls.ts` and `webrtc.ts` are loaded only when they are wanted. */
export type MakeEngine = (
  camera: string,
  video: HTMLVideoElement,
  callbacks: EngineCallbacks,
  connection: LiveConnection,
) => Engine;
