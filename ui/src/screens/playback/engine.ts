import type HlsType from "hls.js";
import { query } from "@/api/client";
import { type Fragment, MediaClock, playlistFragments } from "@/timeline/clock";

/** Plays one camera's recording: world time in, world time out. Loads a window of the recording at a time. */

export type EngineState = "idle" | "loading" | "playing" | "paused" | "gap" | "nothing" | "failed";

export interface EngineEvents {
  time(ms: number): void;
  state(state: EngineState): void;
  rate(rate: number): void;
}

const BEFORE_MS = 60_000;
const AFTER_MS = 15 * 60_000;
const RATES = [0.25, 0.5, 1, 2, 4, 8, 16];
const REVERSE_MS = 200;
const DEFAULT_FRAME_S = 1 / 15;

export class PlaybackEngine {
  private readonly video: HTMLVideoElement;
  private readonly camera: string;
  private readonly events: EngineEvents;
  private hls: HlsType | null = null;
  private clock = new MediaClock([]);
  private window = { start_ms: 0, end_ms: 0 };
  private generation = 0;
  private wanted = 0;
  private playing = true;
  private rate = 1;
  private reverse: ReturnType<typeof setInterval> | null = null;
  private lastMedia = 0;
  private frame_s = DEFAULT_FRAME_S;
  private handle = 0;
  private closed = false;

  constructor(video: HTMLVideoElement, camera: string, events: EngineEvents) {
    this.video = video;
    this.camera = camera;
    this.events = events;
    video.addEventListener("ended", this.ended);
    video.addEventListener("seeked", this.tell);
    this.handle = video.requestVideoFrameCallback(this.presented);
  }

  close(): void {
    this.closed = true;
    this.generation += 1;
    this.video.removeEventListener("ended", this.ended);
    this.video.removeEventListener("seeked", this.tell);
    this.video.cancelVideoFrameCallback(this.handle);
    this.stopReverse();
    this.hls?.destroy();
    this.hls = null;
  }

  get now_ms(): number {
    return this.clock.toWall(this.video.currentTime) ?? this.wanted;
  }

  get isPlaying(): boolean {
    return this.playing;
  }

  seek(ms: number): void {
    this.wanted = ms;
    const inside = !this.clock.empty && ms >= this.window.start_ms && ms < this.window.end_ms;
    if (!inside) {
      void this.load(ms);
      return;
    }
    const at = this.clock.toMedia(ms);
    if (at === null) {
      this.video.pause();
      this.events.time(ms);
      this.events.state("gap");
      return;
    }
    this.video.currentTime = at;
    this.events.time(ms);
    this.resume();
  }

  private async load(ms: number): Promise<void> {
    this.generation += 1;
    const mine = this.generation;
    this.events.state("loading");
    this.events.time(ms);
    this.hls?.destroy();
    this.hls = null;
    this.clock = new MediaClock([]);
    this.window = { start_ms: ms - BEFORE_MS, end_ms: Math.min(ms + AFTER_MS, Date.now()) };
    const range = { start_ms: Math.round(this.window.start_ms), end_ms: Math.round(this.window.end_ms) };
    const url = `/api/cameras/${this.camera}/index.m3u8${query(range)}`;
    const [{ default: Hls }, response] = await Promise.all([
      import("hls.js/light"),
      fetch(url).catch(() => null),
    ]);
    const text = response?.ok ? await response.text() : "";
    if (this.closed || mine !== this.generation) return;
    if (response === null || (!response.ok && response.status !== 404)) {
      this.events.state("failed");
      return;
    }
    this.clock = new MediaClock(playlistFragments(text));
    if (this.clock.empty) this.events.state("nothing");
    else this.attach(Hls, url, ms);
  }

  private attach(Hls: typeof HlsType, url: string, ms: number): void {
    const at = this.clock.toMedia(ms);
    // In a gap the window is still loaded, from its next piece on: the skip button then needs no waiting.
    const startPosition = at ?? this.clock.nextMedia(ms) ?? 0;
    const hls = new Hls({
      enableWorker: false,
      startPosition,
      maxBufferLength: 20,
      backBufferLength: 30,
      maxBufferSize: 40_000_000,
    });
    this.hls = hls;
    hls.on(Hls.Events.LEVEL_PTS_UPDATED, (_name, data) => {
      if (this.hls === hls) this.align(data.details.fragments);
    });
    hls.on(Hls.Events.ERROR, (_name, data) => {
      if (data.fatal && this.hls === hls) this.events.state("failed");
    });
    hls.attachMedia(this.video);
    hls.loadSource(url);
    if (at !== null) this.resume();
    else {
      this.video.pause();
      this.events.state("gap");
    }
  }

  /** The real times of the pictures are known once they are loaded, and replace those of the list. */
  private align(
    fragments: readonly { start: number; duration: number; programDateTime: number | null }[],
  ): void {
    this.clock = new MediaClock(
      fragments.flatMap((row): Fragment[] =>
        row.programDateTime === null
          ? []
          : [{ at_s: row.start, duration_s: row.duration, wall_ms: row.programDateTime }],
      ),
    );
  }

  private resume(): void {
    this.video.playbackRate = Math.abs(this.rate);
    if (this.playing && this.rate > 0) {
      void this.video.play().catch(() => this.events.state("paused"));
      this.events.state("playing");
    } else {
      this.video.pause();
      this.events.state(this.playing ? "playing" : "paused");
    }
  }

  play(): void {
    this.playing = true;
    if (this.rate < 0) this.setRate(1);
    this.resume();
  }

  pause(): void {
    this.playing = false;
    this.stopReverse();
    if (this.rate < 0) this.setRate(1);
    this.video.pause();
    this.events.state("paused");
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  /** `l` and `j`: each press doubles the speed that way, and turns round through 1x. */
  faster(direction: 1 | -1): void {
    const forward = Math.sign(this.rate) === direction && this.playing;
    const index = RATES.indexOf(Math.abs(this.rate));
    const next = forward ? (RATES[Math.min(index + 1, RATES.length - 1)] as number) : 1;
    this.playing = true;
    this.setRate(direction * next);
    this.resume();
  }

  setRate(rate: number): void {
    this.rate = rate;
    this.events.rate(rate);
    this.stopReverse();
    if (rate > 0) {
      this.video.playbackRate = rate;
      return;
    }
    // Browsers do not play backwards: seek back in steps.
    this.reverse = setInterval(() => {
      const next = this.video.currentTime + (rate * REVERSE_MS) / 1_000;
      if (next <= 0) this.seek(this.now_ms - 2_000);
      else if (!this.video.seeking) this.video.currentTime = next;
    }, REVERSE_MS);
  }

  private stopReverse(): void {
    if (this.reverse !== null) clearInterval(this.reverse);
    this.reverse = null;
  }

  step(frames: number): void {
    this.pause();
    this.video.currentTime = Math.max(0, this.video.currentTime + frames * this.frame_s + 0.001);
  }

  private readonly presented = (_now: number, meta: VideoFrameCallbackMetadata): void => {
    this.handle = this.video.requestVideoFrameCallback(this.presented);
    const gone = meta.mediaTime - this.lastMedia;
    if (gone > 0.005 && gone < 0.2 && this.rate === 1) this.frame_s = gone;
    this.lastMedia = meta.mediaTime;
    const wall = this.clock.toWall(meta.mediaTime);
    if (wall === null) return;
    this.wanted = wall;
    this.video.dataset.wallMs = String(Math.round(wall));
    this.events.time(wall);
  };

  private readonly tell = (): void => this.events.time(this.now_ms);

  /** The window is used up: the next one starts where it ended. */
  private readonly ended = (): void => {
    const next = this.clock.endWallMs ?? this.window.end_ms;
    if (next > Date.now() - 4_000) this.events.state("nothing");
    else void this.load(next + 20);
  };
}
