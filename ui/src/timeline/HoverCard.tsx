import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { query } from "@/api/client";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { causeName, labelName } from "@/parts/names";
import { clockDuration } from "@/time/duration";
import { eventAt, eventsIn, momentAt } from "./lookup";
import type { Cell } from "./sheets";
import type { Placed } from "./tiles";
import { spanOf, type View } from "./view";

interface HoverCardProps {
  ms: number;
  x: number;
  width: number;
  camera: Camera;
  named: boolean;
  placed: Placed[];
  view: View;
  /** The small picture of this moment, where its sheet is here. */
  cell: Cell<HTMLImageElement> | null;
}

const CARD_PX = 196;
const PICTURE_PX = 320;
/** A picture of its own is asked for when the pointer stays: soon where there is none yet, later where there is a small one. */
const WAIT_MS = 40;
const REST_MS = 160;

/** What is at the pointer: the picture of that moment, an event's name, or the cause of a gap. */
export function HoverCard({ ms, x, width, camera, named, placed, view, cell }: HoverCardProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const pixel_ms = spanOf(view) / Math.max(1, width);
  const moment = momentAt(placed, ms);
  const event = eventAt(eventsIn(placed), ms, 4 * pixel_ms);
  const recorded = moment.kind === "recording";
  const preview = usePreview(camera.id, recorded ? ms : null, pixel_ms, cell === null ? WAIT_MS : REST_MS);
  // The large picture of the moment, else the small one at once, else the last one: the card never flickers.
  const large = preview.shown !== null && (preview.shown.at === preview.at || cell === null);
  const source = recorded ? (large ? "picture" : cell === null ? undefined : "sheet") : undefined;
  return (
    <div
      className="hc-hover"
      data-ms={Math.round(ms)}
      data-src={(source === "sheet" ? cell?.from_ms : preview.shown?.at) ?? undefined}
      data-source={source}
      data-unit={source === "sheet" ? cell?.unit : undefined}
      data-captured={source === "sheet" ? cell?.captured_ms : undefined}
      style={{ left: Math.min(Math.max(x - CARD_PX / 2, 4), Math.max(4, width - CARD_PX - 4)) }}
    >
      {recorded && (
        <span className="hc-hover-picture">
          {source === "picture" && <img src={preview.shown?.url} alt="" />}
          {source === "sheet" && cell !== null && <CellPicture cell={cell} />}
        </span>
      )}
      <strong className="hc-num">
        {pixel_ms > 60_000 ? clock.dateTime(ms) : clock.time(ms)}
        {named && <em>{camera.name}</em>}
      </strong>
      {event !== null && <span>{labelName(event.label)}</span>}
      {moment.kind === "gap" && (
        <span>
          {t("timeline.noRecording", {
            from: clock.timeMinutes(moment.gap[0]),
            to: clock.timeMinutes(moment.gap[1]),
            cause: causeName(moment.gap[2]),
          })}{" "}
          ({clockDuration(moment.gap[1] - moment.gap[0])})
        </span>
      )}
      {moment.kind === "nothing" && <span>{t("timeline.nothing")}</span>}
    </div>
  );
}

/** A cell of a sheet, drawn before the browser shows the card. */
function CellPicture({ cell }: { cell: Cell<HTMLImageElement> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { picture, left, top, width, height } = cell;
  useLayoutEffect(() => {
    canvas.current?.getContext("2d")?.drawImage(picture, left, top, width, height, 0, 0, width, height);
  }, [picture, left, top, width, height]);
  return <canvas ref={canvas} width={width} height={height} aria-hidden="true" />;
}

interface Preview {
  camera: string;
  at: number;
  url: string;
}

/** The picture of a moment by itself, once the pointer rests: `shown` is the last that came, `at` the one that is meant. */
function usePreview(
  camera: string,
  ms: number | null,
  pixel_ms: number,
  wait_ms: number,
): { shown: Preview | null; at: number | null } {
  const [shown, setShown] = useState<Preview | null>(null);
  // Neighbouring pixels share a picture, so that moving the pointer a little costs nothing.
  const grid = Math.max(1_000, 2 ** Math.round(Math.log2(pixel_ms * 3)));
  const at =
    ms === null
      ? null
      : pixel_ms * 3 < 1_000
        ? Math.floor(ms / 1_000) * 1_000 + 999
        : Math.floor(ms / grid) * grid;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a sheet that comes meanwhile does not put the picture off.
  useEffect(() => {
    if (at === null) return;
    let gone = false;
    const image = new Image();
    const timer = setTimeout(() => {
      const url = `/api/cameras/${camera}/preview.jpg${query({ at_ms: at, width: PICTURE_PX })}`;
      image.onload = () => {
        if (!gone) setShown({ camera, at, url });
      };
      image.src = url;
    }, wait_ms);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [camera, at]);
  return { shown: shown !== null && shown.camera === camera && ms !== null ? shown : null, at };
}
