import { ActionIcon, Button, Progress, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconAlertTriangle,
  IconChevronUp,
  IconCircleCheck,
  IconDownload,
  IconMovie,
  IconX,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ExportJob, exportsQuery, isActive } from "@/api/keeping";
import { readPreference, writePreference } from "@/app/preferences";
import { awayOf, awayText, newsOf, summaryOf, trayJobs } from "@/keeping/tray";
import { useCameraName } from "./cameraNames";
import { useDoomed } from "./later";

const TrayPanel = lazy(() => import("./TrayPanel").then((module) => ({ default: module.TrayPanel })));
const NONE: ExportJob[] = [];

/** Says aloud, once, what has changed: a job that began, ended or failed. */
function useNews(jobs: ExportJob[] | undefined): string {
  const { t } = useTranslation();
  const nameOf = useCameraName();
  const before = useRef<ExportJob[] | null>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (jobs === undefined) return;
    const news = newsOf(before.current, jobs);
    before.current = jobs;
    if (news.length > 0)
      setSaid(news.map(({ kind, job }) => t(`exports.said_${kind}`, { name: nameOf(job.camera) })).join(" "));
  }, [jobs, t, nameOf]);
  return said;
}

/** Exports under way and just made, docked under every page: it takes room of its own and hides nothing. */
export function Tray() {
  const { t } = useTranslation();
  const { data } = useQuery(exportsQuery);
  const doomed = useDoomed();
  const said = useNews(data);
  const [open, setOpen] = useState(false);
  const [away, setAway] = useState(() => awayOf(readPreference("tray")));
  const jobs = trayJobs(data ?? NONE, away, Date.now()).filter((job) => !doomed.has(job.id));
  const { active, done, failed, progress } = summaryOf(jobs);
  const putAway = (): void => {
    const next = new Set([...away, ...jobs.filter((job) => !isActive(job)).map((job) => job.id)]);
    writePreference("tray", awayText(next, data ?? NONE));
    setAway(next);
    setOpen(false);
  };
  const percent = Math.floor(progress * 100);
  const Icon = active > 0 ? IconMovie : failed > 0 ? IconAlertTriangle : IconCircleCheck;
  const title =
    active > 0
      ? t("exports.trayActive", { count: active })
      : failed > 0
        ? t("exports.trayFailed", { count: failed })
        : t("exports.trayDone", { count: done });
  const only = jobs.length === 1 && jobs[0]?.state === "done" ? jobs[0] : null;

  return (
    <>
      <div className="hc-visually-hidden" role="status">
        {said}
      </div>
      {jobs.length > 0 && (
        <section
          className="hc-tray"
          aria-label={t("exports.tray")}
          data-open={open || undefined}
          data-state={active > 0 ? "active" : failed > 0 ? "failed" : "done"}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || !open) return;
            event.stopPropagation();
            setOpen(false);
          }}
        >
          {open && (
            <div className="hc-tray-panel">
              <Suspense>
                <TrayPanel jobs={jobs} />
              </Suspense>
              <Link to="/exports" search={{}} onClick={() => setOpen(false)}>
                {t("exports.all")}
              </Link>
            </div>
          )}
          <div className="hc-tray-bar">
            <UnstyledButton
              className="hc-tray-head"
              aria-expanded={open}
              onClick={() => setOpen((shown) => !shown)}
            >
              <Icon size={18} stroke={1.7} aria-hidden />
              <span className="hc-tray-title">{title}</span>
              {active > 0 && <span className="hc-num hc-dim">{t("exports.percent", { percent })}</span>}
              <IconChevronUp size={16} className="hc-tray-chevron" aria-hidden />
            </UnstyledButton>
            {only !== null && (
              <Button
                component="a"
                href={`/api/exports/${only.id}/file.mp4`}
                download
                size="compact-sm"
                leftSection={<IconDownload size={15} aria-hidden />}
              >
                {t("exports.download")}
              </Button>
            )}
            {active === 0 && (
              <Tooltip label={t("exports.putAway")}>
                <ActionIcon variant="subtle" color="gray" onClick={putAway} aria-label={t("exports.putAway")}>
                  <IconX size={17} />
                </ActionIcon>
              </Tooltip>
            )}
            {active > 0 && (
              <Progress
                className="hc-tray-progress"
                value={percent}
                size={3}
                radius={0}
                aria-label={t("exports.trayActive", { count: active })}
              />
            )}
          </div>
        </section>
      )}
    </>
  );
}
