import fc from "fast-check";
import { expect, test } from "vitest";
import { correction } from "./sync";

test("sound that fits the picture is left alone", () => {
  expect(correction(0.01, 1, 0.3)).toEqual({ rate: 1, jump: 0 });
  expect(correction(-0.02, 1, 0.3)).toEqual({ rate: 1, jump: 0 });
});

test("a little off is mended by speed, in the right direction and hardly audible", () => {
  expect(correction(0.05, 1, 0.3)).toEqual({ rate: 1.05, jump: 0 });
  expect(correction(0.3, 1, 0.4)).toEqual({ rate: 1.1, jump: 0 });
  expect(correction(-0.03, 1, 0.3).rate).toBeCloseTo(0.97);
});

test("sound that is early waits for the picture", () => {
  expect(correction(-0.5, 1, 0.3)).toEqual({ rate: 0, jump: 0 });
});

test("much off is mended by one jump", () => {
  expect(correction(-3, 4, 0.3)).toEqual({ rate: 1, jump: -3 });
  expect(correction(0.5, 1, 0.7)).toEqual({ rate: 1, jump: 0.5 });
});

test("sound that is not there yet is not jumped to", () => {
  expect(correction(1, 1, 0.04)).toEqual({ rate: 1, jump: 0 });
  expect(correction(1, 1, 0.35).jump).toBeCloseTo(0.3);
});

test("sound that is no longer there is not jumped to: it waits for the picture", () => {
  expect(correction(-3, 0.5, 0.3)).toEqual({ rate: 0, jump: 0 });
});

test("nothing ever plays past what is there, or oddly fast", () => {
  const seconds = (min: number): fc.Arbitrary<number> => fc.double({ min, max: 10, noNaN: true });
  fc.assert(
    fc.property(seconds(-10), seconds(0), seconds(0), (off, kept, ahead) => {
      const { rate, jump } = correction(off, kept, ahead);
      expect(rate === 0 || rate >= 0.9).toBe(true);
      expect(rate).toBeLessThanOrEqual(1.1);
      expect(jump).toBeLessThanOrEqual(ahead);
      expect(-jump).toBeLessThanOrEqual(kept);
      if (jump !== 0) expect(Math.sign(jump)).toBe(Math.sign(off));
    }),
  );
});
