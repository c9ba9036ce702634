import type { LiveConnection, LiveSink } from "./connection";
import { MseFeed, TARGET_BEHIND_S } from "./feed";
import type { LiveHeader } from "./header";
import { plays } from "./mediasource";
import { correction } from "./sync";

export type SoundState = "connecting" | "on" | "failed";

const FOLLOW_MS = 100;
/** After a jump the element needs a while before its clock can be believed. */
const SETTLE_MS = 500;
const REBUILD_MS = 1_000;
/** Without a picture to follow, the sound is let fall this far behind before it jumps to live. */
const MAX_BEHIND_S = 1;

export interface SoundCallbacks {
  state(state: SoundState, code: string): void;
  /** When the picture on screen was taken, seconds since the epoch; null while there is none. */
  picture(): number | null;
}

/**
 * One camera's sound: a subscription of its own and an audio element of its own, held to the picture by the time at
 * which both were taken. Not a second SourceBuffer of the picture's MediaSource: that would have to be built anew to
 * add one, and the picture would stop whenever sound is missing.
 */
export class SoundPlayer implements LiveSink {
  private readonly camera: string;
  private readonly audio: HTMLAudioElement;
  private readonly connection: LiveConnection;
  private readonly callbacks: SoundCallbacks;
  private unsubscribe: (() => void) | null = null;
  private feed: MseFeed | null = null;
  private mime = "";
  private timer: ReturnType<typeof setInterval> | null = null;
  private rebuildTimer: ReturnType<typeof setTimeout> | null = null;
  private jumpedAt = 0;

  constructor(
    camera: string,
    audio: HTMLAudioElement,
    connection: LiveConnection,
    callbacks: SoundCallbacks,
  ) {
    this.camera = camera;
    this.audio = audio;
    this.connection = connection;
    this.callbacks = callbacks;
  }

  start(): void {
    this.audio.addEventListener("playing", this.playing);
    this.timer = setInterval(() => this.follow(), FOLLOW_MS);
    this.connect();
  }

  close(): void {
    this.audio.removeEventListener("playing", this.playing);
    if (this.timer !== null) clearInterval(this.timer);
    if (this.rebuildTimer !== null) clearTimeout(this.rebuildTimer);
    this.unsubscribe?.();
    this.unsubscribe = null;
    this.closeFeed();
  }

  private connect(): void {
    this.callbacks.state("connecting", "");
    this.unsubscribe = this.connection.subscribe(this.camera, "audio", this);
  }

  private closeFeed(): void {
    this.feed?.close();
    this.feed = null;
    this.audio.playbackRate = 1;
  }

  private readonly playing = (): void => this.callbacks.state("on", "");

  subscribed(mime: string): void {
    if (this.feed !== null && mime === this.mime) return;
    this.closeFeed();
    this.mime = mime;
    if (!plays(mime)) {
      this.callbacks.state("failed", "codec-not-playable");
      return;
    }
    this.feed = new MseFeed(this.audio, mime, () => this.rebuild(), false);
  }

  data(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): void {
    this.feed?.push(header, payload);
  }

  waiting(cause: string): void {
    this.callbacks.state("connecting", cause);
  }

  failed(code: string): void {
    this.closeFeed();
    this.callbacks.state("failed", code);
  }

  lost(): void {
    this.closeFeed();
    this.callbacks.state("connecting", "server-unreachable");
  }

  /** The browser refused a chunk or its decoder broke: start over, once a second at most. */
  private rebuild(): void {
    if (this.rebuildTimer !== null || this.unsubscribe === null) return;
    this.closeFeed();
    this.unsubscribe();
    this.rebuildTimer = setTimeout(() => {
      this.rebuildTimer = null;
      this.connect();
    }, REBUILD_MS);
  }

  /** Keep what is heard to what is seen: a little by speed (pitch is preserved), much by a jump. */
  private follow(): void {
    const { audio, feed } = this;
    if (audio.error !== null && feed !== null) this.rebuild();
    if (feed === null || audio.paused || audio.seeking) return;
    const heard = feed.units.capturedAt(audio.currentTime);
    const seen = this.callbacks.picture();
    if (heard === null || seen === null) {
      audio.playbackRate = 1;
      if (feed.behind > MAX_BEHIND_S) audio.currentTime += feed.behind - TARGET_BEHIND_S;
      return;
    }
    const off = seen - heard;
    audio.dataset.offMs = String(Math.round(off * 1_000));
    if (performance.now() - this.jumpedAt < SETTLE_MS) return;
    const { rate, jump } = correction(off, keptBefore(audio), feed.behind);
    audio.playbackRate = rate;
    if (jump === 0) return;
    this.jumpedAt = performance.now();
    audio.currentTime += jump;
  }
}

/** Seconds of sound that are there, without a hole, before the present one. */
function keptBefore(audio: HTMLAudioElement): number {
  const { buffered, currentTime } = audio;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime && currentTime <= buffered.end(index)) {
      return currentTime - buffered.start(index);
    }
  }
  return 0;
}
