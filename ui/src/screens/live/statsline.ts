import type { TileStats } from "@/player/tile";

const CODECS: [RegExp, string][] = [
  [/avc[13]/, "H.264"],
  [/hvc1|hev1/, "H.265"],
  [/av01/, "AV1"],
  [/jpeg/, "JPEG"],
];

export const codecName = (mime: string): string => CODECS.find(([form]) => form.test(mime))?.[1] ?? "–";

/** What is written over a tile: coding, size, rate, delay. Parts that are not known are left out. */
export function statsParts(stats: TileStats): string[] {
  const size = stats.width > 0 ? `${stats.width}×${stats.height}` : "";
  const rate = stats.bitrateBps >= 1_000_000 ? `${(stats.bitrateBps / 1e6).toFixed(1)} Mbit/s` : "";
  return [
    codecName(stats.mime),
    size,
    `${stats.fps.toFixed(stats.fps < 5 ? 1 : 0)} fps`,
    rate || `${Math.round(stats.bitrateBps / 1_000)} kbit/s`,
    stats.latencyMs === null ? "" : `${Math.max(0, Math.round(stats.latencyMs))} ms`,
  ].filter((part) => part !== "");
}
