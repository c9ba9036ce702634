import { IconClockExclamation } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { roughDuration } from "@/time/duration";
import { CLOCK_OFF_S } from "./types";

/** Says how far a camera's clock is off, where it is. */
export function ClockNotice({ seconds }: { seconds: number | null }) {
  const { t, i18n } = useTranslation();
  if (seconds === null || Math.abs(seconds) <= CLOCK_OFF_S) return null;
  const by = roughDuration(Math.abs(seconds) * 1_000, i18n.language);
  return (
    <span className="hc-clock-notice">
      <IconClockExclamation size={15} stroke={1.7} aria-hidden />
      {t(seconds > 0 ? "onvif.clockAhead" : "onvif.clockBehind", { by })}
    </span>
  );
}
