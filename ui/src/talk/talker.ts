import type { Line, LineEvents } from "./line";
import { type Microphone, MicrophoneError, type MicrophoneFault } from "./microphone";
import type { Piece } from "./pieces";

/**
 * One button that is held: microphone and camera are opened together, and what is said goes out once both are there.
 * Nothing stays open when it is let go.
 */

export type Phase = "idle" | "opening" | "speaking" | "ending";

export interface TalkState {
  phase: Phase;
  /** Why it did not work, or ended; empty: no reason. */
  fault: string;
  /** The server's own words for it. */
  message: string;
  /** Who speaks, where that is why. */
  who: string;
  /** The button was let go before the microphone was open: for the browser's question, or because it was only clicked. */
  allowed: boolean;
}

export const IDLE: TalkState = { phase: "idle", fault: "", message: "", who: "", allowed: false };

export interface Parts {
  microphone(hear: (piece: Piece) => void, lost: (fault: MicrophoneFault) => void): Promise<Microphone>;
  line(events: LineEvents): Line;
}

export interface TalkCallbacks {
  state(state: TalkState): void;
  /** How loud one speaks, 0 to 1; while it goes out. */
  heard(rms: number): void;
}

export class Talker {
  private turn: Turn | null = null;

  constructor(
    private readonly parts: Parts,
    private readonly callbacks: TalkCallbacks,
  ) {}

  press(): void {
    this.turn?.cut();
    const turn = new Turn(this.parts, {
      state: (state) => turn === this.turn && this.callbacks.state(state),
      heard: (rms) => turn === this.turn && this.callbacks.heard(rms),
    });
    this.turn = turn;
    turn.begin();
  }

  release(): void {
    this.turn?.release();
  }

  /** The page goes. */
  close(): void {
    const turn = this.turn;
    this.turn = null;
    turn?.cut();
  }
}

class Turn {
  private phase: Phase = "opening";
  private microphone: Microphone | null = null;
  private line: Line | null = null;
  private listens = false;
  private wasLetGo = false;

  constructor(
    private readonly parts: Parts,
    private readonly callbacks: TalkCallbacks,
  ) {}

  begin(): void {
    this.tell({ phase: "opening" });
    this.line = this.parts.line({
      talking: () => {
        this.listens = true;
        this.go();
      },
      over: (code, message, who) => this.end(code, message, who),
    });
    this.parts
      .microphone(
        (piece) => this.hear(piece),
        (fault) => this.end(fault),
      )
      .then(
        (microphone) => this.opened(microphone),
        (error: unknown) => this.end(error instanceof MicrophoneError ? error.fault : "failed"),
      );
  }

  release(): void {
    if (this.phase === "opening") {
      this.phase = "idle";
      this.wasLetGo = true;
      this.letGo();
      this.tell({ phase: "idle" });
    } else if (this.phase === "speaking") {
      this.phase = "ending";
      this.microphone?.close();
      this.line?.stop();
      this.tell({ phase: "ending" });
    }
  }

  cut(): void {
    this.phase = "idle";
    this.letGo();
  }

  private opened(microphone: Microphone): void {
    if (this.phase === "opening") {
      this.microphone = microphone;
      this.go();
      return;
    }
    microphone.close();
    if (this.wasLetGo) this.tell({ phase: "idle", allowed: true });
  }

  private go(): void {
    if (this.phase !== "opening" || this.microphone === null || !this.listens) return;
    this.phase = "speaking";
    this.tell({ phase: "speaking" });
  }

  private hear(piece: Piece): void {
    if (this.phase !== "speaking") return;
    this.line?.send(piece.data);
    this.callbacks.heard(piece.rms);
  }

  private end(fault: string, message = "", who = ""): void {
    if (this.phase === "idle") return;
    this.phase = "idle";
    this.letGo();
    this.tell({ phase: "idle", fault, message, who });
  }

  private letGo(): void {
    this.microphone?.close();
    this.microphone = null;
    this.line?.close();
    this.line = null;
  }

  private tell(state: Partial<TalkState>): void {
    this.callbacks.state({ ...IDLE, ...state });
  }
}
