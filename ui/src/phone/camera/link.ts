import { preferH264 } from "../codings";
import { type Description, type Told, type Wish, wishOf } from "../messages";
import { Negotiation } from "../negotiation";
import { rateFor } from "../rate";
import { CAMERA_PATIENCE, Watchdog } from "../watchdog";
import { sentBytes } from "./usage";

export interface Caller {
  peer: string;
  name: string;
  /** Whether this viewer may be heard here. */
  maySpeak: boolean;
  servers: RTCIceServer[];
}

export interface LinkHandlers {
  send(message: object): void;
  wish(link: Link, wish: Wish): void;
  /** It connects, is connected, or is gone. */
  changed(): void;
  broken(link: Link, reason: string): void;
}

const FIRST_HEIGHT = 720;

/** One viewer: a peer connection, our offer, and what that viewer asked for. */
export class Link {
  readonly peer: string;
  readonly name: string;
  readonly maySpeak: boolean;
  voice: MediaStream | null = null;
  private quality = FIRST_HEIGHT;
  private readonly connection: RTCPeerConnection;
  private readonly negotiation: Negotiation;
  private readonly control: RTCDataChannel;
  private readonly watchdog = new Watchdog(CAMERA_PATIENCE, performance.now());
  private readonly handlers: LinkHandlers;
  private closed = false;

  constructor({ peer, name, maySpeak, servers }: Caller, handlers: LinkHandlers) {
    this.peer = peer;
    this.name = name;
    this.maySpeak = maySpeak;
    this.handlers = handlers;
    this.connection = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
    this.control = this.connection.createDataChannel("control", { negotiated: true, id: 0 });
    this.control.onmessage = (event: MessageEvent<unknown>) => {
      const wish = wishOf(event.data);
      if (wish !== null && !this.closed) handlers.wish(this, wish);
    };
    this.negotiation = new Negotiation(this.connection, false, {
      send: (description) => handlers.send({ type: "description", peer, description }),
      broken: () => handlers.broken(this, "failed"),
    });
    this.connection.onicecandidate = ({ candidate }) =>
      handlers.send({ type: "candidate", peer, candidate: candidate?.toJSON() ?? null });
    this.connection.ontrack = ({ track }) => {
      if (track.kind === "audio") this.voice = new MediaStream([track]);
    };
    this.connection.oniceconnectionstatechange = () => handlers.changed();
    this.connection.onconnectionstatechange = () => {
      if (this.connection.connectionState === "failed" && this.isClosedByDtls)
        handlers.broken(this, "failed");
      handlers.changed();
    };
  }

  /** Encryption failed while there is a way: no other way will help. */
  private get isClosedByDtls(): boolean {
    const { iceConnectionState } = this.connection;
    return iceConnectionState === "connected" || iceConnectionState === "completed";
  }

  /** Connected, and the viewer has not hung up. */
  get isWatching(): boolean {
    const { iceConnectionState: state } = this.connection;
    return (state === "connected" || state === "completed") && this.control.readyState !== "closed";
  }

  begin(stream: MediaStream): Promise<void> {
    const video = stream.getVideoTracks()[0];
    const audio = stream.getAudioTracks()[0];
    if (video !== undefined) {
      const options = {
        direction: "sendonly",
        streams: [stream],
        sendEncodings: [{ maxBitrate: 1_000_000 }],
      };
      preferH264(this.connection.addTransceiver(video, options as RTCRtpTransceiverInit));
    }
    this.connection.addTransceiver(audio ?? "audio", { direction: "sendrecv", streams: [stream] });
    return this.negotiation.offer();
  }

  description(description: Description): void {
    void this.negotiation.description(description);
  }

  candidate(candidate: RTCIceCandidateInit | null): void {
    void this.negotiation.candidate(candidate);
  }

  /** The way to the server is back: what was said meanwhile is lost, and who speaks first is the camera. */
  again(): void {
    void this.negotiation.again();
    void this.negotiation.offer(true);
  }

  restart(): void {
    void this.negotiation.offer(true);
  }

  /** Another track in the place of the one that is sent: nothing is negotiated for it. */
  replace(track: MediaStreamTrack): void {
    const sender = this.connection
      .getTransceivers()
      .find((one) => one.receiver.track.kind === track.kind && one.direction !== "inactive")?.sender;
    void sender?.replaceTrack(track).catch(() => this.handlers.broken(this, "failed"));
  }

  want(height: number): void {
    this.quality = height;
  }

  /** Keep what is sent within what the phone's line carries for all. */
  bound(source: number, viewers: number): void {
    const rate = rateFor(this.quality, source, viewers);
    for (const sender of this.connection.getSenders()) {
      if (sender.track?.kind !== "video") continue;
      const parameters = sender.getParameters();
      const [first] = parameters.encodings ?? [];
      if (first === undefined) continue;
      Object.assign(first, rate);
      // Another change may be under way: the next one sets this right.
      void sender.setParameters(parameters).catch(() => undefined);
    }
  }

  async sent(): Promise<number> {
    return sentBytes(await this.connection.getStats());
  }

  tell(told: Told): void {
    if (this.control.readyState === "open") this.control.send(JSON.stringify(told));
  }

  /** Once a second. */
  look(): void {
    if (this.watchdog.at(this.connection.iceConnectionState, performance.now()) === "restart") this.restart();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.negotiation.close();
    this.connection.onconnectionstatechange = null;
    this.connection.oniceconnectionstatechange = null;
    this.connection.onicecandidate = null;
    this.connection.close();
  }
}
