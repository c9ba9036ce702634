import { useMediaQuery } from "@mantine/hooks";
import { useEffect, useState } from "react";

export interface Turning {
  on: boolean;
  paused: boolean;
  toggle: () => void;
  pause: () => void;
}

/**
 * Turns pages by itself, every `seconds`. Each page stays for its whole time, also one that somebody turned to by hand.
 * Where the system asks for less motion nothing turns by itself: each `toggle` turns one page.
 */
export function useTurning(page: number, pages: number, seconds: number, turn: () => void): Turning {
  const calm = useMediaQuery("(prefers-reduced-motion: reduce)") ?? false;
  const [on, setOn] = useState(false);
  const [paused, setPaused] = useState(false);
  const runs = on && !paused && !calm && pages > 1;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another page starts the time anew.
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => {
      if (!document.hidden) turn();
    }, seconds * 1_000);
    return () => clearInterval(timer);
  }, [runs, seconds, page, turn]);

  return {
    on: on && pages > 1 && !calm,
    paused,
    toggle: () => {
      setPaused(false);
      if (calm) turn();
      else setOn((now) => !now);
    },
    pause: () => setPaused((now) => !now),
  };
}
