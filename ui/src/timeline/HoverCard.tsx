import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { query } from "@/api/client";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { causeName, labelName } from "@/parts/names";
import { clockDuration } from "@/time/duration";
import { eventAt, eventsIn, momentAt } from "./lookup";
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
}

const CARD_PX = 196;
const PICTURE_PX = 320;
const WAIT_MS = 40;

/** What is at the pointer: the picture of that moment, an event's name, or the cause of a gap. */
export function HoverCard({ ms, x, width, camera, named, placed, view }: HoverCardProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const pixel_ms = spanOf(view) / Math.max(1, width);
  const moment = momentAt(placed, ms);
  const event = eventAt(eventsIn(placed), ms, 4 * pixel_ms);
  const src = usePreview(camera.id, moment.kind === "recording" ? ms : null, pixel_ms);
  return (
    <div
      className="hc-hover"
      data-src={src?.at ?? undefined}
      style={{ left: Math.min(Math.max(x - CARD_PX / 2, 4), Math.max(4, width - CARD_PX - 4)) }}
    >
      {moment.kind === "recording" && (
        <span className="hc-hover-picture">{src !== null && <img src={src.url} alt="" />}</span>
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

interface Preview {
  camera: string;
  at: number;
  url: string;
}

/** The last picture stays until the next one is there: the card never flickers. */
function usePreview(camera: string, ms: number | null, pixel_ms: number): Preview | null {
  const [shown, setShown] = useState<Preview | null>(null);
  // Neighbouring pixels share a picture, so that moving the pointer a little costs nothing.
  const grid = Math.max(1_000, 2 ** Math.round(Math.log2(pixel_ms * 3)));
  const at =
    ms === null
      ? null
      : pixel_ms * 3 < 1_000
        ? Math.floor(ms / 1_000) * 1_000 + 999
        : Math.floor(ms / grid) * grid;
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
    }, WAIT_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [camera, at]);
  return shown !== null && shown.camera === camera && ms !== null ? shown : null;
}
