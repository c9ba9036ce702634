import { useMemo, useRef } from "react";
import { useShortcuts } from "@/app/shortcuts";

export interface PlaybackActions {
  live: boolean;
  toggle: () => void;
  pause: () => void;
  faster: (direction: 1 | -1) => void;
  step: (frames: number) => void;
  skip: (ms: number) => void;
  jump: (direction: 1 | -1) => void;
  first: () => void;
  goLive: () => void;
  zoomBy: (factor: number) => void;
  mark: (which: "from" | "to") => void;
  clearMarks: () => void;
  setSpeed: (speed: number) => void;
  openExport: () => void;
  openBookmark: () => void;
  openMotion: () => void;
  /** The next camera becomes the one that keys act on. */
  turn: (direction: 1 | -1) => void;
  enlarge: () => void;
  toggleSound: () => void;
}

const SKIP_MS = 10_000;

export function useKeys(actions: PlaybackActions): void {
  const { live } = actions;
  useShortcuts({
    " ": actions.toggle,
    j: () => !live && actions.faster(-1),
    k: () => !live && actions.pause(),
    l: () => !live && actions.faster(1),
    ",": () => !live && actions.step(-1),
    ".": () => !live && actions.step(1),
    ArrowLeft: () => actions.skip(-SKIP_MS),
    ArrowRight: () => !live && actions.skip(SKIP_MS),
    "shift+ArrowLeft": () => actions.jump(-1),
    "shift+ArrowRight": () => !live && actions.jump(1),
    Home: actions.first,
    End: actions.goLive,
    "+": () => actions.zoomBy(0.5),
    "=": () => actions.zoomBy(0.5),
    "-": () => actions.zoomBy(2),
    i: () => actions.mark("from"),
    o: () => actions.mark("to"),
    e: actions.openExport,
    b: actions.openBookmark,
    m: actions.openMotion,
    "[": () => actions.turn(-1),
    "]": () => actions.turn(1),
    f: actions.enlarge,
    s: actions.toggleSound,
  });
}

/** The same object for as long as the page lives, so that what only has buttons is not drawn anew ten times a second. */
export function useStable(actions: PlaybackActions): Omit<PlaybackActions, "live"> {
  const latest = useRef(actions);
  latest.current = actions;
  return useMemo(
    () => ({
      toggle: () => latest.current.toggle(),
      pause: () => latest.current.pause(),
      faster: (direction) => latest.current.faster(direction),
      step: (frames) => latest.current.step(frames),
      skip: (ms) => latest.current.skip(ms),
      jump: (direction) => latest.current.jump(direction),
      first: () => latest.current.first(),
      goLive: () => latest.current.goLive(),
      zoomBy: (factor) => latest.current.zoomBy(factor),
      mark: (which) => latest.current.mark(which),
      clearMarks: () => latest.current.clearMarks(),
      setSpeed: (speed) => latest.current.setSpeed(speed),
      openExport: () => latest.current.openExport(),
      openBookmark: () => latest.current.openBookmark(),
      openMotion: () => latest.current.openMotion(),
      turn: (direction) => latest.current.turn(direction),
      enlarge: () => latest.current.enlarge(),
      toggleSound: () => latest.current.toggleSound(),
    }),
    [],
  );
}
