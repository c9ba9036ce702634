import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { type EngineState, PlaybackEngine } from "./engine";

export interface EngineControls {
  time: number | null;
  state: EngineState;
  rate: number;
  seek: (ms: number) => void;
  toggle: () => void;
  pause: () => void;
  faster: (direction: 1 | -1) => void;
  setRate: (rate: number) => void;
  step: (frames: number) => void;
}

/** The engine lives as long as a recorded time is wanted (`at` set), and is gone while the picture is live. */
export function useEngine(
  video: RefObject<HTMLVideoElement | null>,
  camera: string,
  at: number | undefined,
): EngineControls {
  const engine = useRef<PlaybackEngine | null>(null);
  const asked = useRef<number | null>(null);
  const [time, setTime] = useState<number | null>(null);
  const [state, setState] = useState<EngineState>("idle");
  const [rate, setRate] = useState(1);
  const active = at !== undefined;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new `at` seeks below; it must not rebuild the engine.
  useEffect(() => {
    if (!active || video.current === null) return;
    const made = new PlaybackEngine(video.current, camera, { time: setTime, state: setState, rate: setRate });
    engine.current = made;
    made.seek(asked.current ?? at ?? Date.now());
    asked.current = at ?? null;
    return () => {
      made.close();
      engine.current = null;
      setTime(null);
      setState("idle");
      setRate(1);
    };
  }, [active, camera, video]);

  // Back and forward buttons change the address, not the engine.
  useEffect(() => {
    if (at === undefined) asked.current = null;
    else if (engine.current !== null && asked.current !== at) {
      asked.current = at;
      engine.current.seek(at);
    }
  }, [at]);

  const seek = useCallback((ms: number) => {
    asked.current = ms;
    engine.current?.seek(ms);
  }, []);
  const toggle = useCallback(() => engine.current?.toggle(), []);
  const pause = useCallback(() => engine.current?.pause(), []);
  const faster = useCallback((direction: 1 | -1) => engine.current?.faster(direction), []);
  const change = useCallback((next: number) => {
    engine.current?.setRate(next);
    engine.current?.play();
  }, []);
  const step = useCallback((frames: number) => engine.current?.step(frames), []);
  return { time, state, rate, seek, toggle, pause, faster, setRate: change, step };
}
