import { useCallback, useEffect, useRef, useState } from "react";
import { push } from "@/api/push";
import type { WallCanvas } from "@/player/wallcanvas";
import { Budget, movingTiles } from "./budget";

const LOOK_MS = 2_000;
/** The server tells of what goes on each ten seconds. */
const NEWS_MS = 12_000;
/** Tiles this near to the window's edge are made ready. */
const MARGIN = "160px";

export interface Wall {
  /** Gives a tile's element to be watched; null when it goes. */
  place: (id: string, element: HTMLElement | null) => void;
  isInView: (id: string) => boolean;
  moves: (id: string) => boolean;
  limit: number;
}

interface Chosen {
  shown: ReadonlySet<string>;
  moving: ReadonlySet<string>;
}

const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((id) => b.has(id));

/** Which tiles of a wall are in view, and which of those move. */
export function useWall(ids: readonly string[], painter: WallCanvas | null): Wall {
  const [inView, setInView] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<Chosen>({ shown: new Set(), moving: new Set() });
  const budget = useRef(new Budget());
  const [limit, setLimit] = useState(budget.current.limit);
  const activeAt = useRef(new Map<string, number>());
  const trackedAt = useRef(new Map<string, number>());
  const elements = useRef(new Map<string, HTMLElement>());
  const observer = useRef<IntersectionObserver | null>(null);

  const place = useCallback((id: string, element: HTMLElement | null) => {
    const old = elements.current.get(id);
    if (old !== undefined && old !== element) observer.current?.unobserve(old);
    if (element === null) {
      elements.current.delete(id);
      return;
    }
    elements.current.set(id, element);
    observer.current?.observe(element);
  }, []);

  useEffect(() => {
    const watching = new IntersectionObserver(
      (entries) =>
        setInView((before) => {
          const now = new Set(before);
          for (const { target, isIntersecting } of entries) {
            const id = (target as HTMLElement).dataset.slot ?? "";
            if (isIntersecting) now.add(id);
            else now.delete(id);
          }
          return now;
        }),
      { rootMargin: MARGIN },
    );
    observer.current = watching;
    for (const element of elements.current.values()) watching.observe(element);
    return () => {
      watching.disconnect();
      observer.current = null;
    };
  }, []);

  const key = ids.join(" ");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the list, which is made anew each time.
  const choose = useCallback(() => {
    const shown = ids.filter((id) => inView.has(id));
    setChosen((before) => {
      const moving = movingTiles(shown, activeAt.current, before.moving, budget.current.limit, Date.now());
      const now = { shown: new Set(shown), moving };
      return isSame(now.shown, before.shown) && isSame(moving, before.moving) ? before : now;
    });
  }, [key, inView]);

  /** What goes on before the camera, in the element itself: a hundred tiles are not rendered anew for it. */
  const mark = useCallback((id: string, now: number): void => {
    const element = elements.current.get(id);
    if (element === undefined) return;
    const recent = (at: number | undefined): boolean => at !== undefined && now - at < NEWS_MS;
    const kind = recent(trackedAt.current.get(id)) ? "tracked" : "motion";
    if (kind === "tracked" || recent(activeAt.current.get(id))) element.dataset.activity = kind;
    else delete element.dataset.activity;
  }, []);

  useEffect(() => {
    choose();
    const stop = push.onActivity((id, tracked) => {
      activeAt.current.set(id, Date.now());
      if (tracked) trackedAt.current.set(id, Date.now());
      mark(id, Date.now());
      choose();
    });
    const timer = setInterval(() => {
      for (const id of elements.current.keys()) mark(id, Date.now());
      choose();
    }, LOOK_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [choose, mark]);

  useEffect(() => {
    let last = { shown: 0, dropped: 0 };
    const timer = setInterval(() => {
      const now = painter?.counts() ?? { shown: 0, dropped: 0 };
      for (const element of elements.current.values()) {
        const quality = element.querySelector("video")?.getVideoPlaybackQuality();
        now.shown += (quality?.totalVideoFrames ?? 0) - (quality?.droppedVideoFrames ?? 0);
        now.dropped += quality?.droppedVideoFrames ?? 0;
      }
      const dropped = Math.max(0, now.dropped - last.dropped);
      const shown = Math.max(0, now.shown - last.shown);
      last = now;
      if (budget.current.note(shown, dropped, Date.now())) setLimit(budget.current.limit);
    }, 10_000);
    return () => clearInterval(timer);
  }, [painter]);

  return {
    place,
    isInView: (id) => chosen.shown.has(id),
    moves: (id) => chosen.moving.has(id),
    limit,
  };
}
