import { ActionIcon, Button, Chip, Tooltip } from "@mantine/core";
import { useFullscreenElement } from "@mantine/hooks";
import {
  IconArrowsMove,
  IconChartDots,
  IconMaximize,
  IconPhoto,
  IconReportAnalytics,
  IconWalk,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type CSSProperties, lazy, Suspense, useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { isPhone } from "@/api/phones";
import { camerasQuery, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { NotFound } from "@/app/NotFound";
import { readPreference, writePreference } from "@/app/preferences";
import { useShortcuts } from "@/app/shortcuts";
import { ClockNotice } from "@/onvif/ClockNotice";
import { onvifQuery } from "@/onvif/types";
import { DrawnChips } from "@/parts/DrawnChips";
import { LiveTile } from "@/parts/LiveTile";
import { LinkButton } from "@/parts/links";
import { Volume } from "@/parts/SoundButton";
import { toggleSound } from "@/parts/sound";
import { Failure, Loading } from "@/parts/states";
import { ALL_DRAWN } from "@/player/boxlayer";
import type { Rung } from "@/player/engine";
import { type Choice, isChoice } from "@/player/rungs";
import type { TileStats } from "@/player/tile";
import { useDrawn } from "@/zones/useDrawn";
import { CameraFrame, useSteps } from "./CameraFrame";
import { PlayerMenu } from "./PlayerMenu";
import { StatsPanel } from "./StatsPanel";

const LossDialog = lazy(() =>
  import("@/parts/LossDialog").then((module) => ({ default: module.LossDialog })),
);

const TalkButton = lazy(() => import("@/talk/TalkButton").then((module) => ({ default: module.TalkButton })));

const PhonePage = lazy(() =>
  import("@/phone/app/PhonePage").then((module) => ({ default: module.PhonePage })),
);

const PtzPad = lazy(() => import("@/onvif/PtzPad").then((module) => ({ default: module.PtzPad })));

export function CameraPage() {
  const { cameraId } = useParams({ from: "/house/live/$cameraId" });
  const cameras = useQuery(camerasQuery);
  if (cameras.isPending) return <Loading rows={1} height={480} />;
  if (cameras.data === undefined)
    return <Failure error={cameras.error} retry={() => void cameras.refetch()} />;
  const camera = cameras.data.find((row) => row.id === cameraId);
  if (camera === undefined) return <NotFound />;
  return isPhone(camera) ? (
    <Suspense fallback={<Loading rows={1} height={480} />}>
      <PhonePage key={camera.id} camera={camera} all={cameras.data} />
    </Suspense>
  ) : (
    <OneCamera key={camera.id} camera={camera} all={cameras.data} />
  );
}

function OneCamera({ camera, all }: { camera: Camera; all: Camera[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { losses, at } = useSearch({ from: "/house/live/$cameraId" });
  const [opened] = useState(() => Date.now());
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const zones = useDrawn(camera.id);
  const [boxes, setBoxes] = useState(true);
  const [drawn, setDrawn] = useState(ALL_DRAWN);
  const [showZones, setShowZones] = useState(true);
  const [showStats, setShowStats] = useState(false);
  const [moving, setMoving] = useState(false);
  const onvif = useQuery({ ...onvifQuery(camera.id), enabled: admin }).data;
  const movable = onvif?.ptz === true;
  const [stats, setStats] = useState<TileStats | null>(null);
  const { ref: fullRef, toggle: toggleFull } = useFullscreenElement<HTMLDivElement>();
  const keep = useCallback((next: TileStats) => setStats(next), []);
  const [choice, setChoice] = useState<Choice>(storedChoice);
  const [rung, setRung] = useState<Rung | null>(null);
  const choose = (next: Choice): void => {
    writePreference("player", next);
    setChoice(next);
  };

  const showLosses = (hours: number | undefined): void =>
    void navigate({
      to: "/live/$cameraId",
      params: { cameraId: camera.id },
      search: hours === undefined ? {} : { losses: hours, at },
      replace: true,
    });
  const { step, leave } = useSteps(camera, all);
  useShortcuts({
    ...(movable && moving ? {} : { ArrowLeft: () => step(-1), ArrowRight: () => step(1) }),
    ...(movable ? { p: () => setMoving((on) => !on) } : {}),
    d: () => setShowStats((on) => !on),
    z: () => setShowZones((on) => !on),
    b: () => setBoxes((on) => !on),
    f: () => void toggleFull(),
    m: () => toggleSound(camera),
    Escape: leave,
  });

  const { width, height } = camera.status;
  const aspect = {
    "--hc-aspect": width !== null && height !== null && height > 0 ? `${width} / ${height}` : "16 / 9",
  };
  const saveStill = (): void => {
    const link = document.createElement("a");
    link.href = `/api/cameras/${camera.id}/latest.jpg`;
    link.download = `${camera.name}.jpg`;
    link.click();
  };

  const actions = (
    <LinkButton
      key="ai"
      to="/cameras/$cameraId/ai"
      params={{ cameraId: camera.id }}
      variant="default"
      className="hc-sign-when-narrow"
      leftSection={<IconChartDots size={16} />}
    >
      {t("ai.open")}
    </LinkButton>
  );
  const counts = zones.some((shape) => shape.line !== undefined) && (
    <LinkButton
      key="counts"
      to="/cameras/$cameraId/counts"
      params={{ cameraId: camera.id }}
      variant="default"
      leftSection={<IconWalk size={16} />}
    >
      {t("counts.open")}
    </LinkButton>
  );
  const beside = losses !== undefined && (
    <Suspense>
      <LossDialog
        camera={camera}
        hours={losses}
        endMs={at ?? opened}
        change={showLosses}
        close={() => showLosses(undefined)}
      />
    </Suspense>
  );

  return (
    <CameraFrame camera={camera} all={all} actions={[counts, actions]} beside={beside}>
      <div className="hc-stage" ref={fullRef} style={aspect as CSSProperties}>
        <LiveTile
          camera={camera}
          zones={showZones ? zones : NO_ZONES}
          boxes={boxes}
          drawn={drawn}
          showName={false}
          onStats={keep}
          choice={choice}
          onRung={setRung}
        />
        {showStats && stats !== null && <StatsPanel stats={stats} camera={camera} rung={rung} />}
      </div>
      <div className="hc-camera-bar">
        <Chip size="xs" checked={boxes} onChange={setBoxes}>
          {t("camera.boxes")}
        </Chip>
        {boxes && <DrawnChips drawn={drawn} change={setDrawn} />}
        <Chip size="xs" checked={showZones} onChange={setShowZones}>
          {t("camera.zones")}
        </Chip>
        <Chip size="xs" checked={showStats} onChange={setShowStats}>
          {t("camera.stats")}
        </Chip>
        {movable && (
          <Chip
            size="xs"
            checked={moving}
            onChange={setMoving}
            icon={<IconArrowsMove size={12} aria-hidden />}
          >
            {t("onvif.move")}
          </Chip>
        )}
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          leftSection={<IconReportAnalytics size={15} stroke={1.7} aria-hidden />}
          onClick={() => showLosses(1)}
        >
          {t("loss.open")}
        </Button>
        <span className="hc-grow" />
        <Volume camera={camera} />
        {stats?.latencyMs != null && camera.status.state === "live" && (
          <span className="hc-dim hc-num">
            {t("camera.latency", { ms: Math.max(0, Math.round(stats.latencyMs)) })}
          </span>
        )}
        <PlayerMenu choice={choice} rung={rung} choose={choose} />
        <Tooltip label={t("camera.still")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={saveStill}
            aria-label={t("camera.still")}
          >
            <IconPhoto size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={`${t("live.full")} (f)`}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={() => void toggleFull()}
            aria-label={t("live.full")}
          >
            <IconMaximize size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      </div>
      <Suspense>
        <TalkButton camera={camera} />
      </Suspense>
      {onvif !== undefined && <ClockNotice seconds={onvif.clock_difference_s} camera={camera.id} />}
      {movable && moving && (
        <Suspense>
          <PtzPad camera={camera.id} standing={onvif} />
        </Suspense>
      )}
    </CameraFrame>
  );
}

const NO_ZONES: never[] = [];

function storedChoice(): Choice {
  const stored = readPreference("player") ?? "";
  return isChoice(stored) ? stored : "auto";
}
