import { Button, Loader } from "@mantine/core";
import { IconPlayerSkipForward } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { causeName } from "@/parts/names";
import type { LaneFace } from "@/playback/lane";
import type { Player } from "@/playback/player";
import { LaneZones } from "./LaneZones";
import { usePlayedStills } from "./usePlayedStills";
import { useScrubStill } from "./useScrubStill";

interface LanePictureProps {
  camera: Camera;
  player: Player | null;
  face: LaneFace | null;
  /** The time under a dragged playhead; null when nothing is dragged. */
  scrub: number | null;
  /** The moment of the picture. */
  at: number | null;
  focus: boolean;
  alone: boolean;
  choose: () => void;
  enlarge: () => void;
  skipTo: (ms: number) => void;
  goLive: () => void;
  retry: () => void;
}

/** One camera's recorded picture, or why there is none. */
export function LanePicture(props: LanePictureProps) {
  const { camera, player, face, scrub, focus, alone } = props;
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const still = useScrubStill(camera.id, scrub);
  useEffect(() => {
    const element = video.current;
    if (element === null || player === null) return;
    player.attach(camera.id, element);
    let handle = 0;
    const presented = (_now: number, meta: VideoFrameCallbackMetadata): void => {
      player.presented(camera.id, meta.mediaTime * 1_000);
      element.dataset.wallMs = (meta.mediaTime * 1_000).toFixed(3);
      element.dataset.clockMs = player.clock.now().toFixed(3);
      handle = element.requestVideoFrameCallback(presented);
    };
    handle = element.requestVideoFrameCallback(presented);
    return () => {
      element.cancelVideoFrameCallback(handle);
      player.detach(camera.id);
      element.removeAttribute("src");
      element.load();
    };
  }, [player, camera.id]);
  const state = face?.state ?? "loading";
  const drawn = usePlayedStills(camera.id, camera.status.codec, player, state === "unsupported");
  return (
    <div
      className="hc-lane"
      data-camera={camera.id}
      data-state={state}
      data-focus={(focus && !alone) || undefined}
    >
      <video
        ref={video}
        muted
        playsInline
        disablePictureInPicture
        disableRemotePlayback
        aria-label={camera.name}
      />
      {drawn !== null && <img className="hc-lane-drawn" src={drawn} alt={camera.name} />}
      {still !== null && <img className="hc-scrub-still" src={still} alt="" />}
      {scrub === null && (drawn === null ? <Veil {...props} state={state} /> : <DrawnNote />)}
      <div className="hc-stage-tag">
        <strong>{camera.name}</strong>
      </div>
      {(alone || focus) && state === "shown" && props.at !== null && (
        <LaneZones camera={camera} at={props.at} />
      )}
      {!alone && (
        <button
          type="button"
          className="hc-wall-open"
          aria-label={t("playback.choose", { name: camera.name })}
          aria-pressed={focus}
          onClick={props.choose}
          onDoubleClick={props.enlarge}
        />
      )}
    </div>
  );
}

function DrawnNote() {
  const { t } = useTranslation();
  return <div className="hc-tile-note hc-lane-note">{t("playback.pictures")}</div>;
}

function Veil({ state, face, skipTo, goLive, retry }: LanePictureProps & { state: string }) {
  const { t } = useTranslation();
  const clock = useClock();
  if (state === "shown") return null;
  if (state === "loading" || state === "edge") {
    return (
      <div className="hc-stage-wait" role="status">
        <Loader size="sm" color="gray" aria-hidden />
        <span>{state === "edge" ? t("playback.soon") : t("playback.loading")}</span>
      </div>
    );
  }
  if (state === "failed" || state === "unsupported") {
    return (
      <div className="hc-veil" data-kind="failed" role="alert">
        <strong>{state === "failed" ? t("playback.failed") : t("playback.unsupported")}</strong>
        {state === "failed" && (
          <Button size="sm" variant="default" onClick={retry}>
            {t("app.tryAgain")}
          </Button>
        )}
      </div>
    );
  }
  const { gap = null, next_ms: next = null } = face?.hole ?? {};
  return (
    <div className="hc-veil" data-kind="gap">
      <strong>
        {gap !== null
          ? t("timeline.noRecording", {
              from: clock.timeMinutes(gap.start_ms),
              to: clock.timeMinutes(gap.end_ms),
              cause: causeName(gap.cause),
            })
          : t("timeline.nothing")}
      </strong>
      {next !== null ? (
        <Button
          size="sm"
          variant="default"
          leftSection={<IconPlayerSkipForward size={16} aria-hidden />}
          onClick={() => skipTo(next)}
        >
          {t("playback.skipGap", { time: clock.time(next) })}
        </Button>
      ) : (
        face?.hole != null && (
          <Button size="sm" variant="default" onClick={goLive}>
            {t("playback.toLive")}
          </Button>
        )
      )}
    </div>
  );
}
