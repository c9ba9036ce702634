import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { type ExportDraft, type ExportJob, exportsQuery, isActive, withJob } from "@/api/keeping";
import { queryClient } from "@/api/queries";
import { deleteLater } from "@/parts/later";
import { tellFailure } from "@/parts/notices";

export const exportPath = (job: ExportJob): string => `/api/exports/${job.id}`;
export const fileOf = (job: ExportJob, part = 1): string =>
  `${exportPath(job)}/file.mp4${part === 1 ? "" : `?part=${part}`}`;
/** Names that the server gave: camera, time and offset, made for files and not for people. */
const OF_FILE = /_\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}/;
/** What somebody called it, else nothing. The server writes it as the name of a file, without blanks. */
export const givenName = (job: ExportJob): string =>
  OF_FILE.test(job.name) ? "" : job.name.replaceAll("_", " ");
const renew = (): Promise<void> => queryClient.invalidateQueries({ queryKey: exportsQuery.queryKey });

/** Hands a wish to the server; the tray shows the job from there on. */
export async function startExport(draft: ExportDraft): Promise<ExportJob> {
  const job = await request<ExportJob>("POST", "/api/exports", draft);
  queryClient.setQueryData<ExportJob[]>(exportsQuery.queryKey, (jobs) => withJob(jobs ?? [], job));
  return job;
}

export interface JobActions {
  cancel(job: ExportJob): void;
  retry(job: ExportJob): void;
  remove(job: ExportJob, title: string): void;
}

export function useJobActions(): JobActions {
  const { t } = useTranslation();
  const cancel = useCallback((job: ExportJob): void => {
    request("DELETE", exportPath(job)).then(renew, tellFailure);
  }, []);
  const retry = useCallback((job: ExportJob): void => {
    const { camera, start_ms, end_ms, burn_in, sound } = job;
    const name = givenName(job);
    const again = { camera, start_ms, end_ms, burn_in, sound, ...(name === "" ? {} : { name }) };
    startExport(again)
      .then(() => request("DELETE", exportPath(job)))
      .then(renew, tellFailure);
  }, []);
  const remove = useCallback(
    (job: ExportJob, title: string): void => {
      if (isActive(job)) cancel(job);
      else deleteLater(job.id, exportPath(job), t("exports.deleted", { name: title }), renew);
    },
    [t, cancel],
  );
  return { cancel, retry, remove };
}
