import { useQuery } from "@tanstack/react-query";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Camera } from "@/api/types";
import { readPreference, writePreference } from "@/app/preferences";
import { soundQuery } from "@/parts/recordedSound";
import { hasSound, setVolume, toggleSound, useSound } from "@/parts/sound";
import type { Player } from "@/playback/player";
import type { HeardState } from "@/playback/sound";
import type { View } from "@/timeline/view";

export interface Hearing {
  /** Somebody wants to hear the camera that has the focus; of recordings this browser remembers it. */
  on: boolean;
  state: HeardState | "live";
  /** There is something to hear: live sound, or some is recorded in the time in view. */
  some: boolean;
  volume: number;
  toggle: () => void;
  setVolume: (volume: number) => void;
  audio: RefObject<HTMLAudioElement | null>;
}

const HOUR_MS = 3_600_000;

/** The sound of the camera that has the focus: of its recording while the player lives, else of the live picture. */
export function useHearing(player: Player | null, focus: Camera, view: View): Hearing {
  const audio = useRef<HTMLAudioElement>(null);
  const [wanted, setWanted] = useState(readPreference("hear") === "on");
  const [state, setState] = useState<HeardState>("still");
  const sound = useSound();
  const live = player === null;
  const spans = useQuery({
    ...soundQuery(
      focus.id,
      Math.floor(view.start_ms / HOUR_MS) * HOUR_MS,
      Math.ceil(view.end_ms / HOUR_MS) * HOUR_MS,
    ),
    enabled: !live,
    placeholderData: (old) => old,
  });
  const recorded = (spans.data?.spans ?? []).some(
    (span) => span.end_ms > view.start_ms && span.start_ms < view.end_ms,
  );

  useEffect(() => {
    const element = audio.current;
    if (player === null || element === null || !wanted) return;
    player.hear(focus.id, element, setState);
    const unblock = (): void => player.unblock();
    document.addEventListener("pointerdown", unblock);
    document.addEventListener("keydown", unblock);
    return () => {
      document.removeEventListener("pointerdown", unblock);
      document.removeEventListener("keydown", unblock);
      player.deafen();
      element.removeAttribute("src");
      element.load();
    };
  }, [player, focus.id, wanted]);
  useEffect(() => {
    if (audio.current !== null) audio.current.volume = sound.volume;
  }, [sound.volume]);

  const toggle = useCallback(() => {
    if (live) {
      toggleSound(focus);
      return;
    }
    setWanted((was) => {
      writePreference("hear", was ? "off" : "on");
      return !was;
    });
  }, [live, focus]);
  return {
    on: live ? sound.camera === focus.id : wanted,
    state: live ? "live" : state,
    some: live ? hasSound(focus) : recorded,
    volume: sound.volume,
    toggle,
    setVolume,
    audio,
  };
}
