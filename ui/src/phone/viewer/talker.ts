import type { Receiver } from "./receiver";

export type TalkPhase = "quiet" | "asking" | "speaking" | "busy" | "no-microphone";

const SOUND: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** How long it is said why nobody hears us. */
const REFUSED_MS = 8_000;

/** Push to talk: the microphone is open while the button is held, and at no other time. */
export class Talker {
  phase: TalkPhase = "quiet";
  /** What the microphone hears, for a meter; null while it is closed. */
  microphone: MediaStream | null = null;
  private held = 0;
  private receiver: Receiver | null = null;
  private readonly changed: () => void;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  async press(receiver: Receiver | null): Promise<void> {
    if (receiver === null || this.phase === "asking" || this.phase === "speaking") return;
    this.held += 1;
    const { held } = this;
    this.receiver = receiver;
    this.set("asking");
    const stream = await navigator.mediaDevices?.getUserMedia({ audio: SOUND }).catch(() => null);
    if (held !== this.held || stream === null || stream === undefined) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      if (held === this.held) {
        this.held += 1;
        this.set("no-microphone");
      }
      return;
    }
    this.microphone = stream;
    receiver.wish({ type: "talk", on: true });
  }

  /** The phone's answer to the wish: one speaks at a time. */
  floor(yours: boolean, busy: boolean): void {
    if (this.phase !== "asking" && this.phase !== "speaking") return;
    const track = this.microphone?.getAudioTracks()[0];
    if (yours && track !== undefined) {
      void this.receiver?.speak(track).catch(() => this.release());
      this.set("speaking");
    } else {
      this.release();
      if (busy) this.set("busy");
    }
  }

  release(): void {
    if (this.phase === "quiet") return;
    this.held += 1;
    const { receiver, microphone } = this;
    this.microphone = null;
    this.receiver = null;
    for (const track of microphone?.getTracks() ?? []) track.stop();
    if (this.phase === "asking" || this.phase === "speaking") {
      void receiver?.speak(null).catch(() => undefined);
      receiver?.wish({ type: "talk", on: false });
      this.set("quiet");
    }
  }

  private set(phase: TalkPhase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.changed();
    if (phase !== "busy" && phase !== "no-microphone") return;
    setTimeout(() => this.phase === phase && this.set("quiet"), REFUSED_MS);
  }
}
