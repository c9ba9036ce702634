import { readPreference } from "@/app/preferences";
import en from "./words/en.json";

/** Words of the plain pages. Small, so that a phone need not load those of the whole application. */
export type Word = keyof typeof en;
export type Holes = Record<string, string | number>;

const catalogues: Record<string, () => Promise<{ default: Record<Word, string> }>> = {
  ko: () => import("./words/ko.json"),
  ja: () => import("./words/ja.json"),
};

let words: Record<Word, string> = en;

/** The language that was chosen in the application on this device, else the browser's. */
export function wantedLanguage(known: readonly string[] = ["en", ...Object.keys(catalogues)]): string {
  const wanted = [readPreference("lang") ?? "", ...navigator.languages.map((name) => name.slice(0, 2))];
  return wanted.find((name) => known.includes(name)) ?? "en";
}

/** Load the words of a language; English is always there. */
export async function startWords(language: string = wantedLanguage()): Promise<void> {
  const load = catalogues[language];
  // A catalogue that does not come is no reason to have no page.
  const found = load === undefined ? null : await load().catch(() => null);
  words = found?.default ?? en;
}

export const filled = (text: string, holes: Holes): string =>
  text.replace(/\{(\w+)\}/g, (hole, name: string) => String(holes[name] ?? hole));

export const say = (word: Word, holes: Holes = {}): string => filled(words[word], holes);

/** `word.one` for one, else `word.other`; Korean and Japanese have the same text in both. */
export function sayCount(word: string, count: number): string {
  return say(`${word}.${count === 1 ? "one" : "other"}` as Word, { count });
}
