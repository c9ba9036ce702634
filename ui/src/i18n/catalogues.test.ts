import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Tree = { [key: string]: string | Tree };
const here = new URL(".", import.meta.url).pathname;

function flat(tree: Tree, prefix = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") out.set(prefix + key, value);
    else for (const [inner, text] of flat(value, `${prefix}${key}.`)) out.set(inner, text);
  }
  return out;
}

function catalogue(language: string): Map<string, string> {
  const all = new Map<string, string>();
  for (const file of readdirSync(`${here}${language}`)) {
    const tree = JSON.parse(readFileSync(`${here}${language}/${file}`, "utf8")) as Tree;
    for (const [key, text] of flat(tree)) all.set(key, text);
  }
  return all;
}

/** Plural forms of one key count as one: Korean and Japanese have only `_other`. */
const stem = (key: string): string => key.replace(/_(one|other)$/, "");
const stems = (texts: Map<string, string>): string[] => [...new Set([...texts.keys()].map(stem))].sort();
const holes = (text: string): string[] =>
  (text.match(/\{\{\s*\w+/g) ?? []).map((hole) => hole.replace(/\W/g, "")).sort();

const english = catalogue("en");

test.each(["ko", "ja"])("%s has exactly the keys that English has", (language) => {
  expect(stems(catalogue(language))).toEqual(stems(english));
});

test.each(["ko", "ja"])("%s fills the same holes and leaves no text empty", (language) => {
  for (const [key, text] of catalogue(language)) {
    expect(text.trim(), key).not.toBe("");
    const original = english.get(key) ?? english.get(`${stem(key)}_other`) ?? "";
    expect(holes(text), key).toEqual(holes(original));
  }
});

test("every plural has the forms that its language needs", () => {
  for (const key of english.keys()) {
    if (key.endsWith("_one")) expect(english.has(`${stem(key)}_other`), key).toBe(true);
  }
  for (const language of ["ko", "ja"]) {
    expect([...catalogue(language).keys()].filter((key) => key.endsWith("_one"))).toEqual([]);
  }
});
