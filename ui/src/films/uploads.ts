import { useSyncExternalStore } from "react";
import { ApiError, request, sendPart } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { Fault } from "@/api/types";
import { readPreference, writePreference } from "@/app/preferences";
import { fingerprint, type Remembered, sendFile, type Wire } from "./sending";
import { type Film, filmsQuery } from "./types";

/** The files that this page sends. They go on while one looks at other screens; a reload ends them, choosing the file
 * again goes on where it was. */

export interface Sending {
  sent: number;
  fault: Fault | null;
}

const KEY = "films";
const running = new Map<string, AbortController>();
let state: Readonly<Record<string, Sending>> = {};
const listeners = new Set<() => void>();

function change(film: string, sending: Sending | null): void {
  const { [film]: _, ...rest } = state;
  state = sending === null ? rest : { ...rest, [film]: sending };
  for (const listener of listeners) listener();
}

const wire: Wire = {
  part: (film, offset, data, signal) => sendPart<Film>(`/api/films/${film}/file`, offset, data, signal),
  film: (id, signal) => request<Film>("GET", `/api/films/${id}`, undefined, signal),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

export function remembered(): Remembered {
  try {
    return JSON.parse(readPreference(KEY) ?? "{}") as Remembered;
  } catch {
    return {};
  }
}

function remember(film: string, mark: string | null): void {
  const { [film]: _, ...rest } = remembered();
  writePreference(KEY, JSON.stringify(mark === null ? rest : { ...rest, [film]: mark }));
}

/** Send the file of a film, or what is missing of it. */
export async function send(film: Film, file: File): Promise<void> {
  if (running.has(film.id)) return;
  const abort = new AbortController();
  running.set(film.id, abort);
  remember(film.id, fingerprint(file));
  change(film.id, { sent: film.received_bytes, fault: null });
  const told = (now: Film): void => change(film.id, { sent: now.received_bytes, fault: null });
  try {
    await sendFile(wire, film, file, told, abort.signal);
    remember(film.id, null);
    change(film.id, null);
  } catch (error) {
    if (abort.signal.aborted) change(film.id, null);
    else {
      const fault =
        error instanceof ApiError
          ? { code: error.code, message: error.message }
          : { code: "file-unreadable", message: String(error) };
      change(film.id, { sent: state[film.id]?.sent ?? 0, fault });
    }
  } finally {
    running.delete(film.id);
    await queryClient.invalidateQueries({ queryKey: filmsQuery.queryKey });
  }
}

/** Stop sending, and have the film removed with all that is there of it. */
export async function remove(film: string): Promise<void> {
  running.get(film)?.abort();
  remember(film, null);
  await request("DELETE", `/api/films/${film}`);
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: filmsQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: ["cameras"] }),
  ]);
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useSending = (): Readonly<Record<string, Sending>> =>
  useSyncExternalStore(subscribe, () => state);

addEventListener("beforeunload", (event) => {
  if (running.size > 0) event.preventDefault();
});
