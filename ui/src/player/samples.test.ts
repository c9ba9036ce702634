import fc from "fast-check";
import { expect, test } from "vitest";
import { avcConfigOf, codecOf, sampleOf } from "./samples";

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
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const init = (entry: string, record: number[]): Uint8Array<ArrayBuffer> => {
  const coded = box(entry, [...zeros(78), ...box("pasp", zeros(8)), ...record]);
  const stsd = box("stsd", [...zeros(4), ...u32(1), ...coded]);
  const path = ["stbl", "minf", "mdia", "trak", "moov"].reduce((inner, type) => box(type, inner), stsd);
  return Uint8Array.from([...box("ftyp", zeros(8)), ...path]);
};

test("the decoder's record is found behind other boxes, and only in H.264", () => {
  const record = [1, 66, 192, 30, 255, 225];
  expect([...(avcConfigOf(init("avc1", box("avcC", record))) ?? [])]).toEqual(record);
  expect([...(avcConfigOf(init("avc3", box("avcC", record))) ?? [])]).toEqual(record);
  expect(avcConfigOf(init("hvc1", box("hvcC", record)))).toBeNull();
  expect(avcConfigOf(init("avc1", []))).toBeNull();
});

test("a chunk's sample is what its mdat holds", () => {
  const chunk = Uint8Array.from([...box("moof", zeros(40)), ...box("mdat", [0, 0, 0, 1, 101])]);
  expect([...(sampleOf(chunk) ?? [])]).toEqual([0, 0, 0, 1, 101]);
  expect(sampleOf(Uint8Array.from(box("moof", [])))).toBeNull();
  expect(sampleOf(Uint8Array.from(box("mdat", [])))).toBeNull();
});

test("no bytes break the reading", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(200), (noise, cut) => {
      const bytes = new Uint8Array(noise);
      avcConfigOf(bytes);
      sampleOf(bytes);
      avcConfigOf(init("avc1", box("avcC", [1, 2, 3])).slice(0, cut));
    }),
  );
});

test("the codec's name is taken out of the type", () => {
  expect(codecOf('video/mp4; codecs="avc1.42C01E"')).toBe("avc1.42C01E");
  expect(codecOf("image/jpeg")).toBe("");
});
