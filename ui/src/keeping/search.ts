import { requestLines } from "@/api/client";
import type { Point } from "@/api/types";

/** A motion search as the page sees it: what was found so far, how far it is, how it ended. */

export interface Hit {
  start_ms: number;
  end_ms: number;
  /** The largest share of the region that moved at once, 0…1. */
  peak: number;
  at_ms: number;
}

export type SearchMessage =
  | { type: "progress"; done: number; total: number; skipped: number }
  | ({ type: "hit" } & Hit)
  | { type: "done"; hits: number; skipped_s: number };

export type SearchEnd = "done" | "cancelled" | "failed";

export interface SearchState {
  hits: Hit[];
  progress: number;
  skipped_s: number | null;
  /** Null: nothing was asked yet, or it is under way (`running`). */
  end: SearchEnd | null;
  running: boolean;
  error: unknown;
}

export const IDLE: SearchState = {
  hits: [],
  progress: 0,
  skipped_s: null,
  end: null,
  running: false,
  error: null,
};

export const begun = (): SearchState => ({ ...IDLE, running: true });

export function received(state: SearchState, message: SearchMessage): SearchState {
  switch (message.type) {
    case "progress":
      return { ...state, progress: message.total === 0 ? 1 : Math.min(1, message.done / message.total) };
    case "hit": {
      const { start_ms, end_ms, peak, at_ms } = message;
      return { ...state, hits: [...state.hits, { start_ms, end_ms, peak, at_ms }] };
    }
    case "done":
      return { ...state, progress: 1, skipped_s: message.skipped_s, end: "done", running: false };
  }
}

/** The stream ended without saying that it is done: the server went, or somebody closed it. */
export const ended = (state: SearchState, end: SearchEnd, error: unknown = null): SearchState =>
  state.running ? { ...state, end, error, running: false } : state;

export interface SearchWish {
  start_ms: number;
  end_ms: number;
  region: Point[];
  min_share: number;
}

/** Asks, and tells each state on the way; comes back when it is over. Never rejects. */
export async function runSearch(
  camera: string,
  wish: SearchWish,
  signal: AbortSignal,
  tell: (change: (state: SearchState) => SearchState) => void,
): Promise<void> {
  tell(begun);
  try {
    const path = `/api/cameras/${camera}/motion-search`;
    for await (const message of requestLines<SearchMessage>(path, wish, signal))
      tell((state) => received(state, message));
    tell((state) => ended(state, "failed", new Error("The answer broke off.")));
  } catch (error) {
    tell((state) => ended(state, signal.aborted ? "cancelled" : "failed", signal.aborted ? null : error));
  }
}
