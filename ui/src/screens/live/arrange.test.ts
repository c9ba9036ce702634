import fc from "fast-check";
import { expect, test } from "vitest";
import { arranged, isSame, moved, nextPage, PLAIN, stepped } from "./arrange";

const cameras = ["a", "b", "c", "d"].map((id) => ({ id }));

test("an arrangement has its own order, and what is not there any more is left out", () => {
  expect(arranged(cameras, null)).toEqual(cameras);
  expect(arranged(cameras, ["d", "gone", "a"]).map(({ id }) => id)).toEqual(["d", "a"]);
});

test("a tile that is moved goes to its place and the others keep their order", () => {
  expect(moved(["a", "b", "c", "d"], "a", 2)).toEqual(["b", "c", "a", "d"]);
  expect(moved(["a", "b", "c", "d"], "d", -5)).toEqual(["d", "a", "b", "c"]);
  expect(moved(["a", "b"], "x", 0)).toEqual(["a", "b"]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { minLength: 1 }), fc.nat(), fc.integer(), (ids, pick, to) => {
      const id = ids[pick % ids.length]!;
      const after = moved(ids, id, to);
      expect([...after].sort()).toEqual([...ids].sort());
      expect(after.filter((other) => other !== id)).toEqual(ids.filter((other) => other !== id));
    }),
  );
});

test("arrow keys step through rows and stop at the edges", () => {
  expect(stepped(0, 9, 3, "ArrowRight")).toBe(1);
  expect(stepped(0, 9, 3, "ArrowLeft")).toBeNull();
  expect(stepped(4, 9, 3, "ArrowDown")).toBe(7);
  expect(stepped(7, 9, 3, "ArrowDown")).toBeNull();
  expect(stepped(4, 9, 3, "ArrowUp")).toBe(1);
  expect(stepped(4, 9, 3, "a")).toBeNull();
});

test("a change of order, size, focus or turning is a change", () => {
  const kept = { ...PLAIN, cameras: ["a", "b"] };
  expect(isSame(kept, { ...kept, cameras: ["a", "b"] })).toBe(true);
  expect(isSame(PLAIN, PLAIN)).toBe(true);
  for (const change of [
    { cameras: ["b", "a"] },
    { cameras: null },
    { size: "9" },
    { focus: "a" },
    { turnS: 5 },
  ]) {
    expect(isSame(kept, { ...kept, ...change } as typeof kept)).toBe(false);
  }
});

test("pages turn round", () => {
  expect([nextPage(1, 3), nextPage(3, 3), nextPage(7, 3)]).toEqual([2, 1, 1]);
});
