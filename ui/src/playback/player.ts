import { Clock, faster, isTrick } from "./clock";
import { Gate } from "./gate";
import { Lane, type LaneFace, type Screen } from "./lane";
import { type HeardState, Sound, type Speaker } from "./sound";
import { HttpSource } from "./source";

/** All cameras of the page on one clock. Tells its listeners a few times a second, and at each change. */

export interface PlayerView {
  time_ms: number;
  playing: boolean;
  speed: number;
  /** Some camera makes the clock wait. */
  waiting: boolean;
  /** All cameras stand on what belongs to this time. */
  rests: boolean;
  lanes: ReadonlyMap<string, LaneFace>;
}

export interface PlayerEvents {
  view(view: PlayerView): void;
  /** The recording has caught up with now. */
  live(): void;
}

const TICK_MS = 33;
const SLOW_TICK_MS = 150;
const TELL_MS = 100;
const DOWNLOADS = 4;
const LIVE_MS = 1_500;
/** How long a gap that everybody shares is shown before playing goes on behind it. */
const GAP_CARD_MS = 2_000;

export class Player {
  readonly clock: Clock;
  private readonly events: PlayerEvents;
  private readonly lanes = new Map<string, Lane>();
  private readonly gate = new Gate(DOWNLOADS);
  private sound: Sound | null = null;
  private readonly timer: ReturnType<typeof setInterval>;
  private ticked = { at: 0, time_ms: 0, running: false };
  private toldAt = 0;
  private told = "";
  private gapSince: number | null = null;
  private sought = false;

  constructor(start_ms: number, events: PlayerEvents) {
    this.clock = new Clock(start_ms);
    this.events = events;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    document.addEventListener("visibilitychange", this.hidden);
  }

  close(): void {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.hidden);
    for (const camera of [...this.lanes.keys()]) this.detach(camera);
    this.deafen();
  }

  attach(camera: string, video: Screen): void {
    this.detach(camera);
    const parts = {
      camera,
      clock: this.clock,
      source: new HttpSource(camera),
      gate: this.gate,
      crowd: () => this.lanes.size,
      now: () => Date.now(),
    };
    this.lanes.set(camera, new Lane(parts, video));
  }

  detach(camera: string): void {
    this.lanes.get(camera)?.close();
    this.lanes.delete(camera);
  }

  /** The recorded sound of one camera, instead of any other's. Nothing makes the clock wait for it. */
  hear(camera: string, speaker: Speaker, state: (state: HeardState) => void): void {
    this.deafen();
    const { clock, gate } = this;
    const parts = { clock, gate, source: new HttpSource(camera), now: () => Date.now(), state };
    this.sound = new Sound(parts, speaker);
  }

  deafen(): void {
    this.sound?.close();
    this.sound = null;
  }

  /** Somebody pressed a key or a button: a browser that wants that lets sound play from now on. */
  unblock(): void {
    this.sound?.unblock();
  }

  /** The browser put a picture of `camera` on screen, whose time is `ms`. */
  presented(camera: string, ms: number): void {
    this.lanes.get(camera)?.presented(ms);
  }

  seek(ms: number): void {
    this.clock.seek(ms);
    this.ticked.running = false;
    this.sought = true;
    this.gapSince = null;
    for (const lane of this.lanes.values()) lane.jumped();
    this.tick();
    this.tell();
  }

  play(): void {
    this.sought = false;
    this.clock.play();
    this.tell();
  }

  /** On a whole millisecond, which an address can carry. Also ends a fast or backward run: the next play is at 1x. */
  pause(): void {
    this.clock.pause();
    this.clock.seek(Math.round(this.clock.now()));
    if (this.clock.speed < 0 || this.clock.speed >= 8) this.clock.setSpeed(1);
    this.tell();
  }

  toggle(): void {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  setSpeed(speed: number): void {
    this.clock.setSpeed(speed);
    this.play();
  }

  faster(direction: 1 | -1): void {
    this.setSpeed(faster(this.clock.speed, this.clock.playing, direction));
  }

  /** Stops on the picture that is `steps` away from the shown one of `camera`. */
  async step(camera: string, steps: number): Promise<void> {
    this.pause();
    const lane = this.lanes.get(camera);
    const from = this.clock.now();
    const unit = await lane?.neighbour(from, steps).catch(() => null);
    if (unit == null || this.clock.now() !== from) return;
    this.seek(Math.ceil(unit.at_ms));
  }

  face(camera: string): LaneFace | null {
    return this.lanes.get(camera)?.shows ?? null;
  }

  get view(): PlayerView {
    const { clock } = this;
    return {
      time_ms: clock.now(),
      playing: clock.playing,
      speed: clock.speed,
      waiting: clock.held,
      rests: this.rests,
      lanes: new Map([...this.lanes].map(([camera, lane]) => [camera, lane.shows])),
    };
  }

  private get rests(): boolean {
    const now = this.clock.now();
    return !this.clock.playing && [...this.lanes.values()].every((lane) => lane.rests(now));
  }

  private tick(): void {
    this.catchBreath();
    for (const lane of this.lanes.values()) lane.tick();
    this.crossGap();
    this.sound?.tick();
    const now = Date.now();
    if (this.clock.playing && this.clock.speed > 0 && this.clock.now() > now - LIVE_MS) this.events.live();
    const states = [...this.lanes].map(
      ([name, lane]) => `${name} ${lane.shows.state} ${lane.shows.hole !== null}`,
    );
    const told = `${states.join()} ${this.clock.playing} ${this.clock.held} ${this.rests}`;
    if (told !== this.told || (this.clock.running && now - this.toldAt >= TELL_MS)) this.tell();
    this.told = told;
  }

  /** A page that was held up shows no picture meanwhile: what goes by single pictures does not leap over that time. */
  private catchBreath(): void {
    const { clock } = this;
    const now = performance.now();
    const leapt = now - this.ticked.at > SLOW_TICK_MS && clock.running && this.ticked.running;
    if (leapt && (clock.speed < 0 || isTrick(clock.speed)))
      clock.seek(this.ticked.time_ms + SLOW_TICK_MS * clock.speed);
    this.ticked = { at: now, time_ms: clock.now(), running: clock.running };
  }

  /** Where no camera has anything, the clock stands; when it played into that, it goes on behind it by itself. */
  private crossGap(): void {
    const faces = [...this.lanes.values()].map((lane) => lane.shows);
    const empty = faces.length > 0 && faces.every((face) => face.state === "gap");
    if (!empty || !this.clock.playing) {
      this.gapSince = null;
      this.clock.release("gap");
      return;
    }
    this.clock.hold("gap");
    this.gapSince ??= Date.now();
    if (this.sought || Date.now() - this.gapSince < GAP_CARD_MS) return;
    const next = this.clock.speed > 0 ? nextOf(faces) : before(faces);
    if (next === null) return;
    this.gapSince = null;
    this.clock.seek(next);
    for (const lane of this.lanes.values()) lane.jumped();
  }

  private tell(): void {
    this.toldAt = Date.now();
    this.events.view(this.view);
  }

  /** A hidden page is slowed down by the browser: it would come back out of step. */
  private readonly hidden = (): void => {
    if (document.hidden) this.pause();
  };
}

/** First recorded instant behind a gap that all share; null while it is not known of every camera, or there is none. */
export function nextOf(faces: readonly LaneFace[]): number | null {
  if (faces.some((face) => face.hole === null)) return null;
  const all = faces.flatMap((face) => (face.hole?.next_ms == null ? [] : [face.hole.next_ms]));
  return all.length === 0 ? null : Math.min(...all);
}

function before(faces: readonly LaneFace[]): number | null {
  const all = faces.flatMap((face) => (face.hole?.gap == null ? [] : [face.hole.gap.start_ms - 100]));
  return all.length === 0 ? null : Math.max(...all);
}
