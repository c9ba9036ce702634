import { useTranslation } from "react-i18next";
import type { HaechiEvent } from "@/api/types";
import { useClock } from "@/app/site";
import { SeverityBadge } from "@/parts/badges";
import { labelName } from "@/parts/names";
import { Thumb } from "@/parts/Thumb";
import type { View } from "@/timeline/view";

interface PlaybackEventsProps {
  events: HaechiEvent[];
  view: View;
  at: number;
  seek: (ms: number) => void;
}

/** The events of the visible time as a list: what the canvas shows, for hands and ears that cannot use a canvas. */
export function PlaybackEvents({ events, view, at, seek }: PlaybackEventsProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const shown = events
    .filter((event) => event.start_ms <= view.end_ms && (event.end_ms ?? view.end_ms) >= view.start_ms)
    .sort((a, b) => b.start_ms - a.start_ms)
    .slice(0, 200);
  return (
    <aside className="hc-playback-events" aria-label={t("playback.eventsHere")}>
      <h2>
        {t("playback.eventsHere")} <span className="hc-dim">{shown.length}</span>
      </h2>
      {shown.length === 0 && <p className="hc-dim">{t("playback.noEvents")}</p>}
      <ul>
        {shown.map((event) => (
          <li key={event.id}>
            <button
              type="button"
              className="hc-event-mini"
              data-unread={!event.reviewed || undefined}
              data-now={(at >= event.start_ms && at <= (event.end_ms ?? at)) || undefined}
              onClick={() => seek(event.start_ms - 1_000)}
            >
              <Thumb src={`/api/events/${event.id}/snapshot.jpg?width=240`} />
              <span>
                <strong>{labelName(event.label)}</strong>
                <span className="hc-dim hc-num">
                  {clock.time(event.start_ms)} · {Math.round(event.score * 100)} %
                </span>
              </span>
              <SeverityBadge severity={event.severity} short />
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}
