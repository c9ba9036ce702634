import { ActionIcon, Button } from "@mantine/core";
import { IconArrowLeft, IconChecks, IconDownload, IconHistory, IconVideo } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { eventQuery } from "@/api/queries";
import type { EventDetail } from "@/api/types";
import { useClock } from "@/app/site";
import { SeverityBadge } from "@/parts/badges";
import { LinkButton } from "@/parts/links";
import { labelName } from "@/parts/names";
import { Failure, Loading } from "@/parts/states";
import { clockDuration } from "@/time/duration";
import { ClipPlayer } from "./ClipPlayer";
import { placeOf } from "./place";
import { ReplayCheck } from "./ReplayCheck";

interface EventViewProps {
  id: string;
  mark: (ids: string[], reviewed: boolean) => void;
  close: () => void;
}

export function EventView({ id, mark, close }: EventViewProps) {
  const { t } = useTranslation();
  const event = useQuery({
    ...eventQuery(id),
    refetchInterval: (query) => (query.state.data?.end_ms === null ? 3_000 : false),
  });
  if (event.isPending) return <Loading rows={1} height={360} />;
  if (event.data === undefined) return <Failure error={event.error} retry={() => void event.refetch()} />;
  const { data } = event;
  return (
    <article className="hc-event">
      <header className="hc-event-head">
        <ActionIcon
          className="hc-event-close"
          variant="subtle"
          color="gray"
          size="lg"
          onClick={close}
          aria-label={t("events.close")}
        >
          <IconArrowLeft size={18} />
        </ActionIcon>
        <div>
          <h2>
            {labelName(data.label)} <span className="hc-dim">· {data.camera_name}</span>
          </h2>
          <SeverityBadge severity={data.severity} />
        </div>
        <div className="hc-event-actions">
          <Button
            size="sm"
            variant={data.reviewed ? "default" : "filled"}
            leftSection={<IconChecks size={16} />}
            onClick={() => mark([data.id], !data.reviewed)}
          >
            {data.reviewed ? t("events.markUnreviewed") : t("events.markReviewed")}
          </Button>
          <Button
            size="sm"
            variant="default"
            component="a"
            href={`/api/events/${data.id}/clip.mp4`}
            download
            leftSection={<IconDownload size={16} />}
            disabled={!data.has_clip}
            data-disabled={!data.has_clip || undefined}
          >
            {t("events.download")}
          </Button>
        </div>
      </header>
      <ClipPlayer event={data} />
      <Facts event={data} />
      <div className="hc-event-links">
        <LinkButton
          to="/playback"
          search={{ camera: data.camera, t: data.start_ms - 3_000 }}
          variant="default"
          size="sm"
          leftSection={<IconHistory size={16} />}
        >
          {t("events.inRecording")}
        </LinkButton>
        <LinkButton
          to="/live/$cameraId"
          params={{ cameraId: data.camera }}
          variant="default"
          size="sm"
          leftSection={<IconVideo size={16} />}
        >
          {t("events.liveNow")}
        </LinkButton>
      </div>
      {data.source === "camera" ? (
        <p className="hc-dim hc-small">{t("reports.noReplay")}</p>
      ) : (
        <ReplayCheck event={data} />
      )}
    </article>
  );
}

function decided(event: EventDetail, t: TFunction): [string, string][] {
  return [
    [t("events.rule"), event.rule ?? "–"],
    [t("events.zone"), placeOf(event)],
    [t("events.score"), `${(event.score * 100).toFixed(1)} %`],
    [t("events.model"), event.model === null ? "–" : event.model.name],
  ];
}

function reported(event: EventDetail, t: TFunction): [string, string][] {
  const said = event.report?.items.map(([name, value]) => `${name}: ${value}`).join(", ") ?? "";
  return [
    [t("reports.source"), t("reports.byCamera")],
    [t("reports.topic"), (event.report?.topic ?? event.rule ?? "–").replaceAll("/", "/\u200b")],
    [t("reports.said"), said === "" ? "–" : said],
  ];
}

function Facts({ event }: { event: EventDetail }) {
  const { t } = useTranslation();
  const clock = useClock();
  const rows: [string, string][] = [
    [
      t("events.when"),
      `${clock.date(event.start_ms)} ${clock.timeMillis(event.start_ms)} (${clock.badge(event.start_ms).replace(" ", "\u00a0")})`,
    ],
    [
      t("events.lasted"),
      event.end_ms === null ? t("events.now") : clockDuration(event.end_ms - event.start_ms),
    ],
    ...(event.source === "camera" ? reported(event, t) : decided(event, t)),
  ];
  return (
    <dl className="hc-facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
