import { useEffect, useRef } from "react";
import { readPreference, writePreference } from "./preferences";

/** Single-key shortcuts (WCAG 2.1.4): never inside a text field, and one switch turns them all off. */

export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

export const shortcutsEnabled = (): boolean => readPreference("shortcuts") !== "off";
export const enableShortcuts = (on: boolean): void => writePreference("shortcuts", on ? "on" : "off");

const TYPING =
  "input, textarea, select, [contenteditable=true], [role=combobox], [role=listbox], [role=menu]";

/** `j`, `?`, `shift+ArrowLeft`, `Escape`; `g l` for one key after the other. */
export function keyName(event: Pick<KeyboardEvent, "key" | "shiftKey">): string {
  const named = event.key.length > 1;
  const key = named ? event.key : event.key.toLowerCase();
  return event.shiftKey && (named || /^[a-z]$/.test(key)) ? `shift+${key}` : key;
}

const CHORD_MS = 1_500;
/** Begins every chord. What comes right after it is never a key of its own: `g e` leaves the inbox's `e` alone. */
const LEADER = "g";

let newest: { event: KeyboardEvent; chord: string | null } | null = null;

/** This key with the one before it. All pages share one memory: one that opens between two keys knows of the first. */
function chordOf(event: KeyboardEvent): string | null {
  if (newest?.event === event) return newest.chord;
  const before = newest?.event;
  const soon = before !== undefined && event.timeStamp - before.timeStamp < CHORD_MS;
  newest = { event, chord: soon ? `${keyName(before)} ${keyName(event)}` : null };
  return newest.chord;
}

export function useShortcuts(shortcuts: Shortcuts, active = true): void {
  const current = useRef(shortcuts);
  current.current = shortcuts;
  useEffect(() => {
    if (!active) return;
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !shortcutsEnabled())
        return;
      const target = event.target as HTMLElement | null;
      if (target?.closest(TYPING) || document.querySelector("[aria-modal=true]") !== null) return;
      const key = keyName(event);
      const chord = chordOf(event);
      const led = chord?.startsWith(`${LEADER} `) ?? false;
      const found = (chord !== null && current.current[chord]) || (led ? undefined : current.current[key]);
      if (!found) return;
      const button = target?.closest("button, a, [role=switch], [role=tab]");
      if (button && (key === "Enter" || key === " ")) return;
      event.preventDefault();
      found(event);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [active]);
}
