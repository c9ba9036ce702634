import { notifications } from "@mantine/notifications";
import i18next from "i18next";
import { createElement, useSyncExternalStore } from "react";
import { request, requestLast } from "@/api/client";
import { tellFailure } from "./notices";
import { UndoButton } from "./UndoButton";

const UNDO_MS = 10_000;

interface Doomed {
  path: string;
  timer: ReturnType<typeof setTimeout>;
}

const doomed = new Map<string, Doomed>();
const listeners = new Set<() => void>();
let hidden: ReadonlySet<string> = new Set();

function tell(): void {
  hidden = new Set(doomed.keys());
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** What is deleted as far as the reader is concerned, though the server will hear of it only when no undo came. */
export const useDoomed = (): ReadonlySet<string> => useSyncExternalStore(subscribe, () => hidden);

async function carryOut(id: string, after: () => Promise<void>): Promise<void> {
  const row = doomed.get(id);
  if (row === undefined) return;
  try {
    await request("DELETE", row.path);
    await after();
  } catch (error) {
    tellFailure(error);
  }
  doomed.delete(id);
  tell();
}

/** Hides `id` at once and deletes it (DELETE `path`) ten seconds later, unless it is taken back. */
export function deleteLater(id: string, path: string, text: string, after: () => Promise<void>): void {
  const note = `undo-${id}`;
  doomed.set(id, { path, timer: setTimeout(() => void carryOut(id, after), UNDO_MS) });
  tell();
  const undo = (): void => {
    clearTimeout(doomed.get(id)?.timer);
    doomed.delete(id);
    notifications.hide(note);
    tell();
  };
  notifications.show({
    id: note,
    autoClose: UNDO_MS,
    closeButtonProps: { "aria-label": i18next.t("app.close") },
    message: createElement(UndoButton, { text, undo }),
  });
}

// The page goes: what was deleted on it stays deleted.
addEventListener("pagehide", () => {
  for (const { path, timer } of doomed.values()) {
    clearTimeout(timer);
    requestLast("DELETE", path);
  }
  doomed.clear();
});
