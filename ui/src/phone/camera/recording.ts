import { backoffMs } from "@/api/backoff";
import { type Fault, Publication, PublishError } from "@/publish/whip";
import type { Paired } from "./paired";
import { sentBytes } from "./usage";

export type RecordPhase = "off" | "connecting" | "on" | "again" | "refused";

const STEADY_MS = 10_000;

/** "Record and detect": the same picture goes to the server, too, for as long as its owner wants that. */
export class Recording {
  phase: RecordPhase = "off";
  fault: Fault | null = null;
  private publication: Publication | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private round = 0;
  private tries = 0;
  private stream: MediaStream | null = null;
  private readonly paired: Paired;
  private readonly changed: () => void;

  constructor(paired: Paired, changed: () => void) {
    this.paired = paired;
    this.changed = changed;
  }

  start(stream: MediaStream): void {
    if (this.stream === stream) return;
    this.stop();
    this.stream = stream;
    this.tries = 0;
    void this.go();
  }

  /** `told`: the server wants no picture any more, and has ended its side. */
  stop(told = false): void {
    this.round += 1;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (told) this.publication?.drop();
    else this.publication?.end();
    this.publication = null;
    this.stream = null;
    this.fault = null;
    this.set("off");
  }

  /** Tells how much each connection has sent. */
  async usage(tell: (connection: object, bytes: number) => void): Promise<void> {
    const { publication } = this;
    if (publication !== null) tell(publication, sentBytes(await publication.stats()));
  }

  replace(track: MediaStreamTrack): void {
    void this.publication?.turn(track).catch(() => this.renew());
  }

  /** The way is another one now: what goes over the old one is lost. */
  renew(): void {
    const { stream } = this;
    if (stream === null) return;
    this.stream = null;
    this.start(stream);
  }

  private async go(): Promise<void> {
    const { stream, round } = this;
    if (stream === null) return;
    this.set("connecting");
    let began = 0;
    const publication = new Publication({ Authorization: `Bearer ${this.paired.token}` }, () => {
      if (round !== this.round) return;
      if (performance.now() - began > STEADY_MS) this.tries = 0;
      this.fault = "lost";
      this.again();
    });
    this.publication = publication;
    try {
      await publication.begin(`/${this.paired.camera}/whip`, stream);
      if (round !== this.round) return publication.end();
      began = performance.now();
      this.fault = null;
      this.set("on");
    } catch (error) {
      publication.end();
      if (round !== this.round) return;
      const reason = error instanceof PublishError ? error : new PublishError("unreachable", true);
      this.fault = reason.fault;
      if (reason.passing) this.again();
      else this.set("refused");
    }
  }

  private again(): void {
    this.tries += 1;
    this.set("again");
    this.timer = setTimeout(() => void this.go(), backoffMs(this.tries, 15_000));
  }

  private set(phase: RecordPhase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.changed();
  }
}
