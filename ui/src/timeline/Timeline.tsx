import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Camera, Timeline as TimelineData } from "@/api/types";
import { useClock } from "@/app/site";
import { causeName, labelName } from "@/parts/names";
import { clockDuration } from "@/time/duration";
import { draw, type Palette, readPalette } from "./draw";
import { Gestures } from "./gestures";
import { eventAt, momentAt } from "./lookup";
import { msAt, spanOf, type View } from "./view";

interface TimelineProps {
  camera: Camera;
  view: View;
  data: TimelineData;
  playhead: number;
  now: number;
  markIn: number | null;
  markOut: number | null;
  onView: (view: View) => void;
  onSeek: (ms: number, scrubbing: boolean) => void;
}

const HEIGHT = 104;

export function Timeline(props: TimelineProps) {
  const { camera, view, data, playhead, now } = props;
  const { t } = useTranslation();
  const clock = useClock();
  const scheme = useComputedColorScheme("dark");
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { ref: sizeRef, width } = useElementSize<HTMLDivElement>();
  const ref = useMergedRef(box, sizeRef);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<{ ms: number; x: number } | null>(null);
  const [palette, setPalette] = useState<Palette | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read again when the scheme changes.
  useEffect(() => {
    const frame = requestAnimationFrame(() => box.current && setPalette(readPalette(box.current)));
    return () => cancelAnimationFrame(frame);
  }, [scheme]);

  useEffect(() => {
    if (box.current === null) return;
    const gestures = new Gestures(box.current, {
      view: () => latest.current.view,
      playhead: () => latest.current.playhead,
      setView: (next) => {
        latest.current = { ...latest.current, view: next };
        latest.current.onView(next);
      },
      seek: (ms, scrubbing) => latest.current.onSeek(ms, scrubbing),
      hover: (ms, x) => setHover(ms === null ? null : { ms, x }),
    });
    return () => gestures.close();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    if (element === null || palette === null || width === 0) return;
    const frame = requestAnimationFrame(() => {
      const ratio = devicePixelRatio;
      if (element.width !== Math.round(width * ratio)) element.width = Math.round(width * ratio);
      if (element.height !== Math.round(HEIGHT * ratio)) element.height = Math.round(HEIGHT * ratio);
      const context = element.getContext("2d");
      if (context === null) return;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const scene = {
        view,
        timeline: data,
        playhead_ms: playhead,
        now_ms: now,
        hover_ms: hover?.ms ?? null,
        mark_in: props.markIn,
        mark_out: props.markOut,
        clock,
      };
      draw(context, scene, width, HEIGHT, palette);
    });
    return () => cancelAnimationFrame(frame);
  }, [view, data, playhead, now, hover, props.markIn, props.markOut, clock, width, palette]);

  const moment = momentAt(data, playhead);
  const words =
    moment.kind === "gap"
      ? t("timeline.gap", { cause: causeName(moment.gap.cause) })
      : t(`timeline.${moment.kind}`);
  return (
    <div
      ref={ref}
      className="hc-timeline"
      role="slider"
      tabIndex={0}
      aria-label={t("timeline.label")}
      aria-valuemin={Math.round(view.start_ms / 1_000)}
      aria-valuemax={Math.round(view.end_ms / 1_000)}
      aria-valuenow={Math.round(Math.min(Math.max(playhead, view.start_ms), view.end_ms) / 1_000)}
      aria-valuetext={`${clock.date(playhead)} ${clock.time(playhead)}, ${camera.name}, ${words}`}
      data-playhead={Math.round(playhead)}
      data-span={Math.round(spanOf(view))}
    >
      <canvas ref={canvas} aria-hidden="true" style={{ width: "100%", height: HEIGHT }} />
      {hover !== null && hover.ms <= now && (
        <Hover hover={hover} width={width} camera={camera} data={data} view={view} />
      )}
    </div>
  );
}

interface HoverProps {
  hover: { ms: number; x: number };
  width: number;
  camera: Camera;
  data: TimelineData;
  view: View;
}

const CARD_PX = 184;

/** What is at the pointer: the picture of that moment, an event's name, or the cause of a gap. */
function Hover({ hover, width, camera, data, view }: HoverProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const [at, setAt] = useState<number | null>(null);
  const slack = msAt(view, 4, width) - view.start_ms;
  const rounded = Math.round(hover.ms / 1_000) * 1_000;
  useEffect(() => {
    const timer = setTimeout(() => setAt(rounded), 90);
    return () => clearTimeout(timer);
  }, [rounded]);
  const moment = momentAt(data, hover.ms);
  const event = eventAt(data.events, hover.ms, slack);
  return (
    <div
      className="hc-hover"
      style={{ left: Math.min(Math.max(hover.x - CARD_PX / 2, 4), Math.max(4, width - CARD_PX - 4)) }}
    >
      {moment.kind === "recording" && at !== null && (
        <img
          src={`/api/cameras/${camera.id}/still.jpg?at_ms=${at}&width=320`}
          alt=""
          onError={(failure) => {
            failure.currentTarget.hidden = true;
          }}
          onLoad={(done) => {
            done.currentTarget.hidden = false;
          }}
        />
      )}
      <strong className="hc-num">{clock.time(hover.ms)}</strong>
      {event !== null && (
        <span>
          {labelName(event.label)} · {Math.round(event.score * 100)} %
        </span>
      )}
      {moment.kind === "gap" && (
        <span>
          {t("timeline.noRecording", {
            from: clock.timeMinutes(moment.gap.start_ms),
            to: clock.timeMinutes(moment.gap.end_ms),
            cause: causeName(moment.gap.cause),
          })}{" "}
          ({clockDuration(moment.gap.end_ms - moment.gap.start_ms)})
        </span>
      )}
      {moment.kind === "nothing" && <span>{t("timeline.nothing")}</span>}
    </div>
  );
}
