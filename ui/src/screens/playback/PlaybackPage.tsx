import { ActionIcon, Tooltip } from "@mantine/core";
import { IconLayoutBoardSplit, IconLayoutGrid } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { type Bookmark, bookmarksQuery } from "@/api/keeping";
import type { Camera } from "@/api/types";
import { type PlaybackSearch, playbackSearch } from "@/app/search";
import { useClock, useNow } from "@/app/site";
import { LossLink } from "@/parts/LossLink";
import { Page } from "@/parts/Page";
import { firstRecorded } from "@/timeline/lookup";
import { Timeline } from "@/timeline/Timeline";
import { spanOf } from "@/timeline/view";
import { CameraPicker } from "./CameraPicker";
import { type DialogName, Dialogs, rangeOf } from "./Dialogs";
import { JumpTo } from "./JumpTo";
import { Moments, momentsIn } from "./Moments";
import { Pictures } from "./Pictures";
import { Transport } from "./Transport";
import { useHearing } from "./useHearing";
import { useJump } from "./useJump";
import { type PlaybackActions, useKeys, useStable } from "./useKeys";
import { usePlayer } from "./usePlayer";
import { followed, useTimeline } from "./useTimeline";
import { useWords } from "./useWords";

const PLACE = "/playback";
const NONE: Bookmark[] = [];
const BACK_FROM_LIVE_MS = 6_000;
const DAY_MS = 86_400_000;
const ADDRESS_MS = 300;

interface PlaybackPageProps {
  cameras: Camera[];
  focus: Camera;
  all: Camera[];
}

export function PlaybackPage({ cameras, focus, all }: PlaybackPageProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const now = useNow();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/playback" });
  const ids = useMemo(() => cameras.map((camera) => camera.id), [cameras]);
  const live = search.t === undefined;
  const line = useTimeline(ids, search.t, search.span);
  const { tiles, view, width, change, reveal, toNow } = line;
  const version = useSyncExternalStore(tiles.subscribe, tiles.snapshot);
  const [scrub, setScrub] = useState<number | null>(null);
  const [dialog, setDialog] = useState<DialogName | null>(null);

  const router = useRouter();
  const remember = useCallback(
    (next: PlaybackSearch): void => {
      // While the next page loads, this one is still there: what it remembers late must not call anybody back.
      if (router.latestLocation.pathname !== PLACE) return;
      void navigate({
        to: PLACE,
        search: (old) => ({ ...playbackSearch(old), ...next }),
        replace: true,
      });
    },
    [navigate, router],
  );
  const goLive = useCallback(() => {
    setScrub(null);
    remember({ t: undefined, speed: undefined });
    toNow();
  }, [remember, toNow]);
  const {
    player,
    view: shown,
    seek: seekPlayer,
    playFrom,
    settle,
  } = usePlayer(search.t, search.speed ?? 1, goLive);
  const playing = shown?.playing ?? false;
  const speed = shown?.speed ?? search.speed ?? 1;
  const playhead = scrub ?? (live ? now : (shown?.time_ms ?? search.t ?? now));
  const hearing = useHearing(player, focus, view);
  const marks = { from: search.from ?? null, to: search.to ?? null };

  // The address follows with a delay: browsers refuse more than a hundred changes in half a minute.
  const span = Math.round(spanOf(view));
  useEffect(() => {
    const timer = setTimeout(() => remember({ span }), ADDRESS_MS);
    return () => clearTimeout(timer);
  }, [span, remember]);
  const stood = !live && !playing && shown !== null ? Math.round(shown.time_ms) : null;
  useEffect(() => {
    if (stood === null) return;
    const timer = setTimeout(() => {
      settle(stood);
      remember({ t: stood, speed: speed === 1 ? undefined : speed });
    }, ADDRESS_MS);
    return () => clearTimeout(timer);
  }, [stood, speed, remember, settle]);

  const seek = useCallback(
    (ms: number, scrubbing = false): void => {
      const at = Math.round(Math.min(ms, Date.now()));
      setScrub(scrubbing ? at : null);
      if (scrubbing) return;
      seekPlayer(at);
      remember({ t: at });
      reveal(at);
    },
    [seekPlayer, remember, reveal],
  );
  const jump = useJump(ids, line, seek);
  useEffect(() => {
    if (scrub === null) change(followed(view, playhead, live));
  }, [view, playhead, live, scrub, change]);

  const chooseFocus = useCallback((camera: string) => remember({ camera }), [remember]);
  const seekOn = useCallback(
    (ms: number, camera: string): void => {
      seek(ms);
      chooseFocus(camera);
    },
    [seek, chooseFocus],
  );
  const enlarge = (camera: string): void => remember({ camera, large: search.large ? undefined : true });
  const mark = (which: "from" | "to"): void => {
    const at = Math.round(playhead);
    const next = { ...marks, [which]: at };
    const turned = next.from !== null && next.to !== null && next.to <= next.from;
    remember(turned ? { from: undefined, to: undefined, [which]: at } : { [which]: at });
  };
  const toggle = (): void => {
    if (player !== null) {
      player.toggle();
      return;
    }
    const at = Date.now() - BACK_FROM_LIVE_MS;
    playFrom(at);
    remember({ t: Math.round(at) });
  };
  const actions: PlaybackActions = {
    live,
    toggle,
    pause: () => player?.pause(),
    faster: (direction) => player?.faster(direction),
    step: (frames) => void player?.step(focus.id, frames),
    skip: (ms) => seek(playhead + ms),
    jump: (direction) => void jump(playhead, direction),
    first: () => {
      const at = firstRecorded(tiles.placed(focus.id, view, width), view.start_ms);
      if (at !== null) seek(at);
    },
    goLive,
    zoomBy: (factor) => line.zoomBy(factor, playhead),
    mark,
    clearMarks: () => remember({ from: undefined, to: undefined }),
    setSpeed: (next) => player?.setSpeed(next),
    openExport: () => setDialog("export"),
    openBookmark: () => setDialog("bookmark"),
    openMotion: () => setDialog("motion"),
    turn: (direction) => {
      const next = cameras[(ids.indexOf(focus.id) + direction + ids.length) % ids.length];
      if (next !== undefined) chooseFocus(next.id);
    },
    enlarge: () => enlarge(focus.id),
    toggleSound: hearing.toggle,
  };
  useKeys(actions);
  const stable = useStable(actions);

  const window = useMemo(
    () => ({
      start_ms: Math.floor(view.start_ms / DAY_MS) * DAY_MS,
      end_ms: Math.ceil(view.end_ms / DAY_MS) * DAY_MS,
    }),
    [view],
  );
  const { data: noted = NONE } = useQuery({
    ...bookmarksQuery({ camera: cameras.length === 1 ? focus.id : undefined, ...window }),
    placeholderData: (old) => old,
  });
  const bookmarks = useMemo(
    () => noted.map((row) => ({ ...row, end_ms: row.end_ms ?? row.start_ms })),
    [noted],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` says that tiles have come.
  const moments = useMemo(
    () => momentsIn(cameras, tiles, noted, view, width),
    [cameras, tiles, noted, view, width, version],
  );
  const words = useWords(
    focus,
    playhead,
    live,
    player?.face(focus.id) ?? null,
    tiles.placed(focus.id, view, width),
  );

  return (
    <Page
      title={t("nav.playback")}
      fill
      detail={<span className="hc-num">{clock.badge(playhead)}</span>}
      actions={
        <>
          {cameras.length > 1 && (
            <Tooltip label={`${search.large ? t("playback.grid") : t("playback.large")} (f)`}>
              <ActionIcon
                variant="default"
                size="lg"
                aria-label={search.large ? t("playback.grid") : t("playback.large")}
                onClick={() => enlarge(focus.id)}
              >
                {search.large ? <IconLayoutGrid size={18} /> : <IconLayoutBoardSplit size={18} />}
              </ActionIcon>
            </Tooltip>
          )}
          <CameraPicker
            all={all}
            chosen={ids}
            choose={(next) =>
              remember({
                camera: next.includes(focus.id) ? focus.id : next[0],
                cameras: next.length > 1 ? next.join(",") : undefined,
              })
            }
          />
          <JumpTo cameras={ids} at={playhead} choose={seek} />
          <LossLink camera={focus} at={playhead} />
        </>
      }
    >
      <div
        className="hc-playback"
        data-playing={playing || undefined}
        data-waiting={shown?.waiting || undefined}
        data-rests={(scrub === null && shown?.rests) || undefined}
      >
        <div className="hc-playback-top">
          <Pictures
            cameras={cameras}
            focus={focus.id}
            large={search.large ?? false}
            live={live}
            player={player}
            view={shown}
            scrub={scrub}
            choose={chooseFocus}
            enlarge={enlarge}
            seek={seek}
            goLive={goLive}
          />
          <Moments
            moments={moments}
            named={cameras.length > 1}
            at={Math.floor(playhead / 1_000) * 1_000}
            seek={seekOn}
          />
        </div>
        <Transport
          live={live}
          actions={stable}
          playing={playing}
          speed={speed}
          at={playhead}
          marks={marks}
          hearing={hearing}
        />
        <Timeline
          cameras={cameras}
          focus={focus.id}
          tiles={tiles}
          view={view}
          playhead={playhead}
          now={now}
          markIn={marks.from}
          markOut={marks.to}
          bookmarks={bookmarks}
          words={words}
          onView={change}
          onSeek={seek}
          onPick={chooseFocus}
          onWidth={line.setWidth}
        />
      </div>
      <Dialogs
        open={dialog}
        cameras={cameras}
        focus={focus}
        at={playhead}
        range={rangeOf(marks.from, marks.to, playhead)}
        view={view}
        seek={seek}
        close={() => setDialog(null)}
      />
    </Page>
  );
}
