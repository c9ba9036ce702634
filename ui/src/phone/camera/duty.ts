import type { PhoneSettings, PhoneState, ToCamera, Wish } from "../messages";
import { Signal } from "../signal";
import { Awake } from "./awake";
import { type Choices, choose, chosen } from "./choices";
import { Lens } from "./lens";
import { LoudSounds, listenTo } from "./loudness";
import type { Paired } from "./paired";
import { Recording } from "./recording";
import { Senses } from "./senses";
import { Usage } from "./usage";
import { Viewers } from "./viewers";
import type { Voice } from "./voice";

export type DutyPhase = "off" | "asking" | "connecting" | "on" | "again" | "paused";

/** Without the server nobody can take a right to view away: then nobody views. */
const ALONE_MS = 60_000;
const TICK_MS = 1_000;
const REOPEN_MS = 3_000;
const COUNT_EVERY = 3;

export interface DutyHandlers {
  changed(): void;
  /** Another camera, or the same one opened anew: show it. */
  picture(stream: MediaStream): void;
  /** `unpaired`, `replaced`, …: the server wants us no more. */
  ended(reason: string): void;
}

/** A phone that is a camera: from the tap on "start" to the tap on "stop". */
export class Duty {
  phase: DutyPhase = "off";
  name: string;
  dimmed = false;
  readonly lens: Lens;
  readonly viewers: Viewers;
  readonly recording: Recording;
  readonly awake: Awake;
  readonly usage = new Usage();
  choices: Choices = chosen();
  /** Null: not known yet. */
  isHeldAwake: boolean | null = null;
  private readonly paired: Paired;
  private readonly handlers: DutyHandlers;
  private readonly senses: Senses;
  private settings: PhoneSettings = { record: false };
  private signal: Signal<ToCamera> | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private reopening: ReturnType<typeof setTimeout> | null = null;
  private aloneSince: number | null = null;
  private sounds: LoudSounds | null = null;
  private unhear: (() => void) | null = null;
  private ticks = 0;
  private told = "";
  private isStopped = false;

  constructor(paired: Paired, voice: Voice, handlers: DutyHandlers) {
    this.paired = paired;
    this.name = paired.name;
    this.handlers = handlers;
    this.lens = new Lens(
      (track) => this.replaced(track),
      () => this.reopen(0),
    );
    this.lens.shutter = this.choices.shutter;
    this.lens.wanted = this.choices.height;
    this.viewers = new Viewers(this.lens, voice, {
      send: (message) => this.signal?.send(message),
      wish: (wish) => this.wished(wish),
      changed: () => handlers.changed(),
    });
    this.recording = new Recording(paired, () => handlers.changed());
    this.awake = new Awake((held) => {
      this.isHeldAwake = held;
      handlers.changed();
    });
    this.senses = new Senses(
      () => this.tellState(),
      () => this.moved(),
    );
  }

  /** Its owner may have switched this camera off. */
  get isEnabled(): boolean {
    return this.settings.enabled !== false;
  }

  get state(): PhoneState {
    const { battery, charging, network } = this.senses;
    const { torch, canTorch, muted, facing, audio, shutter } = this.lens;
    return {
      battery,
      charging,
      network,
      torch,
      can_torch: canTorch,
      muted: muted || audio === null,
      facing,
      dimmed: this.dimmed,
      hidden: document.hidden,
      private: shutter,
      loud: this.sounds?.on ?? null,
    };
  }

  /** False: it was stopped while the browser asked. Rejects with a `LensError` where there is no picture. */
  async start(): Promise<boolean> {
    this.set("asking");
    let stream: MediaStream;
    try {
      stream = await this.lens.open();
    } catch (error) {
      this.set("off");
      throw error;
    }
    if (this.isStopped) {
      this.lens.close();
      return false;
    }
    this.handlers.picture(stream);
    this.listen();
    this.set("connecting");
    document.addEventListener("visibilitychange", this.onVisible);
    this.awake.start();
    void this.senses.start();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.signal = new Signal<ToCamera>("/api/phones/camera", {
      hello: () => ({ type: "hello", token: this.paired.token }),
      message: (message) => this.receive(message),
      down: (_attempt, code) => this.lost(code),
    });
    this.signal.start();
    return true;
  }

  stop(): void {
    this.isStopped = true;
    document.removeEventListener("visibilitychange", this.onVisible);
    if (this.ticker !== null) clearInterval(this.ticker);
    if (this.reopening !== null) clearTimeout(this.reopening);
    this.ticker = null;
    this.reopening = null;
    this.viewers.closeAll();
    this.recording.stop();
    this.signal?.close();
    this.signal = null;
    this.senses.stop();
    this.awake.stop();
    this.unhear?.();
    this.unhear = null;
    this.usage.keep();
    this.lens.close();
    this.told = "";
    this.set("off");
  }

  setMuted(muted: boolean): void {
    this.lens.setMuted(muted);
    this.tellState();
  }

  /** Nobody sees or hears anything until it is opened again, here; what is recorded ends. */
  setShutter(shutter: boolean): void {
    this.keep({ shutter });
    this.lens.setShutter(shutter);
    this.settle(this.settings);
    this.tellState();
  }

  setHeight(height: number): void {
    this.keep({ height });
    void this.lens.resize(height).then(() => this.handlers.changed());
  }

  /** From how loud on it is told; null: not at all. */
  setLoud(loudDb: number | null): void {
    this.keep({ loudDb });
    this.listen();
    this.tellState();
  }

  setDimmed(dimmed: boolean): void {
    this.dimmed = dimmed;
    this.tellState();
  }

  async flip(): Promise<void> {
    await this.lens.turn(this.lens.facing === "user" ? "environment" : "user");
    this.tellState();
  }

  async light(): Promise<void> {
    await this.lens.light(this.lens.torch !== true);
    this.tellState();
  }

  private receive(message: ToCamera): void {
    switch (message.type) {
      case "welcome":
        this.name = message.name;
        this.aloneSince = null;
        this.viewers.welcomed();
        this.settle(message.settings);
        this.told = "";
        this.set(this.lens.stream === null ? "paused" : "on");
        this.tellState();
        return;
      case "viewer":
        this.viewers.announced({
          peer: message.peer,
          name: message.name,
          maySpeak: message.may_speak,
          servers: message.ice_servers,
        });
        return;
      case "left":
        this.viewers.left(message.peer);
        return;
      case "settings":
        this.settle(message.settings);
        return;
      case "ended":
        this.stop();
        this.handlers.ended(message.reason);
        return;
      default:
        this.viewers.relayed(message);
    }
  }

  private settle(settings: PhoneSettings): void {
    this.settings = settings;
    const { stream } = this.lens;
    const sends = this.isEnabled && !this.lens.shutter;
    if (settings.record && sends && stream !== null) this.recording.start(stream);
    else if (settings.record && this.isEnabled) this.recording.stop();
    else this.recording.stop(true);
    this.handlers.changed();
  }

  private lost(code: number): void {
    this.aloneSince ??= performance.now();
    if (code === 4401) {
      this.stop();
      this.handlers.ended("unpaired");
      return;
    }
    this.set("again");
  }

  private wished(wish: Wish): void {
    if (wish.type === "torch") void this.lens.light(wish.on).then(() => this.tellState());
    if (wish.type === "facing") void this.lens.turn(wish.facing).then(() => this.tellState());
  }

  private replaced(track: MediaStreamTrack): void {
    this.viewers.replace(track);
    this.recording.replace(track);
    if (this.lens.stream !== null) this.handlers.picture(this.lens.stream);
    this.tellState();
  }

  /** The device took the camera away: a call came in, or another program wanted it. */
  private reopen(afterMs: number): void {
    if (this.phase === "off" || this.reopening !== null) return;
    this.set("paused");
    this.reopening = setTimeout(() => void this.reopenNow(), afterMs);
  }

  private async reopenNow(): Promise<void> {
    this.reopening = null;
    if (document.hidden) return;
    const stream = await this.lens.open().catch(() => null);
    if (this.signal === null) {
      this.lens.close();
      return;
    }
    if (stream === null) {
      this.reopen(REOPEN_MS);
      return;
    }
    for (const track of stream.getTracks()) this.viewers.replace(track);
    this.viewers.opened();
    this.handlers.picture(stream);
    this.listen();
    this.settle(this.settings);
    this.set(this.signal.isOpen ? "on" : "again");
    this.tellState();
  }

  private readonly onVisible = (): void => {
    this.tellState();
    const isGone = this.lens.video === null || this.lens.video.readyState === "ended";
    if (!document.hidden && isGone) this.reopen(0);
  };

  private moved(): void {
    this.signal?.renew();
    this.viewers.restart();
  }

  private tick(): void {
    this.viewers.look();
    this.ticks += 1;
    if (this.ticks % COUNT_EVERY === 0) void this.count().catch(() => undefined);
    if (this.aloneSince !== null && performance.now() - this.aloneSince > ALONE_MS) this.viewers.closeAll();
    this.handlers.changed();
  }

  private async count(): Promise<void> {
    const tell = (connection: object, bytes: number): void => this.usage.sent(connection, bytes);
    await this.viewers.usage(tell);
    await this.recording.usage(tell);
  }

  private keep(choices: Partial<Choices>): void {
    this.choices = { ...this.choices, ...choices };
    choose(this.choices);
  }

  private listen(): void {
    this.unhear?.();
    this.unhear = null;
    const { loudDb } = this.choices;
    const { stream } = this.lens;
    this.sounds = loudDb === null || stream === null ? null : new LoudSounds(loudDb);
    if (this.sounds !== null && stream !== null)
      this.unhear = listenTo(stream, this.sounds, () => this.tellState());
  }

  private tellState(): void {
    const { state } = this;
    const text = JSON.stringify(state);
    if (text !== this.told && this.signal?.isOpen) {
      this.told = text;
      this.signal.send({ type: "state", state });
      this.viewers.tell(state);
    }
    this.handlers.changed();
  }

  private set(phase: DutyPhase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.handlers.changed();
  }
}
