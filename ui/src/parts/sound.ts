import { useSyncExternalStore } from "react";
import type { Camera } from "@/api/types";
import { readPreference, writePreference } from "@/app/preferences";

/** Which camera is heard (one at a time, none until somebody asks for it), and how loud. */
interface Sound {
  camera: string | null;
  /** 0 to 1. */
  volume: number;
  /** Somebody speaks to a camera from here: nothing is heard, or it would come back through their microphone. */
  ducked: boolean;
}

const listeners = new Set<() => void>();
let sound: Sound = { camera: null, volume: storedVolume(), ducked: false };

function storedVolume(): number {
  const stored = Number.parseFloat(readPreference("volume") ?? "");
  return stored >= 0 && stored <= 1 ? stored : 1;
}

function change(next: Sound): void {
  sound = next;
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSound = (): Sound => useSyncExternalStore(listen, () => sound);

/** Whether there is anything to hear: the camera sends sound, and it is switched on for this camera. */
export const hasSound = (camera: Camera): boolean => camera.enabled && camera.status.audio_codec !== null;

/** Hear this camera instead of any other, or nothing. */
export function toggleSound(camera: Camera | undefined): void {
  if (camera === undefined || !hasSound(camera)) return;
  change({ ...sound, camera: sound.camera === camera.id ? null : camera.id });
}

export function setVolume(volume: number): void {
  writePreference("volume", String(volume));
  change({ ...sound, volume });
}

export function duck(on: boolean): void {
  if (sound.ducked !== on) change({ ...sound, ducked: on });
}
