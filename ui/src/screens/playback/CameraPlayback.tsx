import { NativeSelect } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { timelineQuery } from "@/api/queries";
import type { Camera, Timeline as TimelineData } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { useClock, useNow } from "@/app/site";
import { Page } from "@/parts/Page";
import { neighbourEvent } from "@/timeline/lookup";
import { Timeline } from "@/timeline/Timeline";
import { clampToNow, pan, reveal, spanOf, type View, viewAround, zoom } from "@/timeline/view";
import { DayPicker } from "./DayPicker";
import { ExportDialog } from "./ExportDialog";
import { PlaybackEvents } from "./PlaybackEvents";
import { Stage } from "./Stage";
import { Transport } from "./Transport";
import { useEngine } from "./useEngine";

const EMPTY: TimelineData = { spans: [], gaps: [], events: [] };
const DEFAULT_SPAN_MS = 3_600_000;

/** Asks for a window on a coarse grid around the view, so that panning does not ask anew with each pixel. */
function queryWindow(view: View): View {
  const grid = 2 ** Math.ceil(Math.log2(spanOf(view)));
  return {
    start_ms: Math.floor(view.start_ms / grid) * grid - grid / 2,
    end_ms: Math.ceil(view.end_ms / grid) * grid + grid / 2,
  };
}

export function CameraPlayback({ camera, all }: { camera: Camera; all: Camera[] }) {
  const { t } = useTranslation();
  const clock = useClock();
  const now = useNow();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/playback" });
  const live = search.t === undefined;
  const [view, setView] = useState<View>(() => {
    const span = search.span ?? DEFAULT_SPAN_MS;
    return search.t === undefined
      ? { start_ms: Date.now() - span * 0.9, end_ms: Date.now() + span * 0.1 }
      : viewAround(search.t, span);
  });
  const [scrub, setScrub] = useState<number | null>(null);
  const [marks, setMarks] = useState<{ from: number | null; to: number | null }>({ from: null, to: null });
  const [exporting, setExporting] = useState(false);
  const video = useRef<HTMLVideoElement>(null);
  const engine = useEngine(video, camera.id, search.t);
  const playhead = scrub ?? (live ? now : (engine.time ?? search.t ?? now));

  const win = queryWindow(view);
  const { data = EMPTY } = useQuery({
    ...timelineQuery(camera.id, win.start_ms, win.end_ms),
    placeholderData: keepPreviousData,
    refetchInterval: 5_000,
  });

  const remember = useCallback(
    (next: { t?: number | undefined; span?: number }) =>
      void navigate({
        to: "/playback",
        search: (old) => ({ ...old, camera: camera.id, ...next }),
        replace: true,
      }),
    [navigate, camera.id],
  );
  const span = spanOf(view);
  // The address follows with a delay: browsers refuse more than a hundred changes in half a minute.
  useEffect(() => {
    const timer = setTimeout(() => remember({ span: Math.round(span) }), 400);
    return () => clearTimeout(timer);
  }, [span, remember]);

  const seek = useCallback(
    (ms: number, scrubbing = false): void => {
      const at = Math.round(Math.min(ms, Date.now()));
      if (scrubbing) {
        setScrub(at);
        return;
      }
      setScrub(null);
      engine.seek(at);
      remember({ t: at });
      setView((old) => reveal(old, at));
    },
    [engine.seek, remember],
  );
  const goLive = (): void => {
    setScrub(null);
    remember({ t: undefined });
    setView({ start_ms: Date.now() - span * 0.9, end_ms: Date.now() + span * 0.1 });
  };
  const change = useCallback((next: View) => setView(clampToNow(next, Date.now())), []);

  // The view follows the playhead while it plays, and the clock while live.
  useEffect(() => {
    if (scrub !== null) return;
    setView((old) => {
      const near = playhead > old.end_ms && playhead < old.end_ms + spanOf(old) * 0.1;
      return near ? pan(old, spanOf(old) * (live ? 0.05 : 0.8)) : old;
    });
  }, [playhead, live, scrub]);

  const jump = (direction: 1 | -1): void => {
    const next = neighbourEvent(data.events, playhead, direction);
    if (next !== null) seek(next.start_ms);
  };
  const zoomBy = (factor: number): void =>
    change(
      zoom(
        view,
        factor,
        playhead >= view.start_ms && playhead <= view.end_ms ? playhead : (view.start_ms + view.end_ms) / 2,
      ),
    );
  const mark = (which: "from" | "to"): void =>
    setMarks((old) => {
      const next = { ...old, [which]: Math.round(playhead) };
      return next.from !== null && next.to !== null && next.to <= next.from
        ? { from: null, to: null, [which]: Math.round(playhead) }
        : next;
    });
  const openExport = (): void => {
    if (marks.from === null || marks.to === null)
      setMarks({
        from: Math.round(playhead) - 15_000,
        to: Math.min(Math.round(playhead) + 15_000, Date.now()),
      });
    setExporting(true);
  };

  useShortcuts({
    " ": () => (live ? seek(Date.now() - 5_000) : engine.toggle()),
    j: () => engine.faster(-1),
    k: engine.pause,
    l: () => engine.faster(1),
    ",": () => engine.step(-1),
    ".": () => engine.step(1),
    ArrowLeft: () => seek(playhead - 10_000),
    ArrowRight: () => (live ? undefined : seek(playhead + 10_000)),
    "shift+ArrowLeft": () => jump(-1),
    "shift+ArrowRight": () => jump(1),
    Home: () => data.spans[0] && seek(data.spans[0].start_ms),
    End: goLive,
    "+": () => zoomBy(0.5),
    "=": () => zoomBy(0.5),
    "-": () => zoomBy(2),
    i: () => mark("from"),
    o: () => mark("to"),
    e: openExport,
  });

  return (
    <Page
      title={t("nav.playback")}
      fill
      detail={<span className="hc-num">{clock.badge(playhead)}</span>}
      actions={
        <>
          <NativeSelect
            size="sm"
            aria-label={t("events.camera")}
            value={camera.id}
            onChange={(event) =>
              void navigate({ to: "/playback", search: { ...search, camera: event.currentTarget.value } })
            }
            data={all.map((row) => ({ value: row.id, label: row.name }))}
          />
          <DayPicker camera={camera.id} at={playhead} choose={(ms) => seek(ms)} />
        </>
      }
    >
      <div className="hc-playback">
        <div className="hc-playback-top">
          <Stage
            camera={camera}
            video={video}
            live={live}
            state={engine.state}
            data={data}
            at={playhead}
            scrubbing={scrub !== null}
            seek={seek}
            goLive={goLive}
          />
          <PlaybackEvents events={data.events} view={view} at={playhead} seek={(ms) => seek(ms)} />
        </div>
        <Transport
          live={live}
          playing={!live && engine.state === "playing"}
          rate={engine.rate}
          at={playhead}
          marks={marks}
          toggle={() => (live ? seek(Date.now() - 5_000) : engine.toggle())}
          step={engine.step}
          jump={jump}
          skip={(ms) => seek(playhead + ms)}
          setRate={engine.setRate}
          goLive={goLive}
          zoomBy={zoomBy}
          mark={mark}
          clearMarks={() => setMarks({ from: null, to: null })}
          openExport={openExport}
        />
        <Timeline
          camera={camera}
          view={view}
          data={data}
          playhead={playhead}
          now={now}
          markIn={marks.from}
          markOut={marks.to}
          onView={change}
          onSeek={seek}
        />
      </div>
      {exporting && marks.from !== null && marks.to !== null && (
        <ExportDialog
          camera={camera}
          from={marks.from}
          to={marks.to}
          change={(from, to) => setMarks({ from, to })}
          close={() => setExporting(false)}
        />
      )}
    </Page>
  );
}
