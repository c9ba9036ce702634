import { IconAlertTriangle, IconEye } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Camera, Severity } from "@/api/types";
import { useClock } from "@/app/site";

const ICONS = { alert: IconAlertTriangle, detection: IconEye } as const;

/** Colour, icon and word: never colour alone. */
export function SeverityBadge({ severity, short = false }: { severity: Severity; short?: boolean }) {
  const { t } = useTranslation();
  const Icon = ICONS[severity];
  const name = t(`severity.${severity}`);
  return (
    <span className="hc-severity" data-severity={severity} title={name}>
      <Icon size={14} stroke={2} aria-hidden />
      {short ? <span className="hc-visually-hidden">{name}</span> : name}
    </span>
  );
}

export function StatePill({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const { state, since_ms, attempt } = camera.status;
  const text =
    state === "connecting"
      ? t("tile.connectingN", { count: attempt })
      : state === "offline"
        ? t("tile.offlineSince", { time: clock.timeMinutes(since_ms) })
        : state === "waiting"
          ? t("tile.waitingSince", { time: clock.timeMinutes(since_ms) })
          : t(`state.${state}`);
  return (
    <span className="hc-pill" data-state={state}>
      <i aria-hidden />
      {text}
    </span>
  );
}
