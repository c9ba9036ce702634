/** The visible piece of time and its mathematics; no canvas, no DOM. Times in milliseconds since the epoch. */

export const MIN_SPAN_MS = 10_000;
export const MAX_SPAN_MS = 31 * 86_400_000;

export interface View {
  start_ms: number;
  end_ms: number;
}

export function viewAround(centre_ms: number, span_ms: number): View {
  const span = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, span_ms));
  return { start_ms: centre_ms - span / 2, end_ms: centre_ms + span / 2 };
}

export function spanOf(view: View): number {
  return view.end_ms - view.start_ms;
}

export function xOf(view: View, ms: number, width: number): number {
  return ((ms - view.start_ms) / spanOf(view)) * width;
}

export function msAt(view: View, x: number, width: number): number {
  return view.start_ms + (x / width) * spanOf(view);
}

/** `factor` < 1 zooms in. The instant `anchor_ms` stays where it is on screen. */
export function zoom(view: View, factor: number, anchor_ms: number): View {
  const span = spanOf(view);
  const next = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, span * factor));
  const part = (anchor_ms - view.start_ms) / span;
  const start = anchor_ms - part * next;
  return { start_ms: start, end_ms: start + next };
}

export function pan(view: View, delta_ms: number): View {
  return { start_ms: view.start_ms + delta_ms, end_ms: view.end_ms + delta_ms };
}

/** Moves the view so that `ms` is inside, with a tenth of the span as margin; unchanged when it already is. */
export function reveal(view: View, ms: number): View {
  const span = spanOf(view);
  if (ms >= view.start_ms && ms <= view.end_ms) return view;
  const start = ms < view.start_ms ? ms - span * 0.1 : ms - span * 0.9;
  return { start_ms: start, end_ms: start + span };
}

/** Keeps the view from running further into the future than a quarter of itself. */
export function clampToNow(view: View, now_ms: number): View {
  const limit = now_ms + spanOf(view) * 0.25;
  return view.end_ms > limit ? pan(view, limit - view.end_ms) : view;
}
