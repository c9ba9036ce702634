import fc from "fast-check";
import { expect, test } from "vitest";
import { chunkTime, timescaleOf } from "./boxes";

const u32 = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];
const box = (type: string, body: number[]): number[] => [
  ...u32(body.length + 8),
  ...[...type].map((letter) => letter.charCodeAt(0)),
  ...body,
];
const moof = (dts: number, offset: number): Uint8Array => {
  const tfdt = box("tfdt", [1, 0, 0, 0, ...u32(Math.floor(dts / 2 ** 32)), ...u32(dts % 2 ** 32)]);
  const trun = box("trun", [
    1,
    0,
    0x0f,
    0x01,
    ...u32(1),
    ...u32(100),
    ...u32(3000),
    ...u32(42),
    ...u32(0),
    ...u32(offset),
  ]);
  const traf = box("traf", [...box("tfhd", [0, 2, 0, 0, ...u32(1)]), ...tfdt, ...trun]);
  return Uint8Array.from([
    ...box("uuid", new Array(24).fill(7)),
    ...box("moof", [...box("mfhd", [0, 0, 0, 0, ...u32(1)]), ...traf]),
    ...box("mdat", [1, 2, 3]),
  ]);
};

test("decode and presentation time are found behind a stamp box, beyond 32 bits, with negative offsets", () => {
  expect(chunkTime(moof(90_000 * 86_400 * 7, 6_000))).toEqual({
    dts: 90_000 * 86_400 * 7,
    pts: 90_000 * 86_400 * 7 + 6_000,
  });
  expect(chunkTime(moof(9_000, -3_000))).toEqual({ dts: 9_000, pts: 6_000 });
});

test("the timescale comes from mdhd of either version", () => {
  const wrap = (mdhd: number[]) =>
    Uint8Array.from([
      ...box("ftyp", [0, 0, 0, 0]),
      ...box("moov", box("trak", box("mdia", box("mdhd", mdhd)))),
    ]);
  expect(timescaleOf(wrap([0, 0, 0, 0, ...u32(1), ...u32(2), ...u32(90_000), ...u32(0)]))).toBe(90_000);
  const long = [1, 0, 0, 0, ...u32(0), ...u32(1), ...u32(0), ...u32(2), ...u32(48_000), ...u32(0), ...u32(0)];
  expect(timescaleOf(wrap(long))).toBe(48_000);
});

test("noise and cut boxes give null or a time, never an exception", () => {
  const whole = moof(9_000, 0);
  fc.assert(fc.property(fc.nat(whole.length), (end) => void chunkTime(whole.slice(0, end))));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      chunkTime(bytes);
      timescaleOf(bytes);
    }),
  );
});
