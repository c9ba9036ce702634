import type { Description } from "./messages";

/** What is used of a peer connection: small, so that tests play two of them against each other. */
export interface Peer {
  readonly signalingState: RTCSignalingState;
  createOffer(options?: RTCOfferOptions): Promise<RTCSessionDescriptionInit>;
  createAnswer(): Promise<RTCSessionDescriptionInit>;
  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void>;
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void>;
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void>;
}

export interface NegotiationHandlers {
  send(description: Description): void;
  /** The other side's offer is set and ours not yet: the moment to say what we take and send. */
  answering?(): void;
  /** The browser refused a description: this connection cannot be saved. */
  broken(reason: unknown): void;
}

/**
 * Perfect negotiation (W3C webrtc-pc section 10.7), with every step after the other: when both sides offer at once,
 * the polite one takes its offer back and the impolite one does not listen.
 *
 * Descriptions are made explicitly and taken back explicitly: Safari before 15.4 knows no other way.
 */
export class Negotiation {
  private steps: Promise<void> = Promise.resolve();
  private closed = false;
  private ignoring = false;
  private wanted: { restart: boolean } | null = null;
  private readonly peer: Peer;
  private readonly polite: boolean;
  private readonly handlers: NegotiationHandlers;

  constructor(peer: Peer, polite: boolean, handlers: NegotiationHandlers) {
    this.peer = peer;
    this.polite = polite;
    this.handlers = handlers;
  }

  /** Offer anew; `restart`: with a new search for a way (ICE restart). Waits for its turn where one is under way. */
  offer(restart = false): Promise<void> {
    this.wanted = { restart: restart || (this.wanted?.restart ?? false) };
    return this.step(() => this.offerIfStable());
  }

  /** The way to the other side was gone: an offer without an answer may never have arrived. */
  again(): Promise<void> {
    return this.step(async () => {
      if (this.peer.signalingState !== "have-local-offer") return;
      await this.peer.setLocalDescription({ type: "rollback" });
      await this.offerIfStable();
    });
  }

  description(description: Description): Promise<void> {
    return this.step(() =>
      description.type === "offer" ? this.offered(description) : this.answered(description),
    );
  }

  candidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    return this.step(async () => {
      if (candidate === null || candidate.candidate === "" || this.ignoring) return;
      // One that came too late for its description is of no use, and no reason to give up.
      await this.peer.addIceCandidate(candidate).catch(() => undefined);
    });
  }

  close(): void {
    this.closed = true;
  }

  private step(work: () => Promise<void>): Promise<void> {
    const done = this.steps.then(async () => {
      if (!this.closed) await work();
    });
    this.steps = done.catch((reason: unknown) => {
      if (!this.closed) this.handlers.broken(reason);
    });
    return this.steps;
  }

  private async offerIfStable(): Promise<void> {
    if (this.wanted === null || this.peer.signalingState !== "stable") return;
    const { restart } = this.wanted;
    const made = await this.peer.createOffer(restart ? { iceRestart: true } : {});
    await this.peer.setLocalDescription(made);
    this.tell(made);
  }

  private async offered(description: Description): Promise<void> {
    const glare = this.peer.signalingState !== "stable";
    this.ignoring = glare && !this.polite;
    if (this.ignoring) return;
    if (glare) await this.peer.setLocalDescription({ type: "rollback" });
    await this.peer.setRemoteDescription(description);
    this.handlers.answering?.();
    const made = await this.peer.createAnswer();
    await this.peer.setLocalDescription(made);
    this.tell(made);
    await this.offerIfStable();
  }

  /** `wanted` stays until an offer of ours was answered: one that was taken back is made again. */
  private async answered(description: Description): Promise<void> {
    if (this.peer.signalingState !== "have-local-offer") return;
    await this.peer.setRemoteDescription(description);
    this.ignoring = false;
    this.wanted = null;
  }

  private tell(made: RTCSessionDescriptionInit): void {
    if (!this.closed) this.handlers.send({ type: made.type, sdp: made.sdp ?? "" });
  }
}

/** Who speaks in a description: each connection of a browser has a number of its own (RFC 8829 section 5.2.1). */
export function speakerOf(sdp: string): string {
  return /^o=(\S+ \S+) /m.exec(sdp)?.[1] ?? "";
}
