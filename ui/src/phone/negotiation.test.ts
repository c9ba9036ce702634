import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Description } from "./messages";
import { Negotiation, type Peer, speakerOf } from "./negotiation";

/** Follows the states of JSEP (RFC 8829 section 3.2), and refuses what a browser refuses. */
class FakePeer implements Peer {
  signalingState: RTCSignalingState = "stable";
  agreed = "";
  restarts = 0;
  candidates: string[] = [];
  private pending: { mine: string; theirs: string } = { mine: "", theirs: "" };
  private made = 0;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async createOffer(options: RTCOfferOptions = {}): Promise<RTCSessionDescriptionInit> {
    if (options.iceRestart) this.restarts += 1;
    this.made += 1;
    return { type: "offer", sdp: `${this.name}${this.made}` };
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    if (this.signalingState !== "have-remote-offer") throw new Error("InvalidStateError");
    return { type: "answer", sdp: `answer to ${this.pending.theirs}` };
  }

  async setLocalDescription({ type, sdp = "" }: RTCSessionDescriptionInit): Promise<void> {
    if (type === "rollback" && this.signalingState === "have-local-offer") this.signalingState = "stable";
    else if (type === "offer" && this.signalingState === "stable") {
      this.pending.mine = sdp;
      this.signalingState = "have-local-offer";
    } else if (type === "answer" && this.signalingState === "have-remote-offer") {
      this.agreed = this.pending.theirs;
      this.signalingState = "stable";
    } else throw new Error(`InvalidStateError: ${type} in ${this.signalingState}`);
  }

  async setRemoteDescription({ type, sdp = "" }: RTCSessionDescriptionInit): Promise<void> {
    if (type === "offer" && this.signalingState === "stable") {
      this.pending.theirs = sdp;
      this.signalingState = "have-remote-offer";
    } else if (type === "answer" && this.signalingState === "have-local-offer") {
      if (sdp !== `answer to ${this.pending.mine}`) throw new Error(`an answer to something else: ${sdp}`);
      this.agreed = this.pending.mine;
      this.signalingState = "stable";
    } else throw new Error(`InvalidStateError: ${type} in ${this.signalingState}`);
  }

  async addIceCandidate({ candidate = "" }: RTCIceCandidateInit): Promise<void> {
    if (this.agreed === "") throw new Error("InvalidStateError: no description yet");
    this.candidates.push(candidate);
  }
}

class Side {
  readonly outbox: Description[] = [];
  readonly peer: FakePeer;
  readonly negotiation: Negotiation;
  broken: unknown[] = [];

  constructor(name: string, polite: boolean) {
    this.peer = new FakePeer(name);
    this.negotiation = new Negotiation(this.peer, polite, {
      send: (description) => this.outbox.push(description),
      broken: (reason) => this.broken.push(reason),
    });
  }
}

async function deliver(from: Side, to: Side): Promise<void> {
  const next = from.outbox.shift();
  if (next !== undefined) await to.negotiation.description(next);
}

test("whoever offers, whenever: both agree in the end on one offer, and nothing is refused", async () => {
  const actions = fc.array(
    fc.constantFrom(
      "camera offers",
      "viewer offers",
      "to viewer",
      "to camera",
      "camera restarts",
      "viewer restarts",
    ),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      const camera = new Side("c", false);
      const viewer = new Side("v", true);
      await camera.negotiation.offer();
      for (const step of steps) {
        if (step.startsWith("camera")) await camera.negotiation.offer(step.endsWith("restarts"));
        else if (step.startsWith("viewer")) await viewer.negotiation.offer(step.endsWith("restarts"));
        else if (step === "to viewer") await deliver(camera, viewer);
        else await deliver(viewer, camera);
      }
      for (let rounds = 0; camera.outbox.length + viewer.outbox.length > 0; rounds++) {
        expect(rounds).toBeLessThan(200);
        await deliver(camera, viewer);
        await deliver(viewer, camera);
      }
      expect([...camera.broken, ...viewer.broken]).toEqual([]);
      expect([camera.peer.signalingState, viewer.peer.signalingState]).toEqual(["stable", "stable"]);
      expect(camera.peer.agreed).toBe(viewer.peer.agreed);
    }),
    { numRuns: 300 },
  );
});

test("a restart that the polite side took back is asked for again", async () => {
  const camera = new Side("c", false);
  const viewer = new Side("v", true);
  await camera.negotiation.offer();
  await viewer.negotiation.offer(true);
  await deliver(camera, viewer);
  await deliver(viewer, camera);
  await deliver(viewer, camera);
  await deliver(viewer, camera);
  await deliver(camera, viewer);
  expect(viewer.peer.restarts).toBe(2);
  expect(camera.peer.agreed).toBe("v2");
  expect(viewer.peer.agreed).toBe("v2");
});

test("an offer that never arrived is made again when the way is back", async () => {
  const camera = new Side("c", false);
  await camera.negotiation.offer();
  camera.outbox.length = 0;
  await camera.negotiation.offer(true);
  expect(camera.outbox).toEqual([]);
  await camera.negotiation.again();
  expect(camera.outbox).toEqual([{ type: "offer", sdp: "c2" }]);
});

test("candidates wait for their description, and one that fits no more breaks nothing", async () => {
  const camera = new Side("c", false);
  const viewer = new Side("v", true);
  await viewer.negotiation.candidate({ candidate: "too early" });
  await camera.negotiation.offer();
  await deliver(camera, viewer);
  await viewer.negotiation.candidate({ candidate: "fits" });
  await viewer.negotiation.candidate(null);
  expect(viewer.peer.candidates).toEqual(["fits"]);
  expect(viewer.broken).toEqual([]);
});

test("a description that the browser refuses is told, and a closed negotiation says nothing", async () => {
  const viewer = new Side("v", true);
  viewer.peer.setRemoteDescription = () => Promise.reject(new Error("nonsense"));
  await viewer.negotiation.description({ type: "offer", sdp: "?" });
  expect(viewer.broken).toHaveLength(1);
  viewer.negotiation.close();
  await viewer.negotiation.offer();
  expect(viewer.outbox).toEqual([]);
});

test("a page that was loaded anew speaks with another voice", () => {
  const sdp = (id: string, version: number): string =>
    `v=0\r\no=- ${id} ${version} IN IP4 127.0.0.1\r\ns=-\r\n`;
  expect(speakerOf(sdp("461173", 2))).toBe(speakerOf(sdp("461173", 3)));
  expect(speakerOf(sdp("461173", 2))).not.toBe(speakerOf(sdp("998811", 2)));
  expect(speakerOf("")).toBe("");
});
