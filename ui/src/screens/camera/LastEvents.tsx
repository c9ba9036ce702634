import { IconChecks } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import { eventsQuery, queryClient } from "@/api/queries";
import { useClock } from "@/app/site";
import { SeverityBadge } from "@/parts/badges";
import { labelName } from "@/parts/names";
import { Failure, Loading } from "@/parts/states";
import { Thumb } from "@/parts/Thumb";

export function LastEvents({ camera }: { camera: string }) {
  const { t } = useTranslation();
  const clock = useClock();
  const options = eventsQuery({ camera, limit: 20 });
  const events = useQuery(options);
  useEffect(
    () =>
      push.onEvent((event) => {
        if (event.camera === camera) void queryClient.invalidateQueries({ queryKey: ["events", "list"] });
      }),
    [camera],
  );
  return (
    <aside className="hc-camera-events" aria-label={t("camera.lastEvents")}>
      <header>
        <h2>{t("camera.lastEvents")}</h2>
        <Link to="/events" search={{ camera }}>
          {t("camera.allEvents")}
        </Link>
      </header>
      {events.isPending && <Loading rows={5} height={58} />}
      {events.isError && events.data === undefined && (
        <Failure error={events.error} retry={() => void events.refetch()} />
      )}
      {events.data?.events.length === 0 && (
        <p className="hc-quiet">
          <IconChecks size={18} aria-hidden /> {t("camera.noEvents")}
        </p>
      )}
      <ul>
        {events.data?.events.map((event) => (
          <li key={event.id}>
            <Link
              to="/events"
              search={{ camera, event: event.id }}
              className="hc-event-mini"
              data-unread={!event.reviewed || undefined}
            >
              <Thumb src={`/api/events/${event.id}/snapshot.jpg?width=240`} />
              <span>
                <strong>{labelName(event.label)}</strong>
                <span className="hc-dim">{event.rule}</span>
                <span className="hc-dim hc-num">
                  {clock.date(event.start_ms)} {clock.time(event.start_ms)}
                </span>
              </span>
              <SeverityBadge severity={event.severity} short />
            </Link>
          </li>
        ))}
      </ul>
    </aside>
  );
}
