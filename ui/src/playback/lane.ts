import { plays } from "@/player/mediasource";
import { bufferFor, type MediaBuffer } from "./buffer";
import { type Clock, isTrick } from "./clock";
import { Feeder, type FeedFault } from "./feeder";
import type { Gate } from "./gate";
import { EDGE_MS, type Span } from "./pieces";
import type { FootageSource, Hole } from "./source";
import { placeIn, type Unit, UnitTable } from "./units";

/** One camera on the clock: its media element shows what the clock says, or its state says why not. */

export type LaneState = "loading" | "shown" | "gap" | "edge" | FeedFault;

export interface LaneFace {
  state: LaneState;
  /** Of a gap: why, and where footage goes on. */
  hole: Hole | null;
}

export interface LaneParts {
  camera: string;
  clock: Clock;
  source: FootageSource;
  gate: Gate;
  crowd: () => number;
  now: () => number;
}

/** The parts of a media element that a lane drives. */
export type Screen = Pick<
  HTMLVideoElement,
  "currentTime" | "paused" | "seeking" | "readyState" | "playbackRate" | "play" | "pause" | "error"
>;

const FAR_S = 0.3;
const GAIN = 2.5;
const MOST_NUDGE = 0.25;
const DEAD_S = 0.004;
const HANGS_MS = 250;
const SLOW_SEEK_MS = 200;
const UNITS_AROUND_MS = 6_000;
/** A picture may last this long and still be found. */
const NEAR_MS = 500;
const ASK_UNITS_MS = 400;
const WRONG_MS = 150;
/** A browser that has not said which picture it shows is asked no longer than this: some never say. */
const UNTOLD_MS = 1_000;
const MOST_TRIES = 4;
const LOST_MS = 6_000;
const REBUILDS = 3;

export class Lane {
  readonly camera: string;
  readonly units = new UnitTable();
  private readonly parts: LaneParts;
  private readonly video: Screen;
  private readonly makeBuffer: () => MediaBuffer;
  private feeder: Feeder;
  private face: LaneFace = { state: "loading", hole: null };
  private abort = new AbortController();
  private placed: number | null = null;
  private seekingSince = 0;
  private putAt = 0;
  private waitingSince: number | null = null;
  private asking = false;
  private askedUnitsAt = 0;
  private unitsFail = false;
  private presented_ms: number | null = null;
  private standing: number | null = null;
  private tries = 0;
  private rebuilds = 0;
  private restsAt: number | null = null;

  constructor(parts: LaneParts, video: Screen, makeBuffer?: () => MediaBuffer) {
    this.parts = parts;
    this.camera = parts.camera;
    this.video = video;
    this.makeBuffer = makeBuffer ?? (() => bufferFor(video as HTMLVideoElement));
    this.feeder = this.fed();
  }

  close(): void {
    this.abort.abort();
    this.feeder.close();
    this.parts.clock.release(this.camera);
  }

  get shows(): LaneFace {
    return this.face;
  }

  /** Whether it stands, and on what belongs to `ms`: on the very picture, or where there is none. */
  rests(ms: number): boolean {
    return this.restsAt === ms;
  }

  /** The clock was set elsewhere. */
  jumped(): void {
    this.restsAt = null;
    this.placed = null;
    this.standing = null;
    this.waitingSince = null;
    this.askedUnitsAt = 0;
    this.feeder.jump(this.parts.clock.now());
  }

  /** Called many times a second. */
  tick(): void {
    const { clock } = this.parts;
    const at = clock.now();
    this.restsAt = null;
    if (this.video.error !== null && !this.rebuilt()) return;
    const speed = clock.playing ? clock.speed : 1;
    this.feeder.aim(at, speed);
    if (this.feeder.fault !== null) this.give(this.feeder.fault);
    else if (!this.feeder.suits(speed) || !this.feeder.knows(at)) this.wait(at);
    else if (this.feeder.place(at) === null) this.empty(at);
    else this.show(at);
  }

  /** The pictures around `ms`, for a step or an exact stop. */
  async learn(ms: number): Promise<void> {
    if (this.units.knows(ms - 2 * NEAR_MS, ms + 2 * NEAR_MS)) return;
    await this.fetchUnits({ start_ms: ms - UNITS_AROUND_MS, end_ms: ms + UNITS_AROUND_MS });
  }

  private async fetchUnits(span: Span): Promise<void> {
    const whole = span.end_ms < this.parts.now() - EDGE_MS;
    this.units.add(await this.parts.source.units(span, this.abort.signal), span, whole);
  }

  private fed(): Feeder {
    const { source, gate, crowd, now } = this.parts;
    return new Feeder({ buffer: this.makeBuffer(), source, gate, crowd, now, plays });
  }

  /** A decoder that failed on one picture gets a new chance; the third time in a row the lane gives up. */
  private rebuilt(): boolean {
    if (this.rebuilds >= REBUILDS) {
      this.become("failed");
      return false;
    }
    this.rebuilds += 1;
    this.feeder.close();
    this.feeder = this.fed();
    this.placed = null;
    this.presented_ms = null;
    return true;
  }

  private become(state: LaneState): void {
    if (state !== "loading" && state !== "edge") this.parts.clock.release(this.camera);
    if (state !== this.face.state) this.face = { state, hole: null };
    if (state === "gap") this.explain(this.parts.clock.now());
  }

  private give(fault: FeedFault): void {
    this.pause();
    this.placed = null;
    this.become(fault);
  }

  /** What is recorded at `at` is not known yet, or not written yet. */
  private wait(at: number): void {
    this.pause();
    this.placed = null;
    const state = at > this.parts.now() - EDGE_MS ? "edge" : "loading";
    this.become(state);
    this.holdAWhile();
  }

  /** The clock waits for a slow camera, but not for ever: the others go on without it. */
  private holdAWhile(): void {
    const now = this.parts.now();
    this.waitingSince ??= now;
    if (now - this.waitingSince < LOST_MS || this.parts.crowd() === 1) this.parts.clock.hold(this.camera);
    else this.parts.clock.release(this.camera);
  }

  private empty(at: number): void {
    this.pause();
    this.waitingSince = null;
    if (!this.parts.clock.playing) this.restsAt = at;
    const { hole } = this.face;
    const passed = hole !== null && hole.next_ms !== null && at >= hole.next_ms;
    if (this.face.state === "gap" && passed) this.face = { state: "gap", hole: null };
    this.become("gap");
  }

  private explain(at: number): void {
    if (this.face.hole !== null || this.asking) return;
    this.asking = true;
    this.parts.source
      .hole(Math.floor(at), this.abort.signal)
      .then((hole) => {
        if (this.face.state === "gap") this.face = { state: "gap", hole };
      })
      .catch(() => {
        // The card then says only that nothing is there; the next gap asks again.
        if (this.face.state === "gap") this.face = { state: "gap", hole: { gap: null, next_ms: null } };
      })
      .finally(() => {
        this.asking = false;
      });
  }

  private show(at: number): void {
    if (!this.feeder.covers(at)) {
      this.pause();
      this.become("loading");
      this.holdAWhile();
      return;
    }
    this.watchSeek(at);
    const { clock } = this.parts;
    const seeks = clock.speed < 0 || isTrick(clock.speed);
    const ahead = clock.playing && !seeks && !this.feeder.ends(at);
    let ready = !this.video.seeking && this.video.readyState >= (ahead ? 3 : 2);
    if (!clock.playing) ready = this.still(at) && ready;
    else if (seeks) this.flick(at);
    else this.run(at);
    if (ready) {
      this.waitingSince = null;
      this.rebuilds = 0;
      if (!clock.playing) this.restsAt = at;
      this.become("shown");
    } else this.notReady(seeks);
  }

  private notReady(seeks: boolean): void {
    // While flicking through pictures each seek takes a moment: no reason to stop the clock, as long as it is short.
    if (seeks && this.face.state === "shown" && this.parts.now() - this.putAt < SLOW_SEEK_MS) return;
    if (this.face.state !== "shown" || !this.parts.clock.playing) this.become("loading");
    this.holdAWhile();
  }

  private watchSeek(at: number): void {
    const now = this.parts.now();
    if (!this.video.seeking) this.seekingSince = now;
    else if (now - this.seekingSince > HANGS_MS) {
      this.seekingSince = now;
      void this.feeder.finish(at);
    }
  }

  /** The browser put a picture on screen, whose time this is. */
  presented(ms: number): void {
    this.presented_ms = ms;
  }

  /** Stands on the picture that was the newest at `at`. Returns whether it is on screen. */
  private still(at: number): boolean {
    this.pause();
    const isKnown = this.units.knows(at - NEAR_MS, at + 1);
    const unit = isKnown ? this.units.at(at) : null;
    if (!isKnown) this.ask(at);
    if (unit === null) {
      const stood = this.placed === at + 1;
      this.put(at + 1);
      return stood && (isKnown || this.unitsFail);
    }
    if (this.standing !== unit.at_ms) {
      this.standing = unit.at_ms;
      this.tries = 0;
      this.placed = null;
    }
    return this.stand(unit);
  }

  /** A browser may stop one picture off after a seek: what it says it shows is compared, and it is asked again. */
  private stand(unit: Unit): boolean {
    const stood = this.placed !== null;
    this.put(placeIn(unit, this.tries));
    if (this.presented_ms === null) return stood && this.parts.now() - this.putAt > UNTOLD_MS;
    const off_ms = Math.abs(this.presented_ms - unit.shown_ms);
    if (off_ms < unit.duration_ms / 2 || this.tries >= MOST_TRIES) return stood;
    if (stood && !this.video.seeking && this.parts.now() - this.putAt > WRONG_MS) {
      this.tries += 1;
      this.placed = null;
    }
    return false;
  }

  private ask(at: number): void {
    const now = this.parts.now();
    if (now - this.askedUnitsAt < ASK_UNITS_MS) return;
    this.askedUnitsAt = now;
    this.learn(at).then(
      () => {
        this.unitsFail = false;
      },
      () => {
        // Without the list the player stands on the right picture to within its own exactness.
        this.unitsFail = true;
      },
    );
  }

  /** Picture after picture by seeking: backwards, and very fast. */
  private flick(at: number): void {
    this.pause();
    const place = this.feeder.place(at);
    if (place === null || this.video.seeking) return;
    if (this.placed === null || Math.abs(this.placed - place) > 20) this.put(place);
  }

  private run(at: number): void {
    const { clock } = this.parts;
    this.placed = null;
    const off_s = this.video.currentTime - at / 1_000;
    if (Math.abs(off_s) > FAR_S * Math.max(1, clock.speed) || (!clock.running && Math.abs(off_s) > 0.04)) {
      if (!this.video.seeking) this.video.currentTime = at / 1_000;
      return;
    }
    if (!clock.running) {
      this.pause();
      return;
    }
    if (this.video.paused) void this.video.play().catch(() => undefined);
    const nudge =
      Math.abs(off_s) < DEAD_S
        ? 0
        : Math.max(-MOST_NUDGE, Math.min(MOST_NUDGE, (-off_s * GAIN) / clock.speed));
    const rate = Math.round(clock.speed * (1 + nudge) * 200) / 200;
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  private put(ms: number): void {
    if (this.placed === ms) return;
    this.placed = ms;
    this.putAt = this.parts.now();
    this.video.currentTime = ms / 1_000;
  }

  private pause(): void {
    if (!this.video.paused) this.video.pause();
  }

  /** The picture `steps` away from the one at `ms`. */
  async neighbour(ms: number, steps: number): Promise<Unit | null> {
    await this.learn(ms);
    const near = this.units.neighbour(ms, steps);
    if (near !== null && this.units.knows(Math.min(ms, near.at_ms), Math.max(ms, near.at_ms))) return near;
    await this.fetchUnits({ start_ms: ms - 4 * UNITS_AROUND_MS, end_ms: ms + 4 * UNITS_AROUND_MS });
    return this.units.neighbour(ms, steps);
  }
}
