import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathOf, ScoreBook, SPAN_S, thinned, valueAt } from "./scores";

const score = (at: number, value: number) => ({
  name: "fire",
  value,
  t0_s: at,
  t1_s: at,
  reasons: ["smoke"],
});
const row = (points: [number, number][]) => ({ module: "m", name: "fire", points, reasons: [] });

describe("the last five minutes", () => {
  test("what comes while the list is under way is kept, once, and in order", () => {
    const book = new ScoreBook();
    book.add("m", [score(1_002, 0.2), score(1_003, 0.3)]);
    book.load(1_003, 903, [
      row([
        [1_001, 0.1],
        [1_002, 0.2],
      ]),
    ]);
    expect(book.series(1_003)[0]?.points.map(([at]) => at)).toEqual([1_001, 1_002, 1_003]);
    expect(book.now(904)).toBe(1_004);
  });

  test("what is older goes, and a series without points with it", () => {
    const book = new ScoreBook();
    book.load(1_000, 1_000, [row([[1_000, 0.5]])]);
    expect(book.series(1_000 + SPAN_S)).toHaveLength(1);
    expect(book.series(1_001 + SPAN_S)).toEqual([]);
  });

  test("scores that come late find their place", () => {
    const book = new ScoreBook();
    book.add("m", [score(5, 0.5), score(3, 0.3), score(4, 0.4)]);
    expect(book.series(6)[0]?.points.map(([at]) => at)).toEqual([3, 4, 5]);
    expect(book.series(6)[0]?.reasons).toEqual(["smoke"]);
  });
});

describe("the chart", () => {
  test("thinning keeps every peak and no more points than columns", () => {
    const points = fc
      .array(
        fc.tuple(fc.double({ min: 0, max: SPAN_S, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
        {
          minLength: 1,
          maxLength: 300,
        },
      )
      .map((rows) => rows.sort((a, b) => a[0] - b[0]));
    fc.assert(
      fc.property(points, (rows) => {
        const few = thinned(rows, 40, SPAN_S);
        expect(few.length).toBeLessThanOrEqual(41);
        expect(Math.max(...few.map(([, value]) => value))).toBe(Math.max(...rows.map(([, value]) => value)));
      }),
    );
  });

  test("now is at the right edge, and a silence breaks the line", () => {
    const path = pathOf(
      [
        [100, 0],
        [101, 1],
        [400, 0.5],
      ],
      400,
      300,
      100,
    );
    expect(path).toBe("M0.0 100.0h1L1.0 0.0M300.0 50.0h1");
  });

  test("a value holds for a few seconds", () => {
    const points: [number, number][] = [
      [10, 0.1],
      [12, 0.2],
    ];
    expect(valueAt(points, 11)).toBe(0.1);
    expect(valueAt(points, 13)).toBe(0.2);
    expect(valueAt(points, 9)).toBeNull();
    expect(valueAt(points, 30)).toBeNull();
  });
});
