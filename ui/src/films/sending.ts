import { backoffMs } from "@/api/backoff";
import { ApiError } from "@/api/client";
import type { Film } from "./types";

/** Sends a file in parts; a part that got lost is asked for and sent again, for as long as somebody wants it. */

export const PART_BYTES = 4 * 1024 * 1024;

export interface Wire {
  /** Sends one part; answers how far the file goes now. */
  part(film: string, offset: number, data: Blob, signal: AbortSignal): Promise<Film>;
  film(id: string, signal: AbortSignal): Promise<Film>;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

const isPassing = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 0 ||
    error.status >= 500 ||
    error.code === "upload-offset" ||
    error.code === "upload-busy");

/** Sends what is missing of `file`; `told` hears of each part that is safe. Ends when all is there. */
export async function sendFile(
  wire: Wire,
  start: Film,
  file: Blob,
  told: (film: Film) => void,
  signal: AbortSignal,
): Promise<Film> {
  let film = start;
  let failures = 0;
  while (film.state === "uploading") {
    const offset = film.received_bytes;
    try {
      film = await wire.part(film.id, offset, file.slice(offset, offset + PART_BYTES), signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      failures += 1;
      await wire.wait(backoffMs(failures), signal);
      film = await wire.film(film.id, signal).catch((again: unknown) => {
        if (signal.aborted || !isPassing(again)) throw again;
        return film;
      });
    }
    told(film);
  }
  return film;
}

/** The unfinished film that a chosen file belongs to: the same size, and the same file as far as the browser knows. */
export function unfinished(films: readonly Film[], file: File, remembered: Remembered): Film | undefined {
  return films.find(
    (film) =>
      film.state === "uploading" &&
      film.size_bytes === file.size &&
      (remembered[film.id] ?? fingerprint(file)) === fingerprint(file),
  );
}

/** By film: which file it was. */
export type Remembered = Record<string, string>;
export const fingerprint = (file: File): string => `${file.name}|${file.size}|${file.lastModified}`;
