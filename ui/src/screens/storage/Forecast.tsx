import { IconInfinity, IconShieldLock, IconTrendingUp } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { StorageReport } from "@/api/keeping";
import { useClock, useNow } from "@/app/site";
import { byteSize, roughDuration } from "@/time/duration";

const SOON_MS = 3 * 86_400_000;

/** When it is full, or at what size it stays; how fast it grows; what may never go. */
export function Forecast({ report }: { report: StorageReport }) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const now = useNow();
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  const { full_at_ms, steady_bytes, bytes_per_day } = report.forecast;
  const soon = full_at_ms !== null && full_at_ms - now < SOON_MS;
  return (
    <div className="hc-forecast">
      <div className="hc-panel" data-soon={soon || undefined} data-forecast={full_at_ms ?? "steady"}>
        <IconTrendingUp size={20} stroke={1.6} aria-hidden />
        {bytes_per_day === 0 ? (
          <p>
            <strong>{t("storage.noForecast")}</strong>
            <span className="hc-dim">{t("storage.unknown")}</span>
          </p>
        ) : full_at_ms !== null ? (
          <p>
            <strong>{t("storage.fullIn", { length: roughDuration(full_at_ms - now, i18n.language) })}</strong>
            <span className="hc-dim">{t("storage.fullOn", { time: clock.dateTime(full_at_ms) })}</span>
          </p>
        ) : (
          <p>
            <strong>{t("storage.steady")}</strong>
            <span className="hc-dim">{t("storage.steadyAt", { size: size(steady_bytes ?? 0) })}</span>
          </p>
        )}
      </div>
      <div className="hc-panel">
        <IconInfinity size={20} stroke={1.6} aria-hidden />
        <p>
          <strong>{bytes_per_day === 0 ? "–" : t("storage.perDay", { size: size(bytes_per_day) })}</strong>
          <span className="hc-dim">{t("storage.perDayHint")}</span>
        </p>
      </div>
      <div className="hc-panel">
        <IconShieldLock size={20} stroke={1.6} aria-hidden />
        <p>
          <strong>
            {report.protected_bytes === 0
              ? t("storage.nothingProtected")
              : t("storage.protected", { size: size(report.protected_bytes) })}
          </strong>
          <span className="hc-dim">
            {t(report.protected_bytes === 0 ? "storage.nothingProtectedHint" : "storage.protectedHint")}
          </span>
        </p>
      </div>
    </div>
  );
}
