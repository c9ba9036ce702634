import { expect, test } from "vitest";
import type { TileStats } from "@/player/tile";
import { codecName, statsParts } from "./statsline";

const stats: TileStats = {
  mime: 'video/mp4; codecs="avc1.42C01E"',
  width: 320,
  height: 180,
  fps: 9.6,
  bitrateBps: 182_400,
  latencyMs: 212.4,
  behindMs: 0,
  dropped: 0,
};

test("what is known of a tile stands in one line, and what is not is left out", () => {
  expect(statsParts(stats)).toEqual(["H.264", "320×180", "10 fps", "182 kbit/s", "212 ms"]);
  const still = { ...stats, mime: "image/jpeg", fps: 0.5, latencyMs: null, width: 0, bitrateBps: 2_500_000 };
  expect(statsParts(still)).toEqual(["JPEG", "0.5 fps", "2.5 Mbit/s"]);
});

test("codings have the names that people know", () => {
  expect(["hvc1.1.6.L93.B0", "av01.0.01M.08", "", "image/jpeg"].map(codecName)).toEqual([
    "H.265",
    "AV1",
    "–",
    "JPEG",
  ]);
});
