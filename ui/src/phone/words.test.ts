import { expect, test } from "vitest";
import { filled } from "./words";
import en from "./words/en.json";
import ja from "./words/ja.json";
import ko from "./words/ko.json";

const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test.each([
  ["ko", ko],
  ["ja", ja],
])("%s has exactly the words that English has, with the same holes", (language, words) => {
  expect(Object.keys(words).sort()).toEqual(Object.keys(en).sort());
  expect(words.lang).toBe(language);
  for (const [key, text] of Object.entries(words)) {
    expect(text.trim(), key).not.toBe("");
    expect(holes(text), key).toEqual(holes(en[key as keyof typeof en]));
  }
});

test("a hole that nothing fills stays to be seen", () => {
  expect(filled("{name} watches {what}", { name: "Anna {what}" })).toBe("Anna {what} watches {what}");
});
