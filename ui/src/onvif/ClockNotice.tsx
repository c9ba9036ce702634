import { Button } from "@mantine/core";
import { IconClockExclamation } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { roughDuration } from "@/time/duration";
import "./onvif.css";
import { CLOCK_OFF_S } from "./types";

const SetClock = lazy(() => import("./SetClock").then((module) => ({ default: module.SetClock })));

/** Says how far a camera's clock is off, where it is; with a camera of the house, offers to set it. */
export function ClockNotice({ seconds, camera }: { seconds: number | null; camera?: string }) {
  const { t, i18n } = useTranslation();
  const [asking, setAsking] = useState(false);
  const off = seconds !== null && Math.abs(seconds) > CLOCK_OFF_S;
  if (!off && !asking) return null;
  return (
    <div className="hc-clock">
      {off && (
        <span className="hc-clock-notice">
          <IconClockExclamation size={15} stroke={1.7} aria-hidden />
          {t(seconds > 0 ? "onvif.clockAhead" : "onvif.clockBehind", {
            by: roughDuration(Math.abs(seconds) * 1_000, i18n.language),
          })}
        </span>
      )}
      {camera !== undefined && off && (
        <Button size="compact-xs" variant="default" onClick={() => setAsking(true)}>
          {t("onvif.setClock")}
        </Button>
      )}
      {camera !== undefined && asking && (
        <Suspense>
          <SetClock camera={camera} close={() => setAsking(false)} />
        </Suspense>
      )}
    </div>
  );
}
