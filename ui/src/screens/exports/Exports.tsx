import { NativeSelect, SegmentedControl } from "@mantine/core";
import { IconMovie } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type ExportJob, exportsQuery, isActive } from "@/api/keeping";
import { EXPORT_STATES, type ExportsSearch } from "@/app/search";
import { useCameraName } from "@/parts/cameraNames";
import { useDoomed } from "@/parts/later";
import { LinkButton } from "@/parts/links";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { byteSize } from "@/time/duration";
import { JobRow } from "./JobRow";
import { useJobActions } from "./jobs";
import "../keeping.css";

const fits = (job: ExportJob, { state, camera }: ExportsSearch): boolean =>
  (camera === undefined || job.camera === camera) &&
  (state === undefined ||
    (state === "active"
      ? isActive(job)
      : state === "failed"
        ? job.state === "failed" || job.state === "cancelled"
        : job.state === "done"));

/** All exports that are still there, newest first. */
export function Exports() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/exports" });
  const exports = useQuery(exportsQuery);
  const actions = useJobActions();
  const nameOf = useCameraName();
  const doomed = useDoomed();
  const all = (exports.data ?? []).filter((job) => !doomed.has(job.id));
  const jobs = all.filter((job) => fits(job, search));
  const cameras = [...new Set(all.map((job) => job.camera))];
  const bytes = all.reduce((sum, job) => sum + (job.bytes ?? 0), 0);
  const go = (next: ExportsSearch): void =>
    void navigate({ to: "/exports", search: { ...search, ...next }, replace: true });

  return (
    <Page
      title={t("nav.exports")}
      detail={all.length > 0 && <span className="hc-num">{byteSize(bytes, i18n.language)}</span>}
    >
      {all.length > 0 && (
        <div className="hc-filters">
          <SegmentedControl
            aria-label={t("exports.state")}
            value={search.state ?? "all"}
            onChange={(value) => go({ state: EXPORT_STATES.find((state) => state === value) })}
            data={["all", ...EXPORT_STATES].map((value) => ({
              value,
              label: t(`exports.filter_${value as "all" | (typeof EXPORT_STATES)[number]}`),
            }))}
          />
          <NativeSelect
            aria-label={t("events.camera")}
            value={search.camera ?? ""}
            onChange={(event) => go({ camera: event.currentTarget.value || undefined })}
            data={[
              { value: "", label: t("events.anyCamera") },
              ...cameras.map((id) => ({ value: id, label: nameOf(id) })),
            ]}
          />
        </div>
      )}
      {exports.isPending && <Loading rows={4} height={64} />}
      {exports.isError && exports.data === undefined && (
        <Failure error={exports.error} retry={() => void exports.refetch()} />
      )}
      {exports.data !== undefined && jobs.length === 0 && (
        <Empty
          icon={IconMovie}
          title={all.length === 0 ? t("exports.none") : t("exports.noneFit")}
          hint={all.length === 0 ? t("exports.noneHint") : t("exports.noneFitHint")}
        >
          {all.length === 0 && (
            <LinkButton to="/playback" search={{}}>
              {t("exports.toPlayback")}
            </LinkButton>
          )}
        </Empty>
      )}
      {jobs.length > 0 && (
        <ul className="hc-cards">
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} actions={actions} full />
          ))}
        </ul>
      )}
    </Page>
  );
}
