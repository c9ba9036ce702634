import { ActionIcon, Chip, Slider, Tooltip } from "@mantine/core";
import {
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconPlayerTrackNextFilled,
  IconPlayerTrackPrevFilled,
  IconVolume,
  IconVolumeOff,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { zonesQuery } from "@/api/queries";
import type { EventDetail, Zone } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { useClock } from "@/app/site";
import { DrawnChips } from "@/parts/DrawnChips";
import { labelName } from "@/parts/names";
import { soundQuery } from "@/parts/recordedSound";
import { ALL_DRAWN, BoxLayer } from "@/player/boxlayer";
import { clipBoxes } from "@/player/overlay";

const FRAME_S = 1 / 15;
const NO_ZONES: readonly Zone[] = [];

/** The event's clip. Boxes are drawn for the frame that is on screen, by its presentation time, not by a guess. */
export function ClipPlayer({ event }: { event: EventDetail }) {
  const { t } = useTranslation();
  const clock = useClock();
  const video = useRef<HTMLVideoElement>(null);
  const overlay = useRef<SVGSVGElement>(null);
  const [playing, setPlaying] = useState(false);
  const [boxes, setBoxes] = useState(true);
  const [showZones, setShowZones] = useState(true);
  // Where they lay then: the camera may have been moved since.
  const zones = useQuery(zonesQuery(event.camera, event.start_ms)).data ?? NO_ZONES;
  const [drawn, setDrawn] = useState(ALL_DRAWN);
  const [at, setAt] = useState(0);
  const [length, setLength] = useState(0);
  const [failed, setFailed] = useState(false);
  const [heard, setHeard] = useState(false);
  const { start_ms, end_ms } = event.clip ?? { start_ms: event.start_ms, end_ms: event.start_ms + 1 };
  const sound = useQuery(soundQuery(event.camera, start_ms, end_ms));
  const some = (sound.data?.spans.length ?? 0) > 0;
  const detections = useMemo(
    () =>
      event.detections.map((row) => ({
        ...row,
        boxes: row.boxes.map((box) => ({ ...box, label: labelName(box.label) })),
      })),
    [event.detections],
  );

  useEffect(() => {
    const element = video.current;
    if (element === null || overlay.current === null) return;
    const layer = new BoxLayer(overlay.current);
    layer.draw(drawn);
    layer.showZones(showZones ? zones : NO_ZONES);
    let handle = 0;
    const presented = (_now: number, meta: VideoFrameCallbackMetadata): void => {
      handle = element.requestVideoFrameCallback(presented);
      setAt(meta.mediaTime);
      layer.size(meta.width, meta.height);
      layer.show(boxes ? clipBoxes(detections, meta.mediaTime) : null);
    };
    handle = element.requestVideoFrameCallback(presented);
    // While paused no frame is presented: draw once for the one that stands.
    layer.size(element.videoWidth, element.videoHeight);
    layer.show(boxes && element.readyState >= 2 ? clipBoxes(detections, element.currentTime) : null);
    return () => element.cancelVideoFrameCallback(handle);
  }, [detections, boxes, drawn, zones, showZones]);

  const toggle = (): void => {
    const element = video.current;
    if (element === null) return;
    if (element.paused) void element.play().catch(() => setPlaying(false));
    else element.pause();
  };
  const seek = (seconds: number): void => {
    if (video.current !== null) video.current.currentTime = Math.max(0, Math.min(seconds, length - 0.001));
  };
  useShortcuts({
    " ": toggle,
    ",": () => seek(at - FRAME_S),
    ".": () => seek(at + FRAME_S + 0.001),
    ArrowLeft: () => seek(at - 2),
    ArrowRight: () => seek(at + 2),
    b: () => setBoxes((on) => !on),
    s: () => some && setHeard((on) => !on),
  });

  if (!event.has_clip || failed) {
    return (
      <div className="hc-clip">
        <div className="hc-stage">
          <img src={`/api/events/${event.id}/snapshot.jpg?width=1280`} alt={t("events.snapshot")} />
          <div className="hc-tile-note">{failed ? t("events.clipFailed") : t("events.clipSoon")}</div>
        </div>
      </div>
    );
  }
  const wall = (event.clip?.start_ms ?? event.start_ms) + at * 1_000;
  return (
    <div className="hc-clip" data-playing={playing}>
      <div className="hc-stage">
        <video
          ref={video}
          src={`/api/events/${event.id}/clip.mp4`}
          poster={`/api/events/${event.id}/snapshot.jpg?width=1280`}
          muted={!heard}
          autoPlay
          playsInline
          preload="auto"
          aria-label={t("events.clipOf", { label: labelName(event.label), camera: event.camera_name })}
          onClick={toggle}
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onError={() => setFailed(true)}
          onDurationChange={(change) =>
            setLength(Number.isFinite(change.currentTarget.duration) ? change.currentTarget.duration : 0)
          }
        />
        <svg ref={overlay} className="hc-overlay" aria-hidden="true" />
      </div>
      <div className="hc-clip-bar">
        <Tooltip label={`${t("playback.frameBack")} (,)`}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={() => seek(at - FRAME_S)}
            aria-label={t("playback.frameBack")}
          >
            <IconPlayerTrackPrevFilled size={16} />
          </ActionIcon>
        </Tooltip>
        <ActionIcon
          variant="filled"
          size="lg"
          radius="50%"
          onClick={toggle}
          aria-label={playing ? t("playback.pause") : t("playback.play")}
        >
          {playing ? <IconPlayerPauseFilled size={18} /> : <IconPlayerPlayFilled size={18} />}
        </ActionIcon>
        <Tooltip label={`${t("playback.frameOn")} (.)`}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={() => seek(at + FRAME_S + 0.001)}
            aria-label={t("playback.frameOn")}
          >
            <IconPlayerTrackNextFilled size={16} />
          </ActionIcon>
        </Tooltip>
        {some && (
          <Tooltip label={`${heard ? t("playback.soundOff") : t("playback.soundOn")} (s)`}>
            <ActionIcon
              variant={heard ? "light" : "subtle"}
              color={heard ? undefined : "gray"}
              size="lg"
              onClick={() => setHeard((on) => !on)}
              aria-label={heard ? t("playback.soundOff") : t("playback.soundOn")}
              aria-pressed={heard}
            >
              {heard ? <IconVolume size={18} stroke={1.6} /> : <IconVolumeOff size={18} stroke={1.6} />}
            </ActionIcon>
          </Tooltip>
        )}
        <Slider
          className="hc-grow"
          size="sm"
          label={null}
          min={0}
          max={Math.max(0.1, length)}
          step={0.01}
          value={Math.min(at, length)}
          onChange={seek}
          thumbLabel={t("events.position")}
        />
        <span className="hc-num hc-dim">{clock.timeMillis(wall)}</span>
        <Chip size="xs" checked={boxes} onChange={setBoxes}>
          {t("camera.boxes")}
        </Chip>
        {boxes && <DrawnChips drawn={drawn} change={setDrawn} />}
        {zones.length > 0 && (
          <Chip size="xs" checked={showZones} onChange={setShowZones}>
            {t("camera.zones")}
          </Chip>
        )}
      </div>
    </div>
  );
}
