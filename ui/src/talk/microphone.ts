import workletUrl from "./microphone.worklet.ts?worker&url";
import type { Piece } from "./pieces";

/** Why a microphone does not open. */
export type MicrophoneFault = "insecure" | "denied" | "none" | "busy" | "failed";

export class MicrophoneError extends Error {
  constructor(readonly fault: MicrophoneFault) {
    super(fault);
    this.name = "MicrophoneError";
  }
}

/** What the name of a DOMException of `getUserMedia` means to a person. */
export function faultOf(name: string): MicrophoneFault {
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "none";
  return name === "NotReadableError" || name === "AbortError" ? "busy" : "failed";
}

export interface Microphone {
  close(): void;
}

/** One voice, without what the room's loudspeakers say. */
export const VOICE: MediaTrackConstraints = {
  channelCount: 1,
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** Asks for the microphone. Only after a hand pressed something: nothing here opens it by itself. */
export async function openVoice(): Promise<MediaStream> {
  if (!window.isSecureContext || navigator.mediaDevices === undefined) throw new MicrophoneError("insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: VOICE });
  } catch (error) {
    throw new MicrophoneError(faultOf(error instanceof DOMException ? error.name : ""));
  }
}

/**
 * Opens the microphone, and gives what it hears in pieces of 20 ms until it is closed.
 *
 * @param lost the microphone was taken away: unplugged, or the permission withdrawn.
 */
export async function openMicrophone(
  hear: (piece: Piece) => void,
  lost: (fault: MicrophoneFault) => void,
): Promise<Microphone> {
  if (!window.isSecureContext || typeof AudioWorkletNode === "undefined")
    throw new MicrophoneError("insecure");
  const context = new AudioContext({ latencyHint: "interactive" });
  let stream: MediaStream | null = null;
  const close = (): void => {
    for (const track of stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    if (context.state !== "closed") void context.close();
  };
  try {
    const [voice] = await Promise.all([openVoice(), context.audioWorklet.addModule(workletUrl)]);
    stream = voice;
    await context.resume();
    const node = new AudioWorkletNode(context, "haechi-microphone", { numberOfOutputs: 0 });
    node.port.onmessage = (event: MessageEvent<Piece>) => hear(event.data);
    context.createMediaStreamSource(voice).connect(node);
    for (const track of voice.getTracks()) track.onended = () => lost("busy");
    return { close };
  } catch (error) {
    close();
    throw error instanceof MicrophoneError ? error : new MicrophoneError("failed");
  }
}
