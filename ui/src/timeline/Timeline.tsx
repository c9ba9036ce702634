import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { askSheet, dropSheet } from "./askSheet";
import { draw, type Palette, readPalette, type Scene } from "./draw";
import { Gestures } from "./gestures";
import { HoverCard } from "./HoverCard";
import { laneAt, laneBoxes } from "./lanes";
import { Sheets } from "./sheets";
import type { TimelineTiles } from "./tiles";
import { spanOf, type View, xOf } from "./view";

interface TimelineProps {
  cameras: Camera[];
  /** Id of the camera that keys and cards are about. */
  focus: string;
  tiles: TimelineTiles;
  view: View;
  playhead: number;
  now: number;
  markIn: number | null;
  markOut: number | null;
  bookmarks: { camera: string; start_ms: number; end_ms: number }[];
  /** What is at the playhead, in words. */
  words: string;
  onView: (view: View) => void;
  onSeek: (ms: number, scrubbing: boolean) => void;
  onPick: (camera: string) => void;
  onWidth: (width: number) => void;
}

interface Pointer {
  ms: number;
  x: number;
  lane: number;
}

export function Timeline(props: TimelineProps) {
  const { cameras, focus, tiles, view, playhead, now, bookmarks, onWidth } = props;
  const { t } = useTranslation();
  const clock = useClock();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { ref: sizeRef, width } = useElementSize<HTMLDivElement>();
  const ref = useMergedRef(box, sizeRef);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<Pointer | null>(null);
  const [keyed, setKeyed] = useState(false);
  const palette = usePalette(box);
  const version = useSyncExternalStore(tiles.subscribe, tiles.snapshot);
  const [sheets] = useState(() => new Sheets(askSheet, dropSheet));
  useSyncExternalStore(sheets.subscribe, sheets.snapshot);
  useEffect(() => () => sheets.close(), [sheets]);
  const { lanes, height } = laneBoxes(cameras.length);
  useEffect(() => onWidth(width), [width, onWidth]);

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
      hover: (ms, x, y) =>
        setHover(ms === null ? null : { ms, x, lane: laneAt(y, latest.current.cameras.length) }),
      pick: (y) => {
        const row = latest.current.cameras[laneAt(y, latest.current.cameras.length)];
        if (row !== undefined) latest.current.onPick(row.id);
      },
    });
    return () => gestures.close();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` says that tiles have come.
  useEffect(() => {
    const element = canvas.current;
    if (element === null || palette === null || width === 0) return;
    const frame = requestAnimationFrame(() => {
      const ratio = devicePixelRatio;
      if (element.width !== Math.round(width * ratio)) element.width = Math.round(width * ratio);
      if (element.height !== Math.round(height * ratio)) element.height = Math.round(height * ratio);
      const context = element.getContext("2d");
      if (context === null) return;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const scene: Scene = {
        view,
        lanes: cameras.map((camera, index) => ({
          placed: tiles.placed(camera.id, view, width),
          box: lanes[index]!,
          isFocus: camera.id === focus,
        })),
        playhead_ms: playhead,
        now_ms: now,
        hover_ms: hover?.ms ?? null,
        mark_in: props.markIn,
        mark_out: props.markOut,
        bookmarks: bookmarks.map((row) => ({
          ...row,
          lane: cameras.findIndex((one) => one.id === row.camera),
        })),
        clock,
      };
      draw({ context, width, height, colours: palette }, scene);
    });
    return () => cancelAnimationFrame(frame);
  }, [
    view,
    version,
    cameras,
    focus,
    playhead,
    now,
    hover,
    props.markIn,
    props.markOut,
    bookmarks,
    clock,
    width,
    palette,
  ]);

  const focused = Math.max(
    0,
    cameras.findIndex((camera) => camera.id === focus),
  );
  const atHead = xOf(view, playhead, width);
  const shown: Pointer | null =
    hover ?? (keyed && atHead >= 0 && atHead <= width ? { ms: playhead, x: atHead, lane: focused } : null);
  const pointed = cameras[shown?.lane ?? focused];
  // The small pictures of all that is in view, from when the pointer comes in.
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when tiles have come and as time goes on.
  useEffect(() => {
    if (hover === null || pointed === undefined) return;
    sheets.want(pointed.id, view, width, hover.ms, tiles.placed(pointed.id, view, width));
  }, [sheets, tiles, pointed?.id, hover, view, width, version, now]);
  return (
    <div
      ref={ref}
      className="hc-timeline"
      role="slider"
      tabIndex={0}
      aria-label={t("timeline.label")}
      aria-orientation="horizontal"
      aria-valuemin={Math.round(view.start_ms / 1_000)}
      aria-valuemax={Math.round(view.end_ms / 1_000)}
      aria-valuenow={Math.round(Math.min(Math.max(playhead, view.start_ms), view.end_ms) / 1_000)}
      aria-valuetext={props.words}
      data-playhead={Math.round(playhead)}
      data-span={Math.round(spanOf(view))}
      onFocus={(event) => setKeyed(event.currentTarget.matches(":focus-visible"))}
      onBlur={() => setKeyed(false)}
    >
      <canvas ref={canvas} aria-hidden="true" style={{ width: "100%", height }} />
      {cameras.length > 1 && (
        <div className="hc-lane-names" aria-hidden="true">
          {cameras.map((camera, index) => (
            <span
              key={camera.id}
              data-focus={camera.id === focus || undefined}
              style={{ top: (lanes[index]?.top ?? 0) + Math.max(0, ((lanes[index]?.height ?? 16) - 16) / 2) }}
            >
              {camera.name}
            </span>
          ))}
        </div>
      )}
      {shown !== null && pointed !== undefined && shown.ms <= now && (
        <HoverCard
          ms={shown.ms}
          x={shown.x}
          width={width}
          camera={pointed}
          named={cameras.length > 1}
          placed={tiles.placed(pointed.id, view, width)}
          view={view}
          cell={sheets.cell(pointed.id, view, width, shown.ms)}
        />
      )}
    </div>
  );
}

function usePalette(box: React.RefObject<HTMLDivElement | null>): Palette | null {
  const scheme = useComputedColorScheme("dark");
  const [palette, setPalette] = useState<Palette | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read again when the scheme changes.
  useEffect(() => {
    const frame = requestAnimationFrame(() => box.current && setPalette(readPalette(box.current)));
    return () => cancelAnimationFrame(frame);
  }, [scheme, box]);
  return palette;
}
