import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { askTimeline } from "@/timeline/ask";
import { TimelineTiles } from "@/timeline/tiles";
import { clampToNow, pan, reveal, spanOf, type View, viewAround, zoom } from "@/timeline/view";

const REFRESH_MS = 3_000;
export const DEFAULT_SPAN_MS = 3_600_000;

export interface TimelineHandle {
  tiles: TimelineTiles;
  view: View;
  width: number;
  setWidth: (width: number) => void;
  change: (view: View) => void;
  reveal: (ms: number) => void;
  toNow: () => void;
  zoomBy: (factor: number, at: number) => void;
}

const nowView = (span: number): View => ({
  start_ms: Date.now() - span * 0.9,
  end_ms: Date.now() + span * 0.1,
});

/** The visible stretch of time and what is known of it. It follows the playhead while that runs out of it. */
export function useTimeline(
  cameras: string[],
  at: number | undefined,
  span: number | undefined,
): TimelineHandle {
  const [tiles] = useState(() => new TimelineTiles(askTimeline));
  const [width, setWidth] = useState(1_000);
  const [view, setView] = useState<View>(() =>
    at === undefined ? nowView(span ?? DEFAULT_SPAN_MS) : viewAround(at, span ?? DEFAULT_SPAN_MS),
  );
  const version = useSyncExternalStore(tiles.subscribe, tiles.snapshot);
  const [tick, setTick] = useState(0);
  const names = cameras.join(",");

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when tiles have come and as time goes on.
  useEffect(() => {
    const timer = setTimeout(() => tiles.want(names.split(","), view, width), 30);
    return () => clearTimeout(timer);
  }, [tiles, names, view, width, version, tick]);
  useEffect(() => {
    const timer = setInterval(() => setTick((value) => value + 1), REFRESH_MS);
    return () => {
      clearInterval(timer);
      tiles.close();
    };
  }, [tiles]);

  const latest = useRef(view);
  latest.current = view;
  const change = useCallback((next: View) => setView(clampToNow(next, Date.now())), []);
  const show = useCallback((ms: number) => setView((old) => reveal(old, ms)), []);
  const toNow = useCallback(() => setView((old) => nowView(spanOf(old))), []);
  const zoomBy = useCallback((factor: number, ms: number) => {
    const { start_ms, end_ms } = latest.current;
    const anchor = ms >= start_ms && ms <= end_ms ? ms : (start_ms + end_ms) / 2;
    setView(clampToNow(zoom(latest.current, factor, anchor), Date.now()));
  }, []);
  return { tiles, view, width, setWidth, change, reveal: show, toNow, zoomBy };
}

/** The view after the playhead moved by itself: it turns the page when the playhead leaves it. */
export function followed(view: View, playhead: number, live: boolean): View {
  const span = spanOf(view);
  if (playhead > view.end_ms && playhead < view.end_ms + span * 0.1)
    return pan(view, span * (live ? 0.05 : 0.8));
  if (playhead < view.start_ms && playhead > view.start_ms - span * 0.1 && !live)
    return pan(view, -span * 0.8);
  return view;
}
