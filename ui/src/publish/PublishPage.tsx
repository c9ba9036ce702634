import { Alert, Button, Select, Switch } from "@mantine/core";
import { IconAlertTriangle, IconPlayerStopFilled, IconVideo } from "@tabler/icons-react";
import { useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { queryClient, sessionQuery } from "@/api/queries";
import { LanguageSelect } from "@/parts/LanguageSelect";
import { Logo } from "@/parts/Logo";
import { Loudspeaker } from "./Loudspeaker";
import { useWhip, type Whip } from "./useWhip";
import "./publish.css";

/** What this page shows itself by: the token behind the `#`, or the session of who is logged in. */
function credentials(): Record<string, string> {
  const token = location.hash.slice(1);
  if (token !== "") return { Authorization: `Bearer ${token}` };
  return { "X-Haechi-CSRF": queryClient.getQueryData(sessionQuery.queryKey)?.csrf ?? "" };
}

/** The page on which a phone or a browser becomes a camera. It needs no log-in where its link holds a token. */
export function PublishPage() {
  const { t } = useTranslation();
  const { cameraId } = useParams({ from: "/publish/$cameraId" });
  const whip = useWhip();
  const [device, setDevice] = useState("");
  const [sound, setSound] = useState(false);
  const busy = whip.phase !== "idle";
  const begin = (chosen: string): void =>
    whip.start({ path: `/${cameraId}/whip`, headers: credentials(), sound, device: chosen });
  return (
    <main className="hc-publish">
      <header>
        <Logo size={28} />
        <h1>{t("publish.title")}</h1>
        <LanguageSelect variant="quiet" />
      </header>
      <Picture whip={whip} />
      <section className="hc-publish-panel">
        <State whip={whip} />
        {whip.fault !== null && (
          <Alert
            color={whip.phase === "again" ? "yellow" : "red"}
            role="alert"
            icon={<IconAlertTriangle size={18} />}
            title={t(`publish.fault.${whip.fault}`)}
          >
            {t(`publish.advice.${whip.fault}`)}
          </Alert>
        )}
        {whip.devices.length > 1 && (
          <Select
            label={t("publish.device")}
            data={whip.devices.map((one, index) => ({
              value: one.deviceId,
              label: one.label || t("publish.deviceNumber", { number: index + 1 }),
            }))}
            value={device || (whip.media?.getVideoTracks()[0]?.getSettings().deviceId ?? null)}
            onChange={(chosen) => {
              if (chosen === null) return;
              setDevice(chosen);
              if (busy) begin(chosen);
            }}
            allowDeselect={false}
          />
        )}
        <Switch
          checked={sound}
          onChange={(event) => setSound(event.currentTarget.checked)}
          label={t("publish.sound")}
          description={t("publish.soundHint")}
          disabled={busy}
        />
        {whip.said !== null && <Loudspeaker said={whip.said} spokenTo={whip.measure?.spokenTo === true} />}
        {busy ? (
          <Button
            size="lg"
            color="red"
            leftSection={<IconPlayerStopFilled size={20} aria-hidden />}
            onClick={whip.stop}
          >
            {t("publish.stop")}
          </Button>
        ) : (
          <Button size="lg" leftSection={<IconVideo size={20} aria-hidden />} onClick={() => begin(device)}>
            {t("publish.start")}
          </Button>
        )}
      </section>
    </main>
  );
}

function Picture({ whip }: { whip: Whip }) {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current !== null) video.current.srcObject = whip.media;
  }, [whip.media]);
  return (
    <div className="hc-publish-picture" data-on={whip.media !== null}>
      <video ref={video} autoPlay muted playsInline aria-label={t("publish.picture")} />
      {whip.media === null && (
        <p>
          <IconVideo size={40} stroke={1.3} aria-hidden />
          {t("publish.nothing")}
        </p>
      )}
    </div>
  );
}

function State({ whip }: { whip: Whip }) {
  const { t } = useTranslation();
  const { phase, measure } = whip;
  return (
    <div className="hc-publish-state" data-phase={phase} role="status">
      <span className="hc-publish-dot" aria-hidden />
      <strong>{t(`publish.phase.${phase}`)}</strong>
      {phase === "live" && measure !== null && measure.width > 0 && (
        <span className="hc-dim hc-publish-figures">
          {t("publish.figures", {
            width: measure.width,
            height: measure.height,
            fps: measure.fps,
            kbps: measure.kbps,
          })}
        </span>
      )}
    </div>
  );
}
