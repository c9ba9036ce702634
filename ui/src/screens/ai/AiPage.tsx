import { Chip } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type CSSProperties, useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, zonesQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { NotFound } from "@/app/NotFound";
import { useShortcuts } from "@/app/shortcuts";
import { StatePill } from "@/parts/badges";
import { DrawnChips } from "@/parts/DrawnChips";
import { LiveTile } from "@/parts/LiveTile";
import { Page } from "@/parts/Page";
import { Failure, Loading } from "@/parts/states";
import { ALL_DRAWN } from "@/player/boxlayer";
import { Modules } from "./Modules";
import { ScoreChart } from "./ScoreChart";
import { SECTIONS } from "./sections";
import "./ai.css";

/** What looks at a camera, and what it sees in it. */
export function AiPage() {
  const { cameraId } = useParams({ from: "/house/cameras/$cameraId/ai" });
  const cameras = useQuery(camerasQuery);
  if (cameras.isPending) return <Loading rows={1} height={480} />;
  if (cameras.data === undefined)
    return <Failure error={cameras.error} retry={() => void cameras.refetch()} />;
  const camera = cameras.data.find((row) => row.id === cameraId);
  return camera === undefined ? <NotFound /> : <OneCamera key={camera.id} camera={camera} />;
}

function OneCamera({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const zones = useQuery(zonesQuery(camera.id)).data ?? [];
  const [boxes, setBoxes] = useState(true);
  const [drawn, setDrawn] = useState(ALL_DRAWN);
  const [showZones, setShowZones] = useState(true);
  const back = { to: "/live/$cameraId", params: { cameraId: camera.id }, search: {} } as const;
  useShortcuts({
    b: () => setBoxes((on) => !on),
    z: () => setShowZones((on) => !on),
    Escape: () => void navigate(back),
  });
  const { width, height } = camera.status;
  const aspect = {
    "--hc-aspect": width !== null && height !== null && height > 0 ? `${width} / ${height}` : "16 / 9",
  };
  return (
    <Page
      title={t("ai.title", { name: camera.name })}
      detail={
        <>
          <Link {...back} className="hc-back" aria-label={t("ai.back")}>
            <IconArrowLeft size={16} aria-hidden />
          </Link>
          <StatePill camera={camera} />
        </>
      }
    >
      <div className="hc-ai">
        <div className="hc-ai-main">
          <div className="hc-stage hc-ai-stage" style={aspect as CSSProperties}>
            <LiveTile
              camera={camera}
              zones={showZones ? zones : NO_ZONES}
              boxes={boxes}
              drawn={drawn}
              showName={false}
            />
          </div>
          <div className="hc-camera-bar">
            <Chip size="xs" checked={boxes} onChange={setBoxes}>
              {t("camera.boxes")}
            </Chip>
            {boxes && <DrawnChips drawn={drawn} change={setDrawn} />}
            <Chip size="xs" checked={showZones} onChange={setShowZones}>
              {t("camera.zones")}
            </Chip>
          </div>
          <section className="hc-panel" aria-labelledby="hc-scores">
            <h2 id="hc-scores">{t("ai.scores")}</h2>
            <ScoreChart camera={camera} />
          </section>
        </div>
        <div className="hc-ai-side">
          <section className="hc-panel" aria-labelledby="hc-modules">
            <h2 id="hc-modules">{t("ai.modules")}</h2>
            <Modules camera={camera} />
          </section>
          {SECTIONS.map((Section, index) => (
            <Section key={index} camera={camera} />
          ))}
        </div>
      </div>
    </Page>
  );
}

const NO_ZONES: never[] = [];
