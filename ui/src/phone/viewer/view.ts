import { holdToTalk } from "@/talk/hold";
import { LevelMeter, watchStream } from "@/talk/level";
import { h, type Icon, icon, roundButton, setIcon, setText } from "../dom";
import { QUALITIES } from "../messages";
import { say, type Word } from "../words";
import { Watching, type WatchPhase } from "./watching";

export interface ViewOptions {
  camera: string;
  name: string;
  /** Where a person without a session is sent. */
  signIn: string;
  /** Tells how an instant is written here, ms since the epoch. */
  time: (ms: number) => string;
  /** Whether single keys count: `t` to talk. */
  keysOn?: () => boolean;
}

const SEEN: ReadonlySet<string> = new Set(["live", "frozen", "paused", "again", "private"]);
const FINAL: ReadonlySet<string> = new Set(["denied", "no-webrtc", "signed-out", "unpaired", "private"]);
const BUSY: ReadonlySet<string> = new Set(["connecting", "searching", "again"]);
const VEIL_ICONS: Partial<Record<WatchPhase | "private", Icon>> = {
  offline: "off",
  unpaired: "unlink",
  private: "shutter",
  unreachable: "network",
  "no-way": "unlink",
  full: "eye",
  denied: "lock",
  "signed-out": "lock",
  "no-webrtc": "warning",
  paused: "lock",
  frozen: "warning",
};

/** The viewer: the picture, what the phone tells of itself, and what can be asked of it. Framework-free. */
export class PhoneView {
  private readonly watching: Watching;
  private readonly options: ViewOptions;
  private readonly root: HTMLElement;
  private readonly video: HTMLVideoElement;
  private readonly veil = h("div", { class: "ph-veil", role: "status" });
  private readonly route = h("span", { class: "ph-chip", "data-part": "way" });
  private readonly chips = h("div", { class: "ph-chips" });
  private readonly listen: HTMLButtonElement;
  private readonly talk: HTMLButtonElement;
  private readonly torch: HTMLButtonElement;
  private readonly flip: HTMLButtonElement;
  private readonly snap: HTMLButtonElement;
  private readonly quality: HTMLSelectElement;
  private readonly said = h("p", { class: "ph-said", role: "status" });
  private readonly meter: LevelMeter;
  private readonly startedAt = performance.now();
  private readonly unhold: () => void;
  private unwatch: (() => void) | null = null;
  private listening = false;
  private veiled = "";
  private firstMs = 0;

  constructor(root: HTMLElement, options: ViewOptions) {
    this.root = root;
    this.options = options;
    this.video = h("video", {
      autoplay: true,
      playsinline: true,
      disablepictureinpicture: true,
      "aria-label": options.name,
    });
    this.video.muted = true;
    this.listen = roundButton("soundOff", say("view.listen"), () => this.hear(!this.listening));
    this.talk = roundButton("mic", say("view.talk"), () => undefined, { class: "ph-round ph-talk" });
    const level = h("span", { class: "ph-level" });
    this.talk.querySelector(".ph-round-face")?.append(level);
    this.meter = new LevelMeter(level, say("view.level"));
    this.flip = roundButton("flip", say("view.flip"), () => this.turn());
    this.torch = roundButton("torch", say("view.torch"), () =>
      this.watching.wish({ type: "torch", on: this.watching.state?.torch !== true }),
    );
    this.snap = roundButton("picture", say("view.snapshot"), () => this.snapshot());
    this.quality = h(
      "select",
      {
        "aria-label": say("view.quality"),
        onchange: () => this.watching.wish({ type: "quality", height: Number(this.quality.value) }),
      },
      ...QUALITIES.map((lines) => h("option", { value: lines, selected: lines === 720 }, `${lines}p`)),
    );
    this.watching = new Watching(options.camera, () => this.update());
    root.classList.add("ph-view");
    root.replaceChildren(
      h(
        "div",
        { class: "ph-stage" },
        this.video,
        this.veil,
        h("div", { class: "ph-stage-top" }, this.chips, this.route),
        this.said,
      ),
      this.bar(),
    );
    this.unhold = holdToTalk(this.talk, {
      press: () => this.watching.talk(true),
      release: () => this.watching.talk(false),
      key: "t",
      ...(options.keysOn === undefined ? {} : { keysOn: options.keysOn }),
    });
    this.video.addEventListener("resize", () => this.shaped());
    this.video.addEventListener("loadeddata", () => this.first());
    this.watching.start();
    this.update();
  }

  close(): void {
    this.unhold();
    this.unwatch?.();
    this.meter.reset();
    this.watching.close();
    this.video.srcObject = null;
  }

  private bar(): HTMLElement {
    const full = roundButton("full", say("view.full"), () => void this.fullScreen());
    full.hidden = !document.fullscreenEnabled && !("webkitEnterFullscreen" in this.video);
    return h(
      "div",
      { class: "ph-bar" },
      h("div", { class: "ph-rounds" }, this.listen, this.talk, this.snap),
      h(
        "div",
        { class: "ph-rounds ph-second" },
        this.flip,
        this.torch,
        full,
        h(
          "label",
          { class: "ph-quality" },
          this.quality,
          h("span", { class: "ph-round-name" }, say("view.quality")),
        ),
      ),
    );
  }

  private update(): void {
    const { watching, root, video } = this;
    const { phase, state, receiver } = watching;
    root.dataset.phase = phase;
    root.dataset.frames = String(receiver?.frames ?? 0);
    root.dataset.way = watching.way?.kind ?? "";
    root.dataset.talk = watching.talker.phase;
    const stream = receiver?.stream ?? null;
    if (video.srcObject !== stream && (stream !== null || !SEEN.has(phase))) {
      video.srcObject = stream;
      if (stream !== null) this.play();
    }
    const can = receiver?.canWish === true;
    this.flip.disabled = !can;
    this.torch.hidden = state?.can_torch !== true;
    this.torch.disabled = !can;
    this.torch.setAttribute("aria-pressed", String(state?.torch === true));
    this.talk.disabled = !can || !watching.maySpeak;
    this.talk.title = can && !watching.maySpeak ? say("talk.may-not") : "";
    this.quality.disabled = !can;
    this.snap.disabled = video.videoWidth === 0 || !SEEN.has(phase);
    this.tellWay();
    this.tellState();
    this.tellTalk();
    this.tellPhase();
  }

  private tellWay(): void {
    const { way } = this.watching;
    this.route.hidden = way === null;
    if (way === null) return;
    const name = say(`way.${way.kind}`);
    setText(this.route, way.rttMs === null ? name : `${name} · ${way.rttMs} ms`);
    this.route.title = say(`way.${way.kind}.hint`);
  }

  private tellState(): void {
    const { state } = this.watching;
    const chips: [Icon, string, string][] = [];
    if (state?.battery !== null && state?.battery !== undefined) {
      const percent = Math.round(state.battery * 100);
      const low = state.battery <= 0.2 && state.charging !== true;
      chips.push([
        "battery",
        say(state.charging ? "sense.charging" : "sense.battery", { percent }),
        low ? "bad" : "",
      ]);
    }
    if (state?.network === "wifi" || state?.network === "cellular")
      chips.push(["network", say(`sense.${state.network}`), ""]);
    if (state?.loud) chips.push(["sound", say("sense.loud"), "bad"]);
    if (state?.muted) chips.push(["micOff", say("sense.muted"), ""]);
    const text = JSON.stringify(chips);
    if (this.chips.dataset.shown === text) return;
    this.chips.dataset.shown = text;
    this.chips.replaceChildren(
      ...chips.map(([name, words, kind]) =>
        h("span", { class: "ph-chip", "data-kind": kind }, icon(name), words),
      ),
    );
  }

  private tellTalk(): void {
    const { phase, microphone } = this.watching.talker;
    this.talk.setAttribute("aria-pressed", String(phase === "speaking"));
    const words: Record<string, Word> = {
      asking: "talk.asking",
      speaking: "talk.speaking",
      busy: "talk.busy",
      "no-microphone": window.isSecureContext ? "talk.no-microphone" : "talk.insecure",
    };
    const word = words[phase];
    setText(this.said, word === undefined ? "" : say(word));
    this.said.dataset.kind = phase;
    if (phase === "speaking" && this.unwatch === null && microphone !== null) {
      this.unwatch = watchStream(microphone, (rms) => this.meter.heard(rms));
    } else if (phase !== "speaking" && this.unwatch !== null) {
      this.unwatch();
      this.unwatch = null;
      this.meter.reset();
    }
  }

  /** Over the picture, why there is none; nothing while there is one. */
  private tellPhase(): void {
    const { offlineSince, state } = this.watching;
    const { phase: way } = this.watching;
    const isShut = state?.private === true && (way === "live" || way === "frozen");
    const phase = isShut ? "private" : way;
    this.veil.hidden = phase === "live";
    this.veil.dataset.over = String(SEEN.has(phase));
    const since = offlineSince === null ? "" : this.options.time(offlineSince);
    const title =
      phase === "offline" && since !== ""
        ? say("phase.offlineSince", { time: since })
        : say(`phase.${phase}`);
    if (this.veiled === title) return;
    this.veiled = title;
    const name = VEIL_ICONS[phase];
    this.veil.replaceChildren(
      BUSY.has(phase) || name === undefined
        ? h("span", { class: "ph-spin", "aria-hidden": "true" })
        : icon(name),
      h("strong", {}, title),
    );
    const advice = say(`phase.${phase}.advice`, { name: this.options.name });
    if (advice !== "-") this.veil.append(h("p", {}, advice));
    if (phase === "signed-out")
      this.veil.append(h("a", { class: "ph-button", href: this.options.signIn }, say("view.signIn")));
    else if (!FINAL.has(phase) && !BUSY.has(phase) && phase !== "live")
      this.veil.append(
        h(
          "button",
          { type: "button", class: "ph-button ph-small-button", onclick: () => this.watching.retry() },
          say("view.retry"),
        ),
      );
  }

  private hear(on: boolean): void {
    this.listening = on;
    this.video.muted = !on;
    this.listen.setAttribute("aria-pressed", String(on));
    setIcon(this.listen, on ? "sound" : "soundOff");
    if (on) this.play();
  }

  /** A browser may forbid sound without a tap, and then the picture, too: silent it plays. */
  private play(): void {
    void this.video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || this.video.muted) return;
      this.hear(false);
      void this.video.play().catch(() => undefined);
    });
  }

  private turn(): void {
    const { state } = this.watching;
    this.watching.wish({ type: "facing", facing: state?.facing === "user" ? "environment" : "user" });
  }

  private first(): void {
    this.firstMs ||= Math.round(performance.now() - this.startedAt);
    this.root.dataset.firstMs = String(this.firstMs);
    this.watching.shown();
    this.shaped();
  }

  private shaped(): void {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth > 0) this.root.style.setProperty("--ph-aspect", `${videoWidth} / ${videoHeight}`);
  }

  private snapshot(): void {
    const canvas = h("canvas", {});
    canvas.width = this.video.videoWidth;
    canvas.height = this.video.videoHeight;
    canvas.getContext("2d")?.drawImage(this.video, 0, 0);
    const at = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    canvas.toBlob(
      (blob) => {
        if (blob === null) return;
        const href = URL.createObjectURL(blob);
        h("a", { href, download: `${this.options.name} ${at}Z.jpg` }).click();
        setTimeout(() => URL.revokeObjectURL(href), 10_000);
      },
      "image/jpeg",
      0.92,
    );
  }

  private async fullScreen(): Promise<void> {
    const stage = this.video.parentElement as HTMLElement;
    const apple = this.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    else if (document.fullscreenEnabled) await stage.requestFullscreen();
    else apple.webkitEnterFullscreen?.();
  }
}
