import * as fc from "fast-check";
import { expect, test } from "vitest";
import { HEIGHTS, LOUD_DB, readChoices } from "./choices";
import { LoudSounds, loudestDb } from "./loudness";
import { readMonth, sentBytes, shownBytes, Usage } from "./usage";

const PLAIN = { height: 720, loudDb: null, shutter: false };

test("what was chosen is read back, and nothing that cannot be chosen", () => {
  for (const height of HEIGHTS)
    for (const loudDb of [null, ...LOUD_DB])
      for (const shutter of [true, false]) {
        const choices = { height, loudDb, shutter };
        expect(readChoices(JSON.stringify(choices))).toEqual(choices);
      }
  expect(readChoices(JSON.stringify({ height: 4320, loudDb: 3, shutter: "yes" }))).toEqual(PLAIN);
  const anything = fc.oneof(fc.string(), fc.json());
  fc.assert(fc.property(anything, (text) => HEIGHTS.some((one) => one === readChoices(text).height)));
});

test("it is loud while it is, and five seconds more", () => {
  const sounds = new LoudSounds(-32);
  expect([0, 400, 800].map((ms) => sounds.heard(-50, ms))).toEqual([false, false, false]);
  expect(sounds.heard(-30, 1_200)).toBe(true);
  expect(sounds.heard(-50, 6_199)).toBe(true);
  expect(sounds.heard(-50, 6_200)).toBe(false);
});

test("a short bang in a long silence is as loud as it is", () => {
  const samples = new Float32Array(32_768);
  expect(loudestDb(samples)).toBe(-200);
  samples.fill(0.5, 10_240, 12_288);
  expect(loudestDb(samples)).toBeCloseTo(-6.02, 1);
});

test("what went out is counted by what each connection adds, and by month", () => {
  const rows = [
    { type: "outbound-rtp", bytesSent: 900, headerBytesSent: 100 },
    { type: "outbound-rtp", bytesSent: 50 },
    { type: "inbound-rtp", bytesSent: 7 },
  ];
  expect(sentBytes(rows)).toBe(1_050);
  const [first, second, usage] = [{}, {}, new Usage(new Date(2026, 10, 22))];
  const november = new Date(2026, 10, 30);
  usage.sent(first, 1_000, november);
  usage.sent(first, 1_500, november);
  usage.sent(second, 200, november);
  expect([usage.session, usage.thisMonth]).toEqual([1_700, 1_700]);
  usage.sent(second, 300, new Date(2026, 11, 1));
  expect([usage.session, usage.thisMonth]).toEqual([1_800, 100]);
});

test("a count of another month, or none that is one, begins at nothing", () => {
  expect(readMonth(JSON.stringify({ name: "2026-11", bytes: 5 }), "2026-11").bytes).toBe(5);
  expect(readMonth(JSON.stringify({ name: "2026-10", bytes: 5 }), "2026-11").bytes).toBe(0);
  for (const text of [
    null,
    "",
    "null",
    "{",
    '{"name":"2026-11","bytes":"5"}',
    '{"name":"2026-11","bytes":-1}',
  ])
    expect(readMonth(text, "2026-11")).toEqual({ name: "2026-11", bytes: 0 });
});

test("megabytes, and gigabytes when there are many", () => {
  expect([1_234_000, 12_340_000, 1_234_000_000].map((one) => shownBytes(one, "en"))).toEqual([
    "1.2 MB",
    "12 MB",
    "1.2 GB",
  ]);
});
