import { useTranslation } from "react-i18next";
import type { ExportJob } from "@/api/keeping";
import { JobRow } from "@/screens/exports/JobRow";
import { useJobActions } from "@/screens/exports/jobs";

/** The tray opened: every job with its buttons. */
export function TrayPanel({ jobs }: { jobs: ExportJob[] }) {
  const { t } = useTranslation();
  const actions = useJobActions();
  return (
    <ul className="hc-tray-list" aria-label={t("exports.title")}>
      {jobs.map((job) => (
        <JobRow key={job.id} job={job} actions={actions} />
      ))}
    </ul>
  );
}
