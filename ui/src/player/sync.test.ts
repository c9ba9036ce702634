import fc from "fast-check";
import { expect, test } from "vitest";
import { correction } from "./sync";

test("sound that fits the picture is left alone", () => {
  expect(correction(0.01, 0.3)).toEqual({ rate: 1, jump: 0 });
  expect(correction(-0.02, 0.3)).toEqual({ rate: 1, jump: 0 });
});

test("a little off is mended by speed, in the right direction and hardly audible", () => {
  expect(correction(0.05, 0.3)).toEqual({ rate: 1.04, jump: 0 });
  expect(correction(-0.03, 0.3).rate).toBeCloseTo(0.97);
});

test("much off is mended by one jump", () => {
  expect(correction(-0.8, 0.3)).toEqual({ rate: 1, jump: -0.8 });
  expect(correction(0.2, 0.5)).toEqual({ rate: 1, jump: 0.2 });
});

test("sound that is not there yet is not jumped to", () => {
  expect(correction(1, 0.04)).toEqual({ rate: 1, jump: 0 });
  expect(correction(1, 0.35).jump).toBeCloseTo(0.3);
});

test("nothing ever plays past what is there, or oddly fast", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -10, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 10, noNaN: true }),
      (off, ahead) => {
        const { rate, jump } = correction(off, ahead);
        expect(rate).toBeGreaterThan(0.95);
        expect(rate).toBeLessThan(1.05);
        expect(jump).toBeLessThanOrEqual(Math.max(0, ahead));
        if (jump !== 0) expect(Math.sign(jump)).toBe(Math.sign(off));
      },
    ),
  );
});
