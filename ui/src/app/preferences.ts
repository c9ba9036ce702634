/** What one browser remembers; nothing here matters to the server. */
export type PreferenceKey = "lang" | "time" | "shortcuts" | "volume" | "player" | "hear" | "tray" | "films";

export function readPreference(key: PreferenceKey): string | null {
  try {
    return localStorage.getItem(`haechi.${key}`);
  } catch {
    return null;
  }
}

export function writePreference(key: PreferenceKey, value: string): void {
  try {
    localStorage.setItem(`haechi.${key}`, value);
  } catch {
    // Storage may be forbidden (private window): the choice then lasts as long as the page.
    return;
  }
}
