import { IconBookmark, IconVideoOff } from "@tabler/icons-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Bookmark } from "@/api/keeping";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { SeverityBadge } from "@/parts/badges";
import { causeName, labelName } from "@/parts/names";
import { Thumb } from "@/parts/Thumb";
import { clockDuration } from "@/time/duration";
import { eventsIn, gapsIn } from "@/timeline/lookup";
import type { GapRow, TileEvent, TimelineTiles } from "@/timeline/tiles";
import type { View } from "@/timeline/view";

type Moment =
  | { kind: "event"; at: number; camera: Camera; event: TileEvent }
  | { kind: "gap"; at: number; camera: Camera; gap: GapRow }
  | { kind: "bookmark"; at: number; camera: Camera; bookmark: Bookmark };

const MOST = 150;

export function momentsIn(
  cameras: readonly Camera[],
  tiles: TimelineTiles,
  bookmarks: readonly Bookmark[],
  view: View,
  width: number,
): Moment[] {
  const out: Moment[] = [];
  for (const camera of cameras) {
    const placed = tiles.placed(camera.id, view, width);
    for (const event of eventsIn(placed))
      if (event.start_ms <= view.end_ms && (event.end_ms ?? view.end_ms) >= view.start_ms)
        out.push({ kind: "event", at: event.start_ms, camera, event });
    for (const gap of gapsIn(placed))
      if (gap[0] <= view.end_ms && gap[1] >= view.start_ms)
        out.push({ kind: "gap", at: gap[0], camera, gap });
    for (const bookmark of bookmarks)
      if (bookmark.camera === camera.id)
        out.push({ kind: "bookmark", at: bookmark.start_ms, camera, bookmark });
  }
  return out.sort((a, b) => b.at - a.at);
}

interface MomentsProps {
  moments: Moment[];
  named: boolean;
  at: number;
  seek: (ms: number, camera: string) => void;
}

/** What the canvas shows as a list, for hands and ears that cannot use a canvas: events, gaps and bookmarks. */
export const Moments = memo(function Moments({ moments, named, at, seek }: MomentsProps) {
  const { t } = useTranslation();
  return (
    <aside className="hc-playback-events" aria-label={t("playback.momentsHere")}>
      <h2>
        {t("playback.momentsHere")} <span className="hc-dim">{moments.length}</span>
      </h2>
      {moments.length === 0 && <p className="hc-dim">{t("playback.noMoments")}</p>}
      <ul>
        {moments.slice(0, MOST).map((moment) => (
          <li key={keyOf(moment)}>
            <MomentRow moment={moment} named={named} at={at} seek={seek} />
          </li>
        ))}
      </ul>
      {moments.length > MOST && (
        <p className="hc-dim hc-small">{t("playback.moreMoments", { count: moments.length - MOST })}</p>
      )}
    </aside>
  );
});

const keyOf = (moment: Moment): string =>
  moment.kind === "event"
    ? moment.event.id
    : moment.kind === "bookmark"
      ? moment.bookmark.id
      : `${moment.camera.id}-${moment.at}`;

function MomentRow({ moment, named, at, seek }: Omit<MomentsProps, "moments"> & { moment: Moment }) {
  const { t } = useTranslation();
  const clock = useClock();
  const where = named ? `${moment.camera.name} · ` : "";
  if (moment.kind === "event") {
    const { event } = moment;
    const now = at >= event.start_ms && at <= (event.end_ms ?? at);
    return (
      <button
        type="button"
        className="hc-event-mini"
        data-now={now || undefined}
        onClick={() => seek(event.start_ms - 1_000, moment.camera.id)}
      >
        <Thumb src={`/api/events/${event.id}/snapshot.jpg?width=240`} />
        <span>
          <strong>{labelName(event.label)}</strong>
          <span className="hc-dim hc-num">
            {where}
            {clock.time(event.start_ms)}
          </span>
        </span>
        <SeverityBadge severity={event.severity} short />
      </button>
    );
  }
  if (moment.kind === "bookmark") {
    return (
      <button
        type="button"
        className="hc-moment-row"
        onClick={() => seek(moment.bookmark.start_ms, moment.camera.id)}
      >
        <IconBookmark size={17} stroke={1.6} aria-label={t("playback.bookmarkHere")} />
        <span>
          <strong>{moment.bookmark.note || t("playback.bookmarkHere")}</strong>
          <span className="hc-dim hc-num">
            {where}
            {clock.time(moment.at)}
          </span>
        </span>
      </button>
    );
  }
  const [start, end, cause] = moment.gap;
  return (
    <button
      type="button"
      className="hc-moment-row"
      data-kind="gap"
      onClick={() => seek(end, moment.camera.id)}
    >
      <IconVideoOff size={17} stroke={1.6} aria-hidden />
      <span>
        <strong>
          {t("timeline.noRecording", {
            from: clock.timeMinutes(start),
            to: clock.timeMinutes(end),
            cause: causeName(cause),
          })}
        </strong>
        <span className="hc-dim hc-num">
          {where}
          {clockDuration(end - start)}
          <span className="hc-visually-hidden"> {t("playback.skipGap", { time: clock.time(end) })}</span>
        </span>
      </span>
    </button>
  );
}
