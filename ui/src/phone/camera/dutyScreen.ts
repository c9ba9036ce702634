import { h, icon, roundButton, setIcon, setText } from "../dom";
import { say, sayCount, type Word } from "../words";
import { Awake } from "./awake";
import type { Duty } from "./duty";
import { DutyPanel } from "./dutyPanel";
import type { Voice } from "./voice";

/** Why the server takes no recording, where somebody can do something about it. */
const REFUSALS: Record<string, Word> = {
  "no-h264": "record.fault.no-h264",
  "not-allowed": "record.fault.not-allowed",
  "not-ready": "record.fault.not-ready",
};
const DIM_AFTER_MS = 30_000;
const CLOCK_MS = 1_000;

/** The picture that others see, who they are, and a dark cover with a clock for the night. */
export class DutyScreen {
  readonly element: HTMLElement;
  private readonly duty: Duty;
  private readonly voice: Voice;
  private readonly video = h("video", {
    muted: true,
    autoplay: true,
    playsinline: true,
    "aria-label": say("duty.picture"),
  });
  private readonly state = h("strong", {});
  private readonly name = h("h1", {});
  private readonly watchers = h("span", {});
  private readonly pill = h("p", { class: "ph-watchers", role: "status" }, icon("eye"), this.watchers);
  private readonly record = h("span", {});
  private readonly recordLine = h("p", { class: "ph-record" }, icon("record"), this.record);
  private readonly senses = h("p", { class: "ph-senses" });
  private readonly hint = h("p", { class: "ph-hint", role: "status", hidden: true });
  private readonly tap: HTMLButtonElement;
  private readonly torch: HTMLButtonElement;
  private readonly mute: HTMLButtonElement;
  private readonly shutter: HTMLButtonElement;
  private readonly more: HTMLButtonElement;
  private readonly panel: DutyPanel;
  private readonly clock = h("time", {});
  private readonly nightWatchers = h("span", {});
  private readonly nightPill = h("span", { class: "ph-watchers" }, icon("eye"), this.nightWatchers);
  private readonly night: HTMLButtonElement;
  private readonly controls: HTMLElement;
  private dimTimer: ReturnType<typeof setTimeout> | null = null;
  private clockTimer: ReturnType<typeof setInterval> | null = null;

  constructor(duty: Duty, voice: Voice, stop: () => void) {
    this.duty = duty;
    this.voice = voice;
    this.video.muted = true;
    this.torch = roundButton("torch", say("duty.torch"), () => void duty.light(), { hidden: true });
    this.mute = roundButton("mic", say("duty.mute"), () => duty.setMuted(!duty.lens.muted));
    this.shutter = roundButton("shutter", say("duty.shutter"), () => duty.setShutter(!duty.lens.shutter));
    this.panel = new DutyPanel(duty);
    this.more = roundButton("more", say("duty.more"), () => this.open(this.panel.element.hidden === true), {
      "aria-expanded": "false",
    });
    this.tap = h(
      "button",
      { type: "button", class: "ph-button", hidden: true, onclick: () => voice.unlock() },
      say("duty.tapForSound"),
    );
    this.night = h(
      "button",
      {
        type: "button",
        class: "ph-night",
        hidden: true,
        onclick: () => this.dim(false),
      },
      this.clock,
      this.nightPill,
      h("span", { class: "ph-night-hint" }, say("duty.wake")),
    );
    this.controls = h(
      "div",
      { class: "ph-duty-controls" },
      h("div", { class: "ph-duty-lines" }, this.recordLine, this.senses),
      this.hint,
      this.tap,
      this.panel.element,
      h(
        "div",
        { class: "ph-rounds" },
        roundButton("flip", say("duty.flip"), () => void duty.flip()),
        this.torch,
        this.mute,
        this.shutter,
        roundButton("dim", say("duty.dim"), () => this.dim(true)),
        this.more,
        roundButton("stop", say("duty.stop"), () => this.leave(stop), { "data-kind": "stop" }),
      ),
    );
    this.element = h(
      "main",
      { class: "ph-duty" },
      this.video,
      h(
        "div",
        { class: "ph-duty-top" },
        h(
          "div",
          { class: "ph-duty-name" },
          this.name,
          h("p", { class: "ph-state" }, h("i", { "aria-hidden": "true" }), this.state),
        ),
        this.pill,
      ),
      this.controls,
      this.night,
    );
    this.element.addEventListener("pointerdown", this.touched);
    this.element.addEventListener("keydown", this.touched);
    this.update();
  }

  /** The camera runs: from here on the screen goes dark by itself. */
  begun(): void {
    this.clockTimer = setInterval(() => this.tick(), CLOCK_MS);
    this.touched();
  }

  picture(stream: MediaStream): void {
    this.video.srcObject = stream;
    void this.video.play().catch(() => undefined);
    this.update();
  }

  update(): void {
    const { duty, voice } = this;
    const { viewers, state, lens } = duty;
    this.element.dataset.phase = duty.phase;
    this.element.dataset.facing = lens.facing;
    setText(this.name, duty.name);
    setText(
      this.state,
      say(duty.phase === "on" && !duty.isEnabled ? "duty.disabled" : `duty.phase.${duty.phase}`),
    );
    const talker = viewers.talker;
    const watching = talker === null ? this.whoWatches() : say("duty.talks", { name: talker });
    for (const pill of [this.pill, this.nightPill])
      pill.dataset.kind = talker !== null ? "talk" : viewers.count > 0 ? "watch" : "none";
    setText(this.watchers, watching);
    setText(this.nightWatchers, watching);
    this.recordLine.dataset.phase = duty.recording.phase;
    setText(this.record, say(`record.${duty.recording.phase}`));
    this.tellSenses();
    this.torch.hidden = !state.can_torch;
    this.torch.setAttribute("aria-pressed", String(state.torch === true));
    this.mute.setAttribute("aria-pressed", String(lens.muted));
    setIcon(this.mute, lens.muted ? "micOff" : "mic");
    this.shutter.setAttribute("aria-pressed", String(lens.shutter));
    this.element.dataset.shutter = String(lens.shutter);
    this.panel.update();
    this.tap.hidden = !voice.blocked;
    const advice = this.advice();
    this.hint.hidden = advice === "";
    setText(this.hint, advice);
  }

  close(): void {
    if (this.dimTimer !== null) clearTimeout(this.dimTimer);
    if (this.clockTimer !== null) clearInterval(this.clockTimer);
  }

  private leave(stop: () => void): void {
    this.close();
    stop();
  }

  private whoWatches(): string {
    const { count, names } = this.duty.viewers;
    if (count === 0) return say("duty.nobody");
    return count === 1 ? say("duty.watches", { name: names[0] ?? "" }) : sayCount("duty.watch", count);
  }

  private advice(): string {
    const { duty } = this;
    if (duty.lens.shutter) return say("duty.shutterClosed");
    const refusal = duty.recording.phase === "refused" ? REFUSALS[duty.recording.fault ?? ""] : undefined;
    if (refusal !== undefined) return say(refusal);
    if (duty.phase === "on" && !Awake.isKnown) return say("duty.noLock");
    if (duty.phase === "on" && duty.isHeldAwake === false) return say("duty.lockRefused");
    if (duty.phase === "on" && duty.lens.audio === null) return say("duty.noMicrophone");
    return "";
  }

  private tellSenses(): void {
    const { battery, charging, network } = this.duty.state;
    const words: string[] = [];
    if (battery !== null) {
      const percent = Math.round(battery * 100);
      words.push(say(charging === true ? "sense.charging" : "sense.battery", { percent }));
    }
    if (network !== "unknown")
      words.push(
        network === "wifi" ? say("sense.wifi") : network === "cellular" ? say("sense.cellular") : network,
      );
    if (this.duty.state.loud) words.push(say("sense.loud"));
    this.senses.hidden = words.length === 0;
    setText(this.senses, words.join(" · "));
  }

  private open(on: boolean): void {
    this.panel.element.hidden = !on;
    this.more.setAttribute("aria-expanded", String(on));
  }

  private readonly touched = (): void => {
    if (this.dimTimer !== null) clearTimeout(this.dimTimer);
    this.dimTimer = setTimeout(() => this.dim(true), DIM_AFTER_MS);
  };

  private dim(on: boolean): void {
    this.night.hidden = !on;
    this.element.dataset.dimmed = String(on);
    this.controls.inert = on;
    this.duty.setDimmed(on);
    if (on) {
      this.tick();
      this.night.focus();
    }
  }

  private tick(): void {
    const now = new Date();
    setText(
      this.clock,
      new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }).format(now),
    );
    // A picture that stands still for weeks burns into some screens.
    this.night.style.setProperty("--ph-drift", `${(now.getMinutes() % 5) * 2 - 4}vh`);
  }
}
