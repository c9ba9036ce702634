import { Button, Loader } from "@mantine/core";
import { IconPlayerSkipForward } from "@tabler/icons-react";
import { type RefObject, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Camera, Timeline } from "@/api/types";
import { useClock } from "@/app/site";
import { LiveTile } from "@/parts/LiveTile";
import { causeName } from "@/parts/names";
import { momentAt, nextRecorded } from "@/timeline/lookup";
import type { EngineState } from "./engine";

interface StageProps {
  camera: Camera;
  video: RefObject<HTMLVideoElement | null>;
  live: boolean;
  state: EngineState;
  data: Timeline;
  at: number;
  scrubbing: boolean;
  seek: (ms: number) => void;
  goLive: () => void;
}

export function Stage({ camera, video, live, state, data, at, scrubbing, seek, goLive }: StageProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const still = useScrubStill(camera.id, scrubbing ? at : null);
  const moment = momentAt(data, at);
  const next = nextRecorded(data, at);
  const missing = !live && (state === "gap" || state === "nothing");
  return (
    <div className="hc-stage hc-playback-stage" data-state={live ? "live" : state}>
      {live && <LiveTile camera={camera} showName={false} />}
      <video ref={video} hidden={live} muted playsInline aria-label={camera.name} />
      {still !== null && <img className="hc-scrub-still" src={still} alt="" />}
      {!live && state === "loading" && (
        <div className="hc-stage-wait">
          <Loader size="sm" color="gray" />
        </div>
      )}
      {missing && !scrubbing && (
        <div className="hc-veil" data-kind="gap">
          <strong>
            {moment.kind === "gap"
              ? t("timeline.noRecording", {
                  from: clock.timeMinutes(moment.gap.start_ms),
                  to: clock.timeMinutes(moment.gap.end_ms),
                  cause: causeName(moment.gap.cause),
                })
              : t("timeline.nothing")}
          </strong>
          {next !== null && next > at ? (
            <Button
              size="sm"
              variant="default"
              leftSection={<IconPlayerSkipForward size={16} />}
              onClick={() => seek(next)}
            >
              {t("playback.skipGap", { time: clock.time(next) })}
            </Button>
          ) : (
            <Button size="sm" variant="default" onClick={goLive}>
              {t("playback.toLive")}
            </Button>
          )}
        </div>
      )}
      {!live && state === "failed" && (
        <div className="hc-veil" data-kind="failed" role="alert">
          <strong>{t("playback.failed")}</strong>
          <Button size="sm" variant="default" onClick={() => seek(at)}>
            {t("app.tryAgain")}
          </Button>
        </div>
      )}
      <div className="hc-stage-tag">
        <strong>{camera.name}</strong>
        <span className="hc-num">
          {clock.date(at)} {clock.time(at)}
        </span>
      </div>
    </div>
  );
}

/** While the playhead is dragged: a still of that moment, at most ten a second. */
function useScrubStill(camera: string, at: number | null): string | null {
  const [shown, setShown] = useState<string | null>(null);
  const rounded = at === null ? null : Math.round(at / 500) * 500;
  useEffect(() => {
    if (rounded === null) {
      setShown(null);
      return;
    }
    let gone = false;
    const timer = setTimeout(() => {
      const image = new Image();
      image.onload = () => !gone && setShown(image.src);
      image.src = `/api/cameras/${camera}/still.jpg?at_ms=${rounded}&width=960`;
    }, 100);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [camera, rounded]);
  return at === null ? null : shown;
}
