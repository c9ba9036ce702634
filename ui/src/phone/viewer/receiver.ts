import type { Description, Told, Wish } from "../messages";
import { parsed } from "../messages";
import { Negotiation, speakerOf } from "../negotiation";
import { type Remedy, VIEWER_PATIENCE, Watchdog } from "../watchdog";
import { framesOf, type StatsRow, type Way, wayOf } from "./way";

export interface ReceiverHandlers {
  send(message: object): void;
  told(told: Told): void;
  changed(): void;
  broken(): void;
}

/** Our end of one connection to the phone. It answers; the phone offers. */
export class Receiver {
  readonly stream = new MediaStream();
  /** Whose offers it takes: a phone that was reloaded speaks with another voice, and needs another receiver. */
  readonly speaker: string;
  frames = 0;
  way: Way | null = null;
  private readonly connection: RTCPeerConnection;
  private readonly control: RTCDataChannel;
  private readonly negotiation: Negotiation;
  private readonly watchdog = new Watchdog(VIEWER_PATIENCE, performance.now());
  private closed = false;

  constructor(peer: string, offer: Description, servers: RTCIceServer[], handlers: ReceiverHandlers) {
    this.speaker = speakerOf(offer.sdp);
    this.connection = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
    this.control = this.connection.createDataChannel("control", { negotiated: true, id: 0 });
    this.control.onmessage = (event: MessageEvent<unknown>) => {
      const told = parsed<Told>(event.data);
      if (told !== null && !this.closed) handlers.told(told);
    };
    this.control.onopen = () => handlers.changed();
    this.control.onclose = () => !this.closed && handlers.changed();
    this.negotiation = new Negotiation(this.connection, true, {
      send: (description) => handlers.send({ type: "description", peer, description }),
      answering: () => this.answering(),
      broken: () => handlers.broken(),
    });
    this.connection.onicecandidate = ({ candidate }) =>
      handlers.send({ type: "candidate", peer, candidate: candidate?.toJSON() ?? null });
    this.connection.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      handlers.changed();
    };
    this.connection.oniceconnectionstatechange = () => handlers.changed();
    void this.negotiation.description(offer);
  }

  get state(): RTCIceConnectionState {
    return this.connection.iceConnectionState;
  }

  get isConnected(): boolean {
    return this.state === "connected" || this.state === "completed";
  }

  /** Connected, and the phone has not hung up. */
  get isAlive(): boolean {
    return this.isConnected && this.control.readyState !== "closed";
  }

  get everConnected(): boolean {
    return this.watchdog.everConnected;
  }

  get canWish(): boolean {
    return this.control.readyState === "open";
  }

  description(description: Description): void {
    void this.negotiation.description(description);
  }

  candidate(candidate: RTCIceCandidateInit | null): void {
    void this.negotiation.candidate(candidate);
  }

  restart(): void {
    void this.negotiation.offer(true);
  }

  wish(wish: Wish): void {
    if (this.canWish) this.control.send(JSON.stringify(wish));
  }

  /** Our voice, or none: the line for it was agreed on at the start. */
  async speak(track: MediaStreamTrack | null): Promise<void> {
    const line = this.connection.getTransceivers().find((one) => one.receiver.track.kind === "audio");
    await line?.sender.replaceTrack(track);
  }

  /** Once a second: what is to be done, after a look at the figures. */
  async look(): Promise<Remedy> {
    const rows: StatsRow[] = [];
    (await this.connection.getStats()).forEach((row: StatsRow) => {
      rows.push(row);
    });
    this.frames = framesOf(rows);
    this.way = this.isConnected ? wayOf(rows) : null;
    return this.watchdog.at(this.state, performance.now());
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.negotiation.close();
    this.connection.onicecandidate = null;
    this.connection.oniceconnectionstatechange = null;
    this.connection.close();
  }

  private answering(): void {
    for (const one of this.connection.getTransceivers())
      if (one.receiver.track.kind === "audio" && one.direction !== "stopped") one.direction = "sendrecv";
  }
}
