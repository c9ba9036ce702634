import { ActionIcon, Button, Progress, Tooltip } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconClockHour4,
  IconDownload,
  IconHistory,
  IconLoader2,
  IconRefresh,
  IconTrash,
  IconX,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { type ExportJob, isActive } from "@/api/keeping";
import { useClock } from "@/app/site";
import { useCameraName } from "@/parts/cameraNames";
import { LinkIcon } from "@/parts/links";
import { faultAdvice, faultText } from "@/parts/names";
import { byteSize, clockDuration } from "@/time/duration";
import { fileOf, givenName, type JobActions } from "./jobs";

const ICONS = {
  queued: IconClockHour4,
  running: IconLoader2,
  done: IconCircleCheck,
  failed: IconAlertTriangle,
  cancelled: IconX,
} as const;

interface JobRowProps {
  job: ExportJob;
  actions: JobActions;
  /** With what the tray has no room for. */
  full?: boolean;
}

/** One export: what it is, how far it is or why it failed, and what can be done with it. */
export function JobRow({ job, actions, full = false }: JobRowProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const nameOf = useCameraName();
  const camera = nameOf(job.camera);
  const given = givenName(job);
  const title = given || camera;
  const Icon = ICONS[job.state];
  const facts = [
    given === "" ? null : camera,
    `${clock.dateTime(job.start_ms)} – ${clock.time(job.end_ms)}`,
    clockDuration(job.end_ms - job.start_ms),
    job.bytes === null || job.bytes === 0 ? null : byteSize(job.bytes, i18n.language),
    job.burn_in ? t("exports.withTime") : null,
    job.sound ? t("exports.withSound") : null,
  ];
  return (
    <li className="hc-job" data-state={job.state} data-export={job.id}>
      <Icon size={20} stroke={1.7} className="hc-job-icon" aria-hidden />
      <div className="hc-job-what">
        <strong>{title}</strong>
        <span className="hc-job-facts hc-dim hc-num">
          {facts
            .filter((fact) => fact !== null)
            .map((fact) => (
              <span key={fact}>{fact}</span>
            ))}
        </span>
        <JobState job={job} title={title} full={full} />
      </div>
      <JobButtons job={job} title={title} actions={actions} full={full} />
    </li>
  );
}

function JobState({ job, title, full }: { job: ExportJob; title: string; full: boolean }) {
  const { t } = useTranslation();
  const clock = useClock();
  if (isActive(job)) {
    const percent = Math.floor(job.progress * 100);
    return (
      <span className="hc-job-progress">
        <Progress value={percent} size="sm" aria-label={t("exports.progressOf", { name: title })} />
        <span className="hc-num">
          {job.state === "queued" ? t("exports.state_queued") : t("exports.percent", { percent })}
        </span>
      </span>
    );
  }
  if (job.state === "failed") {
    const code = job.error?.code ?? "";
    return (
      <span className="hc-job-fault">
        {faultText(code, job.error?.message ?? t("exports.state_failed"))} {faultAdvice(code)}
      </span>
    );
  }
  if (job.state === "cancelled") return <span className="hc-dim">{t("exports.state_cancelled")}</span>;
  return full && job.expires_ms !== null ? (
    <span className="hc-dim">{t("exports.keptUntil", { time: clock.dateTime(job.expires_ms) })}</span>
  ) : null;
}

interface JobButtonsProps extends Required<JobRowProps> {
  title: string;
}

function JobButtons({ job, title, actions, full }: JobButtonsProps) {
  const { t } = useTranslation();
  return (
    <div className="hc-job-actions">
      {job.state === "done" &&
        job.parts.map(({ number }) => (
          <Button
            key={number}
            component="a"
            href={fileOf(job, number)}
            download
            size="compact-md"
            variant="light"
            leftSection={<IconDownload size={16} aria-hidden />}
            aria-label={
              job.parts.length === 1
                ? t("exports.downloadOf", { name: title })
                : t("exports.partOf", { name: title, part: number })
            }
          >
            {job.parts.length === 1 ? t("exports.download") : t("exports.part", { part: number })}
          </Button>
        ))}
      {(job.state === "failed" || job.state === "cancelled") && (
        <Button
          size="compact-md"
          variant="default"
          leftSection={<IconRefresh size={16} aria-hidden />}
          onClick={() => actions.retry(job)}
          aria-label={t("exports.retryOf", { name: title })}
        >
          {t("exports.retry")}
        </Button>
      )}
      {full && (
        <Tooltip label={t("exports.show")}>
          <LinkIcon
            to="/playback"
            search={{ camera: job.camera, t: job.start_ms }}
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={t("exports.showOf", { name: title })}
          >
            <IconHistory size={18} stroke={1.6} />
          </LinkIcon>
        </Tooltip>
      )}
      <Tooltip label={isActive(job) ? t("app.cancel") : t("app.delete")}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          onClick={() => actions.remove(job, title)}
          aria-label={t(isActive(job) ? "exports.cancelOf" : "exports.deleteOf", { name: title })}
        >
          {isActive(job) ? <IconX size={18} stroke={1.7} /> : <IconTrash size={17} stroke={1.6} />}
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
