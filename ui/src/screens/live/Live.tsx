import { ActionIcon, Pagination, SegmentedControl, Tooltip } from "@mantine/core";
import { useElementSize, useFullscreenElement } from "@mantine/hooks";
import { IconAlertCircle, IconDeviceCctv, IconMaximize, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { LAYOUTS, type Layout } from "@/app/search";
import { useShortcuts } from "@/app/shortcuts";
import { isFilm } from "@/films/types";
import { LiveTile } from "@/parts/LiveTile";
import { LinkButton } from "@/parts/links";
import { Page } from "@/parts/Page";
import { toggleSound } from "@/parts/sound";
import { Empty, Failure, Loading } from "@/parts/states";
import type { TileWish } from "@/player/tile";
import { pageSize, SMALL_TILE_PX, wallGrid } from "./layout";
import { useWall } from "./useWall";

export function Live() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { layout = "auto", page = 1 } = useSearch({ from: "/house/live" });
  const cameras = useQuery(camerasQuery);
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const { ref: fullRef, toggle: toggleFull } = useFullscreenElement<HTMLDivElement>();
  const [overlays, setOverlays] = useState(true);

  const all = (cameras.data ?? []).filter((camera) => !isFilm(camera));
  const size = pageSize(layout);
  const pages = Math.max(1, Math.ceil(all.length / size));
  const shown = all.slice((Math.min(page, pages) - 1) * size, Math.min(page, pages) * size);
  const choose = (next: Layout): void =>
    void navigate({ to: "/live", search: { layout: next === "auto" ? undefined : next }, replace: true });

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
    f: () => void toggleFull(),
    h: () => setOverlays((on) => !on),
    m: () => {
      const slot = document.activeElement?.closest(".hc-wall-slot");
      const tile = slot?.querySelector<HTMLElement>("[data-camera]");
      toggleSound(shown.find((camera) => camera.id === tile?.dataset.camera));
    },
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
      <SegmentedControl
        size="xs"
        aria-label={t("live.layout")}
        value={layout}
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
      {shown.length > 0 && (
        <Wall
          fullRef={fullRef}
          cameras={shown}
          slots={layout === "auto" ? shown.length : size}
          overlays={overlays}
        />
      )}
      {pages > 1 && (
        <Pagination
          className="hc-wall-pages"
          size="sm"
          total={pages}
          value={Math.min(page, pages)}
          onChange={(next) =>
            void navigate({
              to: "/live",
              search: { layout: layout === "auto" ? undefined : layout, page: next },
              replace: true,
            })
          }
          getItemProps={(number) => ({ "aria-label": t("live.page", { number }) })}
          getControlProps={(control) => ({
            "aria-label": t(control === "previous" ? "live.previousPage" : "live.nextPage"),
          })}
        />
      )}
    </Page>
  );
}

interface WallProps {
  cameras: Camera[];
  slots: number;
  overlays: boolean;
  fullRef: (node: HTMLDivElement | null) => void;
}

function Wall({ cameras, slots, overlays, fullRef }: WallProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { ref, width, height } = useElementSize<HTMLDivElement>();
  const narrow = width > 0 && width < 560;
  const { columns, tileWidth } = narrow
    ? { columns: 1, tileWidth: 0 }
    : wallGrid(slots, width || 1_200, height || 700);
  const wall = useWall(cameras.map((camera) => camera.id));
  const wish = (id: string): TileWish | null => {
    if (!wall.isInView(id)) return null;
    if (!wall.moves(id)) return "stills";
    return narrow || tileWidth > SMALL_TILE_PX ? "main" : "tile";
  };
  const open = (id: string): void => void navigate({ to: "/live/$cameraId", params: { cameraId: id } });

  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step === undefined) return;
    const tiles = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-open]")];
    const next = tiles[tiles.indexOf(document.activeElement as HTMLElement) + step];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <div ref={fullRef} className="hc-wall-frame">
      <div
        ref={ref}
        className="hc-wall"
        data-narrow={narrow || undefined}
        data-overlays={overlays}
        data-most-moving={wall.limit}
        role="group"
        aria-label={t("live.wall")}
        onKeyDown={move}
        style={narrow ? undefined : { gridTemplateColumns: `repeat(${columns}, ${tileWidth}px)` }}
      >
        {cameras.map((camera) => (
          <div
            key={camera.id}
            className="hc-wall-slot"
            data-slot={camera.id}
            ref={(element) => {
              wall.place(camera.id, element);
              return () => wall.place(camera.id, null);
            }}
          >
            <LiveTile camera={camera} showName={overlays} wish={wish(camera.id)} />
            <button
              type="button"
              className="hc-wall-open"
              data-open={camera.id}
              aria-label={t("live.open", { name: camera.name })}
              onClick={(event) => {
                // A mouse selects with one click and opens with two; Enter, a tap and a screen reader open at once.
                if (event.detail === 0 || matchMedia("(pointer: coarse)").matches) open(camera.id);
              }}
              onDoubleClick={() => open(camera.id)}
            />
          </div>
        ))}
      </div>
    </div>
  );
}
