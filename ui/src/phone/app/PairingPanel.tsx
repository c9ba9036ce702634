import { Button, Loader } from "@mantine/core";
import { IconCircleCheckFilled, IconClockOff, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type NewPairing, pairingQuery, phoneQuery } from "@/api/phones";
import { camerasQuery, queryClient } from "@/api/queries";
import { LinkButton } from "@/parts/links";
import { PhoneViewBox } from "./PhoneViewBox";
import "./app.css";

interface PanelProps {
  made: NewPairing;
  renew: () => void;
  isRenewing: boolean;
}

const clock = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

/** A code, how long it is good, and what becomes of it; then the first picture. */
export function PairingPanel({ made, renew, isRenewing }: PanelProps) {
  const { t } = useTranslation();
  const [settled, setSettled] = useState(false);
  const pairing = useQuery({ ...pairingQuery(made.id), enabled: !settled }).data;
  const [now, setNow] = useState(() => Date.now());
  const begun = useRef(Date.now());
  const [took, setTook] = useState<number | null>(null);
  const camera = pairing?.camera ?? null;
  const paired = pairing?.state === "paired" && camera !== null;
  const over = !paired && (pairing?.state === "expired" || now >= made.expires_ms);
  useEffect(() => {
    if (paired || over) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [paired, over]);
  useEffect(() => setSettled(paired || over), [paired, over]);
  useEffect(() => {
    if (!paired) return;
    setTook((known) => known ?? Math.max(1, Math.round((Date.now() - begun.current) / 1_000)));
    void queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
  }, [paired]);
  if (paired) return <FirstPicture camera={camera} seconds={took ?? 1} />;
  return (
    <div className="hc-pairing" data-over={over || undefined}>
      <h2>{t("phones.ready", { name: made.name })}</h2>
      <div className="hc-pairing-ways">
        <img
          className="hc-pairing-qr"
          src={`data:image/svg+xml,${encodeURIComponent(made.qr_svg)}`}
          alt={t("phones.qr")}
        />
        <div className="hc-pairing-steps">
          <p>{t("phones.scan")}</p>
          <p>{t("phones.type", { address: `${location.host}/phone` })}</p>
          <p className="hc-pairing-code">{made.code}</p>
        </div>
      </div>
      <div className="hc-arrival" role="status">
        {over ? <IconClockOff size={22} aria-hidden /> : <Loader size={20} aria-hidden />}
        <p>{t(over ? "phones.expired" : "phones.waits")}</p>
        {over ? (
          <Button leftSection={<IconRefresh size={16} aria-hidden />} onClick={renew} loading={isRenewing}>
            {t("phones.again")}
          </Button>
        ) : (
          <span className="hc-num hc-dim">{t("phones.left", { time: clock(made.expires_ms - now) })}</span>
        )}
      </div>
    </div>
  );
}

/** Paired: now the phone asks its owner for the camera, and its picture comes here without a word. */
function FirstPicture({ camera, seconds }: { camera: string; seconds: number }) {
  const { t } = useTranslation();
  const known = useQuery(camerasQuery).data?.find((row) => row.id === camera);
  const online = useQuery(phoneQuery(camera)).data?.online === true;
  return (
    <div className="hc-pairing">
      <div className="hc-arrival" role="status">
        <IconCircleCheckFilled size={22} className="hc-good-text" aria-hidden />
        <p>
          {t("phones.paired", { count: seconds })} {!online && t("phones.starts")}
        </p>
        <LinkButton to="/live/$cameraId" params={{ cameraId: camera }}>
          {t("dial.watch")}
        </LinkButton>
      </div>
      {known !== undefined && online && <PhoneViewBox camera={known} />}
    </div>
  );
}
