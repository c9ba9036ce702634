import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonLines } from "./ndjson";

test("values come out the same wherever the pieces are cut", () => {
  const value = fc.record({ type: fc.string(), at: fc.nat(), text: fc.string() });
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      fc.boolean(),
      (values, cuts, closed) => {
        const text = values.map((row) => JSON.stringify(row)).join("\n") + (closed ? "\n" : "");
        const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const lines = new JsonLines<unknown>();
        const seen = at.slice(1).flatMap((end, index) => lines.feed(text.slice(at[index], end)));
        expect([...seen, ...lines.end()]).toEqual(values);
      },
    ),
  );
});

test("a line is given out as soon as it is whole, not when the next one comes", () => {
  const lines = new JsonLines<{ n: number }>();
  expect(lines.feed('{"n":1')).toEqual([]);
  expect(lines.feed("}\n")).toEqual([{ n: 1 }]);
  expect(lines.end()).toEqual([]);
});
