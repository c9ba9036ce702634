import { ActionIcon, Button, Pagination, SegmentedControl, Tooltip } from "@mantine/core";
import { useFullscreenElement } from "@mantine/hooks";
import {
  IconAlertCircle,
  IconCarouselHorizontal,
  IconDeviceCctv,
  IconMaximize,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlus,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, sessionQuery } from "@/api/queries";
import { LAYOUTS, type Layout, type LiveSearch } from "@/app/search";
import { useShortcuts } from "@/app/shortcuts";
import { isFilm } from "@/films/types";
import { LinkButton } from "@/parts/links";
import { tellDone } from "@/parts/notices";
import { Page } from "@/parts/Page";
import { toggleSound } from "@/parts/sound";
import { Empty, Failure, Loading } from "@/parts/states";
import { ArrangeBar } from "./ArrangeBar";
import { arranged, nextPage } from "./arrange";
import { LayoutMenu } from "./LayoutMenu";
import { pageSize } from "./layout";
import { useLayouts } from "./useLayouts";
import { type Turning, useTurning } from "./useTurning";
import { type Arranging, Wall } from "./Wall";

export function Live() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/live" });
  const cameras = useQuery(camerasQuery);
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const { ref: fullRef, toggle: toggleFull } = useFullscreenElement<HTMLDivElement>();
  const [overlays, setOverlays] = useState(true);
  const [stats, setStats] = useState(false);
  const [arranges, setArranges] = useState(false);
  const layouts = useLayouts(search.wall, search.layout);
  const { now } = layouts;

  const all = (cameras.data ?? []).filter((camera) => !isFilm(camera));
  const chosen = arranged(all, now.cameras);
  const size = pageSize(now.size);
  const pages = Math.max(1, Math.ceil(chosen.length / size));
  const page = Math.min(search.page ?? 1, pages);
  const shown = chosen.slice((page - 1) * size, page * size);

  const standard = layouts.all.find((layout) => layout.is_default);
  const go = useCallback(
    (next: LiveSearch): void => void navigate({ to: "/live", search: next, replace: true }),
    [navigate],
  );
  const opensStandard = search.wall === undefined && search.layout === undefined && standard !== undefined;
  useEffect(() => {
    if (opensStandard) go({ wall: standard.id });
  }, [opensStandard, standard, go]);
  /** Without a layout that is kept: "auto" is written down only where nothing would mean the default one. */
  const plain = standard === undefined ? undefined : ("auto" as const);
  const choose = (next: Layout): void => {
    const own =
      layouts.open === null ? (plain ?? "auto") === next && next === "auto" : layouts.open.size === next;
    go({ wall: layouts.open?.id, layout: own ? (layouts.open === null ? plain : undefined) : next });
  };
  const turnTo = useCallback(
    (next: number): void =>
      go({ wall: search.wall, layout: search.layout, page: next === 1 ? undefined : next }),
    [go, search.wall, search.layout],
  );
  const turn = useCallback(() => turnTo(nextPage(page, pages)), [turnTo, page, pages]);
  const turning = useTurning(page, pages, now.turnS, turn);
  const arrange: Arranging | null = arranges
    ? {
        ids: chosen.map((camera) => camera.id),
        change: (ids) =>
          layouts.change({ cameras: ids, focus: ids.includes(now.focus ?? "") ? now.focus : null }),
        enlarge: (id) => layouts.change({ focus: id }),
      }
    : null;

  useShortcuts({
    "0": () => choose("auto"),
    "1": () => choose("1"),
    "2": () => choose("4"),
    "3": () => choose("9"),
    "4": () => choose("16"),
    "5": () => choose("25"),
    "6": () => choose("36"),
    "7": () => choose("64"),
    "8": () => choose("100"),
    "9": () => choose("auto"),
    a: () => setArranges((on) => !on && all.length > 0),
    c: () => (pages > 1 ? turning.toggle() : tellDone(t("walls.onePage"))),
    d: () => setStats((on) => !on),
    f: () => void toggleFull(),
    h: () => setOverlays((on) => !on),
    m: () => {
      const slot = document.activeElement?.closest(".hc-wall-slot");
      const tile = slot?.querySelector<HTMLElement>("[data-camera]");
      toggleSound(shown.find((camera) => camera.id === tile?.dataset.camera));
    },
    ...(arranges ? { Escape: () => setArranges(false) } : {}),
  });

  const offline = all.filter(
    (camera) => camera.status.state === "offline" || camera.status.state === "waiting",
  ).length;
  const detail = all.length > 0 && (
    <>
      <span>{t("live.count", { count: all.filter((camera) => camera.status.state === "live").length })}</span>
      {offline > 0 && (
        <span className="hc-bad-text">
          <IconAlertCircle size={14} aria-hidden /> {t("live.offline", { count: offline })}
        </span>
      )}
    </>
  );
  const actions = all.length > 0 && (
    <>
      <LayoutMenu
        layouts={layouts}
        open={(id) => go(id === null ? { layout: plain } : { wall: id })}
        arrange={() => setArranges(true)}
      />
      <SegmentedControl
        size="xs"
        className="hc-wall-sizes"
        aria-label={t("live.layout")}
        value={now.size}
        onChange={(value) => choose(value as Layout)}
        data={LAYOUTS.map((value) => ({ value, label: value === "auto" ? t("live.auto") : value }))}
      />
      <Tooltip label={`${t("live.full")} (f)`}>
        <ActionIcon variant="default" size="lg" onClick={() => void toggleFull()} aria-label={t("live.full")}>
          <IconMaximize size={18} stroke={1.6} />
        </ActionIcon>
      </Tooltip>
    </>
  );

  return (
    <Page title={t("nav.live")} detail={detail} actions={actions} fill>
      {cameras.isPending && <Loading rows={2} height={220} retry={() => void cameras.refetch()} />}
      {cameras.isError && cameras.data === undefined && (
        <Failure error={cameras.error} retry={() => void cameras.refetch()} />
      )}
      {cameras.isSuccess && all.length === 0 && (
        <Empty
          icon={IconDeviceCctv}
          title={t("live.none")}
          hint={admin ? t("live.noneHint") : t("live.noneViewer")}
        >
          {admin && (
            <LinkButton to="/cameras/new" leftSection={<IconPlus size={16} />}>
              {t("cameras.add")}
            </LinkButton>
          )}
        </Empty>
      )}
      {all.length > 0 && chosen.length === 0 && (
        <Empty icon={IconDeviceCctv} title={t("walls.noneLeft")} hint={t("walls.noneLeftHint")}>
          <Button variant="default" onClick={() => go({ layout: plain })}>
            {t("walls.all")}
          </Button>
        </Empty>
      )}
      {arrange !== null && chosen.length > 0 && (
        <ArrangeBar
          all={all}
          shown={arrange.ids}
          turnS={now.turnS}
          change={arrange.change}
          turn={(seconds) => layouts.change({ turnS: seconds })}
          done={() => setArranges(false)}
        />
      )}
      {shown.length > 0 && layouts.isReady && (
        <Wall
          fullRef={fullRef}
          cameras={shown}
          slots={now.size === "auto" ? shown.length : size}
          overlays={overlays}
          stats={stats}
          focus={now.focus}
          arranging={arrange}
        />
      )}
      {pages > 1 && (
        <div className="hc-wall-foot">
          <Pagination
            size="sm"
            total={pages}
            value={page}
            onChange={turnTo}
            getItemProps={(number) => ({ "aria-label": t("live.page", { number }) })}
            getControlProps={(control) => ({
              "aria-label": t(control === "previous" ? "live.previousPage" : "live.nextPage"),
            })}
          />
          <TurnKeys turning={turning} seconds={now.turnS} />
        </div>
      )}
    </Page>
  );
}

/** Starts, pauses and ends the turning of pages. */
function TurnKeys({ turning, seconds }: { turning: Turning; seconds: number }) {
  const { t } = useTranslation();
  return (
    <div className="hc-wall-turn" data-turning={turning.on && !turning.paused}>
      {turning.on && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={turning.pause}
          leftSection={
            turning.paused ? (
              <IconPlayerPlay size={14} aria-hidden />
            ) : (
              <IconPlayerPause size={14} aria-hidden />
            )
          }
        >
          {t(turning.paused ? "walls.goOn" : "walls.pause")}
        </Button>
      )}
      <Button
        size="compact-sm"
        variant={turning.on ? "light" : "subtle"}
        color={turning.on ? "orange" : "gray"}
        aria-pressed={turning.on}
        onClick={turning.toggle}
        leftSection={<IconCarouselHorizontal size={14} aria-hidden />}
        title={`${t("walls.turn")} (c)`}
      >
        {turning.on ? t("walls.turnS", { count: seconds }) : t("walls.turn")}
      </Button>
    </div>
  );
}
