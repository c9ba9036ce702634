import { Button, Checkbox } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { HaechiEvent } from "@/api/types";
import { useClock } from "@/app/site";
import { SeverityBadge } from "@/parts/badges";
import { labelName } from "@/parts/names";
import { Thumb } from "@/parts/Thumb";
import { clockDuration } from "@/time/duration";
import { dayOf } from "@/time/zone";
import { placeOf } from "./place";

interface EventListProps {
  events: HaechiEvent[];
  openId: string | undefined;
  selected: ReadonlySet<string>;
  open: (id: string) => void;
  toggle: (id: string) => void;
  more: (() => void) | null;
  loadingMore: boolean;
}

export function EventList({ events, openId, selected, open, toggle, more, loadingMore }: EventListProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const current = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the row changes with the open event.
  useEffect(() => {
    current.current?.scrollIntoView({ block: "nearest" });
  }, [openId]);
  let day = "";
  return (
    <ol className="hc-event-rows">
      {events.map((event) => {
        const today = dayOf(event.start_ms, clock.zone);
        const heading = today === day ? null : clock.date(event.start_ms);
        day = today;
        const title = `${labelName(event.label)} · ${event.camera_name}`;
        return (
          <li key={event.id} ref={event.id === openId ? current : null}>
            {heading !== null && <h2 className="hc-event-day">{heading}</h2>}
            <div
              className="hc-event-row"
              data-open={event.id === openId || undefined}
              data-unread={!event.reviewed || undefined}
              data-event={event.id}
            >
              <Checkbox
                size="md"
                className="hc-event-check"
                checked={selected.has(event.id)}
                onChange={() => toggle(event.id)}
                aria-label={t("events.select", { title })}
              />
              <button type="button" onClick={() => open(event.id)} aria-current={event.id === openId}>
                <span className="hc-event-thumb">
                  <Thumb src={`/api/events/${event.id}/snapshot.jpg?width=240`} />
                  <span className="hc-num">
                    {event.end_ms === null ? t("events.now") : clockDuration(event.end_ms - event.start_ms)}
                  </span>
                </span>
                <span className="hc-event-text">
                  <span className="hc-event-title">
                    {!event.reviewed && <i className="hc-unread" title={t("events.unreviewed")} />}
                    <strong>{labelName(event.label)}</strong>
                    <span className="hc-dim hc-num">
                      {event.source === "camera"
                        ? t("reports.byCamera")
                        : `${Math.round(event.score * 100)} %`}
                    </span>
                  </span>
                  <span className="hc-event-where">
                    {event.camera_name}
                    {(event.zone !== null || event.detail !== "") && <> · {placeOf(event)}</>}
                  </span>
                  <span className="hc-event-foot">
                    <time className="hc-num" dateTime={new Date(event.start_ms).toISOString()}>
                      {clock.time(event.start_ms)}
                    </time>
                    <SeverityBadge severity={event.severity} />
                  </span>
                </span>
              </button>
            </div>
          </li>
        );
      })}
      {more !== null && (
        <li className="hc-more">
          <Button variant="default" fullWidth onClick={more} loading={loadingMore}>
            {t("events.more")}
          </Button>
        </li>
      )}
    </ol>
  );
}
