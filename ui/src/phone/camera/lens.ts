import type { Facing } from "../messages";

export type LensFault = "insecure" | "no-webrtc" | "no-permission" | "no-camera" | "camera-busy";

export class LensError extends Error {
  readonly fault: LensFault;

  constructor(fault: LensFault) {
    super(fault);
    this.name = "LensError";
    this.fault = fault;
  }
}

/** What keeps this page from being a camera, before anybody is asked for anything. */
export function obstacle(): LensFault | null {
  if (!window.isSecureContext) return "insecure";
  if (typeof RTCPeerConnection === "undefined" || navigator.mediaDevices?.getUserMedia === undefined)
    return "no-webrtc";
  return null;
}

function faultOf(error: unknown): LensError {
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return new LensError("no-permission");
  if (name === "NotFoundError" || name === "OverconstrainedError") return new LensError("no-camera");
  return new LensError("camera-busy");
}

const SOUND: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};
const size = (height: number): MediaTrackConstraints => ({
  width: { ideal: Math.round((height * 16) / 9) },
  height: { ideal: height },
  frameRate: { ideal: 30, max: 30 },
});
const picture = (facing: Facing, height: number): MediaTrackConstraints => ({
  facingMode: facing,
  ...size(height),
});

/** Not in the library's types: the light beside the camera. */
interface Lit {
  torch?: boolean;
}

/** The phone's camera and microphone. Tracks change; `changed` tells whoever sends them. */
export class Lens {
  stream: MediaStream | null = null;
  facing: Facing = "environment";
  torch: boolean | null = null;
  muted = false;
  /** Closed: the tracks go on, black and silent. */
  shutter = false;
  /** Lines of the picture that are asked for. */
  wanted = 720;
  private turning: Promise<void> = Promise.resolve();
  private readonly changed: (track: MediaStreamTrack) => void;
  private readonly ended: () => void;

  /** `changed`: another picture track; `ended`: the device took the camera away. */
  constructor(changed: (track: MediaStreamTrack) => void, ended: () => void) {
    this.changed = changed;
    this.ended = ended;
  }

  get video(): MediaStreamTrack | null {
    return this.stream?.getVideoTracks()[0] ?? null;
  }

  get audio(): MediaStreamTrack | null {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  get height(): number {
    const { width = 0, height = 0 } = this.video?.getSettings() ?? {};
    return Math.min(width, height) || height;
  }

  /** The most lines that this camera has; 0: its browser does not say. */
  get mostLines(): number {
    const { width, height } = this.video?.getCapabilities?.() ?? {};
    return Math.min(width?.max ?? 0, height?.max ?? 0);
  }

  get canTorch(): boolean {
    const capabilities = this.video?.getCapabilities?.() as Lit | undefined;
    return capabilities?.torch === true;
  }

  /** Open both. A phone without a microphone that is free is a camera without sound. */
  async open(): Promise<MediaStream> {
    const stop = obstacle();
    if (stop !== null) throw new LensError(stop);
    this.close();
    const video = picture(this.facing, this.wanted);
    const { mediaDevices } = navigator;
    try {
      this.stream = await mediaDevices.getUserMedia({ video, audio: SOUND });
    } catch (error) {
      // Who allows only the camera is told so by the same word as who allows nothing: asking again shows which.
      const first = faultOf(error);
      this.stream = await mediaDevices.getUserMedia({ video, audio: false }).catch(() => {
        throw first;
      });
    }
    this.adopted();
    this.setMuted(this.muted);
    return this.stream;
  }

  /** The other camera. The one in use goes first: phones open one at a time. One turn after the other. */
  turn(facing: Facing): Promise<void> {
    this.turning = this.turning.then(() => this.turnNow(facing));
    return this.turning;
  }

  private async turnNow(facing: Facing): Promise<void> {
    const { stream, facing: before } = this;
    if (stream === null || facing === before) return;
    const old = this.video;
    old?.stop();
    const one = await this.pictureOf(facing).catch(() => null);
    const track = one ?? (await this.pictureOf(before).catch(() => null));
    if (track === null || this.stream !== stream) {
      track?.stop();
      if (track === null) this.ended();
      return;
    }
    this.facing = one === null ? before : facing;
    if (old !== null) stream.removeTrack(old);
    stream.addTrack(track);
    this.adopted();
    this.changed(track);
  }

  private async pictureOf(facing: Facing): Promise<MediaStreamTrack | null> {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: picture(facing, this.wanted),
      audio: false,
    });
    return stream.getVideoTracks()[0] ?? null;
  }

  async light(on: boolean): Promise<void> {
    if (!this.canTorch) return;
    const wish = { advanced: [{ torch: on } as MediaTrackConstraintSet] };
    await this.video?.applyConstraints(wish).then(
      () => {
        this.torch = on;
      },
      () => undefined,
    );
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    this.cover();
  }

  setShutter(closed: boolean): void {
    this.shutter = closed;
    this.cover();
  }

  /** Another size of the same camera. What it cannot do, it does as nearly as it can. */
  async resize(height: number): Promise<void> {
    this.wanted = height;
    await this.video?.applyConstraints(size(height)).catch(() => undefined);
  }

  close(): void {
    const { stream } = this;
    this.stream = null;
    this.torch = null;
    for (const track of stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
  }

  private cover(): void {
    if (this.video !== null) this.video.enabled = !this.shutter;
    if (this.audio !== null) this.audio.enabled = !this.shutter && !this.muted;
  }

  private adopted(): void {
    const { video } = this;
    this.cover();
    this.torch = this.canTorch ? false : null;
    const told = video?.getSettings().facingMode;
    if (told === "user" || told === "environment") this.facing = told;
    if (video !== null) video.onended = () => this.ended();
  }
}
