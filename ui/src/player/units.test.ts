import fc from "fast-check";
import { expect, test } from "vitest";
import { UnitTable } from "./units";

test("the unit on screen is found whatever order the units arrived in", () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...Array(60).keys()], { minLength: 60 }),
      fc.nat(59),
      (order, wanted) => {
        const table = new UnitTable();
        for (const seq of order) table.add(seq / 15, { run: 1, seq, capturedNs: BigInt(seq) });
        expect(table.at(wanted / 15 + 0.004)?.seq).toBe(wanted);
      },
    ),
  );
});

test("a time that no unit belongs to finds none, and old units are forgotten", () => {
  const table = new UnitTable(10);
  for (let seq = 0; seq < 50; seq += 1) table.add(seq / 10, { run: 1, seq, capturedNs: BigInt(seq) });
  expect(table.size).toBe(10);
  expect(table.at(0)).toBeNull();
  expect(table.at(4.9)?.seq).toBe(49);
  expect(table.at(4.95)).toBeNull();
});

test("between the beginnings of units the time of capture goes on with the element's clock", () => {
  const table = new UnitTable();
  table.add(10, { run: 1, seq: 0, capturedNs: 5_000_000_000n });
  table.add(10.02, { run: 1, seq: 0, capturedNs: 5_000_000_000n });
  table.add(10.04, { run: 1, seq: 1, capturedNs: 5_041_000_000n });
  expect(table.size).toBe(2);
  expect(table.capturedAt(10)).toBeCloseTo(5, 5);
  expect(table.capturedAt(10.03)).toBeCloseTo(5.03, 5);
  expect(table.capturedAt(10.05)).toBeCloseTo(5.051, 5);
  expect(table.capturedAt(12)).toBeNull();
  expect(new UnitTable().capturedAt(0)).toBeNull();
});
