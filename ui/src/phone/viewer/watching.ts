import type { PhoneState, Told, ToViewer, Wish } from "../messages";
import { speakerOf } from "../negotiation";
import { Signal } from "../signal";
import { Receiver } from "./receiver";
import { Talker } from "./talker";
import type { Way } from "./way";

export type WatchPhase =
  | "connecting"
  | "unreachable"
  | "offline"
  | "unpaired"
  | "searching"
  | "live"
  | "frozen"
  | "paused"
  | "again"
  | "no-way"
  | "full"
  | "denied"
  | "signed-out"
  | "no-webrtc";

const TICK_MS = 1_000;
const FROZEN_MS = 5_000;
/** How long no way may be found before it is said; it is looked for further. */
const NO_WAY_MS = 12_000;
/** A phone that is there offers at once; where no offer comes one of us missed the other. */
const NO_OFFER_MS = 8_000;
const AFTER_BYE_MS = 2_000;

/** One phone's picture, from the first word with the server to the last frame. No document in here. */
export class Watching {
  phase: WatchPhase = "connecting";
  state: PhoneState | null = null;
  /** Whether the phone lets us be heard. */
  maySpeak = false;
  /** Since when the phone is not there, ms since the epoch; null: not known. */
  offlineSince: number | null = null;
  receiver: Receiver | null = null;
  readonly talker = new Talker(() => this.changed());
  private readonly camera: string;
  private readonly changed: () => void;
  private signal: Signal<ToViewer> | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private peer = "";
  private servers: RTCIceServer[] = [];
  private online = false;
  private paired = true;
  private searchingSince = 0;
  private framesAt = 0;
  private height = 0;

  constructor(camera: string, changed: () => void) {
    this.camera = camera;
    this.changed = changed;
  }

  get way(): Way | null {
    return this.receiver?.way ?? null;
  }

  start(): void {
    if (typeof RTCPeerConnection === "undefined") {
      this.set("no-webrtc");
      return;
    }
    this.signal = new Signal<ToViewer>(`/api/phones/view/${this.camera}`, {
      hello: () => null,
      message: (message) => this.receive(message),
      down: () => void this.lost(),
    });
    this.signal.start();
    this.ticker = setInterval(() => void this.tick(), TICK_MS);
    window.addEventListener("online", this.moved);
    connection()?.addEventListener("change", this.moved);
  }

  close(): void {
    if (this.ticker !== null) clearInterval(this.ticker);
    window.removeEventListener("online", this.moved);
    connection()?.removeEventListener("change", this.moved);
    this.talker.release();
    this.signal?.send({ type: "bye", peer: this.peer, reason: "left" });
    this.signal?.close();
    this.signal = null;
    this.drop();
  }

  wish(wish: Wish): void {
    if (wish.type === "quality") this.height = wish.height;
    this.receiver?.wish(wish);
  }

  talk(on: boolean): void {
    if (on) void this.talker.press(this.receiver);
    else this.talker.release();
  }

  /** Begin anew, as somebody asked for by hand. */
  retry(): void {
    this.set("connecting");
    if (this.signal === null) this.start();
    else this.signal.renew();
  }

  /** The element shows a picture. */
  shown(): void {
    this.framesAt = performance.now();
    if (this.receiver?.isConnected) this.set("live");
  }

  private receive(message: ToViewer): void {
    switch (message.type) {
      case "welcome":
        this.drop();
        this.peer = message.peer;
        this.servers = message.ice_servers;
        this.state = message.state;
        this.maySpeak = message.may_speak;
        this.paired = message.paired !== false;
        this.present(message.online, message.since_ms);
        return;
      case "online":
        this.present(true, null);
        return;
      case "offline":
        this.present(false, message.since_ms);
        return;
      case "pairing":
        this.paired = message.paired;
        this.leaveIfGone();
        return;
      case "state":
        this.state = message.state;
        this.changed();
        return;
      case "denied":
        this.denied(message.reason);
        return;
      case "description":
        this.described(message.description);
        return;
      case "candidate":
        this.receiver?.candidate(message.candidate);
        return;
      default:
        this.drop();
        if (this.online) setTimeout(() => this.receiver === null && this.signal?.renew(), AFTER_BYE_MS);
    }
  }

  private denied(reason: string): void {
    if (reason === "forbidden") this.end("denied");
    else if (reason === "signed-out") this.end("signed-out");
    else {
      this.drop();
      // It is tried again by itself, later each time.
      if (reason === "too-many-viewers") this.set("full");
    }
  }

  /** A phone without the server may still show its picture: that goes another way. */
  private present(online: boolean, since: number | null): void {
    this.online = online;
    this.offlineSince = online ? null : since;
    if (online && this.receiver === null) this.search();
    else if (!online) this.leaveIfGone();
    this.changed();
  }

  private leaveIfGone(): void {
    if (this.online || this.receiver?.isAlive) return;
    this.drop();
    this.set(this.paired ? "offline" : "unpaired");
  }

  private search(): void {
    this.searchingSince = performance.now();
    if (this.phase !== "no-way") this.set("searching");
  }

  private described(description: { type: RTCSdpType; sdp: string }): void {
    const { receiver } = this;
    const isNew = description.type === "offer" && receiver?.speaker !== speakerOf(description.sdp);
    if (receiver !== null && !isNew) {
      receiver.description(description);
      return;
    }
    if (description.type !== "offer") return;
    this.drop();
    this.search();
    this.receiver = new Receiver(this.peer, description, this.servers, {
      send: (message) => this.signal?.send(message),
      told: (told) => this.told(told),
      changed: () => this.connected(),
      broken: () => this.signal?.renew(),
    });
    this.changed();
  }

  private told(told: Told): void {
    if (told.type === "state") this.state = told.state;
    if (told.type === "floor") this.talker.floor(told.yours, told.busy);
    this.changed();
  }

  private connected(): void {
    this.leaveIfGone();
    if (this.receiver?.isConnected && this.height > 0)
      this.receiver.wish({ type: "quality", height: this.height });
    if (this.receiver?.state === "disconnected" && this.phase === "live") this.set("again");
    if (this.receiver?.state === "failed" && !this.receiver.everConnected) this.set("no-way");
    this.changed();
  }

  private async tick(): Promise<void> {
    const { receiver } = this;
    if (receiver !== null) await this.look(receiver);
    const waited = performance.now() - this.searchingSince;
    if (this.phase === "searching" && receiver !== null && waited > NO_WAY_MS) this.set("no-way");
    if (this.phase === "searching" && receiver === null && waited > NO_OFFER_MS) {
      this.searchingSince = performance.now();
      this.signal?.renew();
    }
    this.changed();
  }

  private async look(receiver: Receiver): Promise<void> {
    const before = receiver.frames;
    const remedy = await receiver.look();
    if (receiver !== this.receiver) return;
    const now = performance.now();
    if (receiver.frames > before && receiver.isConnected) {
      this.framesAt = now;
      this.set("live");
    } else if (receiver.isConnected && now - this.framesAt > FROZEN_MS && this.phase === "live") {
      this.set("frozen");
    }
    if (this.phase === "frozen" && this.state?.hidden) this.set("paused");
    this.leaveIfGone();
    if (remedy === "restart") receiver.restart();
    if (remedy === "renew") {
      this.set(receiver.everConnected ? "again" : "no-way");
      this.signal?.renew();
    }
  }

  /** Another network: what went over the old one may hang without a word. */
  private readonly moved = (event: Event): void => {
    if (event.type === "online" || !this.signal?.isOpen) this.signal?.renew();
    else this.receiver?.restart();
  };

  /** The server is gone, or will not have us: only its answer to a plain question tells which. */
  private async lost(): Promise<void> {
    const status = await fetch(`/api/cameras/${this.camera}`, { credentials: "same-origin" }).then(
      (response) => response.status,
      () => 0,
    );
    if (this.signal === null) return;
    if (status === 401) this.end("signed-out");
    else if (status === 403 || status === 404) this.end("denied");
    else if (!this.receiver?.isConnected && !(this.phase === "full" && status > 0)) this.set("unreachable");
  }

  private end(phase: WatchPhase): void {
    this.signal?.close();
    this.signal = null;
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.drop();
    this.set(phase);
  }

  private drop(): void {
    this.talker.release();
    const { receiver } = this;
    this.receiver = null;
    receiver?.close();
  }

  private set(phase: WatchPhase): void {
    if (this.phase === phase) return;
    this.phase = phase;
    this.changed();
  }
}

function connection(): EventTarget | null {
  return (navigator as Navigator & { connection?: EventTarget }).connection ?? null;
}
