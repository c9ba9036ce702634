import { useCallback, useEffect, useRef, useState } from "react";
import { Player, type PlayerView } from "@/playback/player";

export interface PlayerHandle {
  /** Null while the picture is live. */
  player: Player | null;
  view: PlayerView | null;
  seek: (ms: number) => void;
  /** From the live picture: the recording of that time, and it goes on from there. */
  playFrom: (ms: number) => void;
  /** The address now carries this time, because the player stands there. */
  settle: (ms: number) => void;
}

/**
 * The player lives as long as a recorded time is wanted (`at` set), and is gone while the picture is live.
 * A time that comes from outside (a link, the back button) opens paused on exactly that picture.
 */
export function usePlayer(at: number | undefined, speed: number, onLive: () => void): PlayerHandle {
  const [player, setPlayer] = useState<Player | null>(null);
  const [view, setView] = useState<PlayerView | null>(null);
  const asked = useRef<number | null>(null);
  const goes = useRef(false);
  const live = useRef(onLive);
  live.current = onLive;
  const active = at !== undefined;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new `at` seeks below; it must not make a new player.
  useEffect(() => {
    if (!active) return;
    const start = asked.current ?? at ?? Date.now();
    asked.current = at ?? null;
    const made = new Player(start, { view: setView, live: () => live.current() });
    made.clock.setSpeed(speed);
    if (goes.current) made.play();
    goes.current = false;
    setPlayer(made);
    setView(made.view);
    return () => {
      made.close();
      setPlayer(null);
      setView(null);
    };
  }, [active]);

  useEffect(() => {
    if (at === undefined) asked.current = null;
    else if (player !== null && asked.current !== at) {
      asked.current = at;
      player.pause();
      player.seek(at);
    }
  }, [at, player]);

  const seek = useCallback(
    (ms: number) => {
      asked.current = Math.round(ms);
      player?.seek(Math.round(ms));
    },
    [player],
  );
  const playFrom = useCallback((ms: number) => {
    asked.current = Math.round(ms);
    goes.current = true;
  }, []);
  const settle = useCallback((ms: number) => {
    asked.current = ms;
  }, []);
  return { player, view, seek, playFrom, settle };
}
