import { useElementSize } from "@mantine/hooks";
import { IconWalk } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, memo, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { socketUrl } from "@/api/client";
import type { Camera } from "@/api/types";
import { LiveTile } from "@/parts/LiveTile";
import type { TileStats, TileWish } from "@/player/tile";
import { canPaint, WallCanvas } from "@/player/wallcanvas";
import { ArrangeTile } from "./ArrangeTile";
import { moved, stepped } from "./arrange";
import { MOST_MOVING } from "./budget";
import { GAP_PX, SMALL_TILE_PX, wallGrid } from "./layout";
import { statsParts } from "./statsline";
import { useWall } from "./useWall";

const Tile = memo(LiveTile);
/** Below this there is one column. */
const NARROW_PX = 560;

export interface Arranging {
  /** All cameras of the layout, on whatever page. */
  ids: readonly string[];
  change: (ids: string[]) => void;
  enlarge: (id: string | null) => void;
}

interface WallProps {
  cameras: readonly Camera[];
  slots: number;
  overlays: boolean;
  stats: boolean;
  focus: string | null;
  arranging: Arranging | null;
  fullRef: (node: HTMLDivElement | null) => void;
}

export function Wall({ cameras, slots, overlays, stats, focus, arranging, fullRef }: WallProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { ref, width, height } = useElementSize<HTMLDivElement>();
  const narrow = width > 0 && width < NARROW_PX;
  const large = slots > 1 && cameras.some((camera) => camera.id === focus) ? focus : null;
  // A large tile takes the room of four.
  const grid = wallGrid(large === null ? slots : slots + 3, width || 1_200, height || 700);
  const { columns, tileWidth } = narrow ? { columns: 1, tileWidth: 0 } : grid;
  const isSmall = !narrow && (tileWidth <= SMALL_TILE_PX || cameras.length > MOST_MOVING);
  const { holder, painter } = usePainter(width === 0 ? undefined : isSmall);
  const wall = useWall(
    cameras.map((camera) => camera.id),
    painter ?? null,
  );
  const wish = (id: string): TileWish | null => {
    if (!wall.isInView(id)) return null;
    if (!wall.moves(id)) return "stills";
    const tile = id === large ? tileWidth * 2 + GAP_PX : tileWidth;
    return narrow || tile > SMALL_TILE_PX ? "main" : "tile";
  };
  const open = (id: string): void => void navigate({ to: "/live/$cameraId", params: { cameraId: id } });

  const press = (event: KeyboardEvent<HTMLDivElement>): void => {
    const tiles = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-open]")];
    const slot = (event.target as HTMLElement).closest("[data-slot]");
    const at = tiles.findIndex((tile) => slot?.contains(tile));
    const to = at === -1 ? null : stepped(at, tiles.length, columns, event.key);
    if (to === null) return;
    const other = tiles[to]?.dataset.open ?? "";
    const own = tiles[at]?.dataset.open ?? "";
    event.preventDefault();
    if (arranging === null || !event.shiftKey) tiles[to]?.focus();
    else arranging.change(moved(arranging.ids, own, arranging.ids.indexOf(other)));
  };

  return (
    <div ref={fullRef} className="hc-wall-frame">
      <div
        ref={ref}
        className="hc-wall"
        data-narrow={narrow || undefined}
        data-overlays={overlays}
        data-arranging={arranging !== null || undefined}
        data-most-moving={wall.limit}
        role="group"
        aria-label={t("live.wall")}
        onKeyDown={press}
        style={narrow ? undefined : { gridTemplateColumns: `repeat(${columns}, ${tileWidth}px)` }}
      >
        <div ref={holder} className="hc-wall-paper" />
        {cameras.map((camera) => (
          <div
            key={camera.id}
            className="hc-wall-slot"
            data-slot={camera.id}
            data-large={(camera.id === large && !narrow) || undefined}
            ref={(element) => {
              wall.place(camera.id, element);
              return () => wall.place(camera.id, null);
            }}
          >
            <WallTile
              camera={camera}
              overlays={overlays}
              stats={stats}
              wish={wish(camera.id)}
              painter={painter}
            />
            <span className="hc-wall-motion" data-kind="motion">
              <i aria-hidden />
              <span>{t("walls.motion")}</span>
            </span>
            <span className="hc-wall-motion" data-kind="tracked">
              <IconWalk size={13} aria-hidden />
              <span>{t("walls.tracked")}</span>
            </span>
            <button
              type="button"
              className="hc-wall-open"
              data-open={camera.id}
              aria-label={t("live.open", { name: camera.name })}
              onClick={(event) => {
                if (arranging !== null) return;
                // A mouse selects with one click and opens with two; Enter, a tap and a screen reader open at once.
                if (event.detail === 0 || matchMedia("(pointer: coarse)").matches) open(camera.id);
              }}
              onDoubleClick={() => arranging === null && open(camera.id)}
            />
            {arranging !== null && (
              <ArrangeTile
                camera={camera}
                at={arranging.ids.indexOf(camera.id)}
                count={arranging.ids.length}
                large={camera.id === focus}
                only={arranging.ids.length === 1}
                move={(to) => arranging.change(moved(arranging.ids, camera.id, to))}
                drop={(onto) =>
                  arranging.change(moved(arranging.ids, camera.id, arranging.ids.indexOf(onto)))
                }
                enlarge={() => arranging.enlarge(camera.id === focus ? null : camera.id)}
                takeOut={() => arranging.change(arranging.ids.filter((id) => id !== camera.id))}
              />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

interface Paper {
  holder: React.RefObject<HTMLDivElement | null>;
  painter: WallCanvas | null | undefined;
}

/** The canvas under the tiles, while they are small. `painter` is undefined until that is known, null without one. */
function usePainter(small: boolean | undefined): Paper {
  const holder = useRef<HTMLDivElement>(null);
  const [painter, setPainter] = useState<WallCanvas | null | undefined>(undefined);
  useLayoutEffect(() => {
    if (small === undefined) return;
    if (!small || !canPaint() || holder.current === null) {
      setPainter(null);
      return;
    }
    const made = new WallCanvas(holder.current, socketUrl("/api/live"));
    setPainter(made);
    return () => {
      setPainter(undefined);
      made.close();
    };
  }, [small]);
  // Tiles may be elsewhere after each change of the page.
  useLayoutEffect(() => painter?.placeSoon());
  return { holder, painter };
}

interface WallTileProps {
  camera: Camera;
  overlays: boolean;
  stats: boolean;
  wish: TileWish | null;
  painter: WallCanvas | null | undefined;
}

function WallTile({ camera, overlays, stats, wish, painter }: WallTileProps) {
  const [told, setTold] = useState<TileStats | null>(null);
  return (
    <>
      <Tile
        camera={camera}
        showName={overlays}
        wish={wish}
        painter={painter}
        {...(stats ? { onStats: setTold } : {})}
      />
      {stats && told !== null && told.mime !== "" && wish !== null && <StatsLine stats={told} />}
    </>
  );
}

function StatsLine({ stats }: { stats: TileStats }) {
  const { t } = useTranslation();
  return (
    <div className="hc-wall-stats">
      {statsParts(stats).map((part) => (
        <span key={part}>{part}</span>
      ))}
      {stats.way !== undefined && <span>{t(`walls.way.${stats.way}`)}</span>}
    </div>
  );
}
