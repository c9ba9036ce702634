import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import type { Rung } from "@/player/engine";
import type { TileStats } from "@/player/tile";
import { bitRate } from "@/time/duration";

interface StatsPanelProps {
  stats: TileStats;
  camera: Camera;
  rung: Rung | null;
}

export function StatsPanel({ stats, camera, rung }: StatsPanelProps) {
  const { t, i18n } = useTranslation();
  const rows: [string, string][] = [
    [t("player.way"), rung === null ? "–" : t(`player.${rung}`)],
    [t("stats.codec"), /codecs="([^"]+)"/.exec(stats.mime)?.[1] ?? camera.status.codec ?? "–"],
    [t("stats.size"), `${stats.width}×${stats.height}`],
    [t("stats.fps"), stats.fps.toFixed(1)],
    [t("stats.rate"), bitRate(stats.bitrateBps, i18n.language)],
    [t("stats.latency"), stats.latencyMs === null ? "–" : `${Math.round(stats.latencyMs)} ms`],
    [t("stats.behind"), `${Math.round(stats.behindMs)} ms`],
    [t("stats.dropped"), String(stats.dropped)],
    [t("stats.run"), String(camera.status.run ?? "–")],
  ];
  return (
    <dl className="hc-stats">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
