import { IconAlertTriangle, IconCpu, IconGauge } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/api/queries";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { type CapacityReport, capacityQuery } from "./api";
import { CameraLoads } from "./CameraLoads";
import { verdictOf } from "./verdict";
import { Workers } from "./Workers";
import "./capacity.css";

/** What looking at the cameras costs, and how many more this machine could look at. */
export function Capacity() {
  const { t } = useTranslation();
  const me = useQuery(sessionQuery).data?.user;
  if (me !== undefined && me.role !== "admin") {
    return (
      <Page title={t("nav.capacity")}>
        <Empty icon={IconGauge} title={t("capacity.forbidden")} hint={t("users.forbiddenHint")} />
      </Page>
    );
  }
  return <CapacityPage />;
}

function CapacityPage() {
  const { t } = useTranslation();
  const report = useQuery(capacityQuery);
  return (
    <Page title={t("nav.capacity")}>
      {report.isPending && <Loading rows={3} height={150} />}
      {report.isError && report.data === undefined && (
        <Failure error={report.error} retry={() => void report.refetch()} />
      )}
      {report.data !== undefined && <Report report={report.data} />}
    </Page>
  );
}

function Report({ report }: { report: CapacityReport }) {
  const { t } = useTranslation();
  if (report.workers.length === 0)
    return <Empty icon={IconGauge} title={t("capacity.off")} hint={t("capacity.offHint")} />;
  return (
    <div className="hc-capacity">
      <Summary report={report} />
      <section>
        <h2>{t("capacity.workers")}</h2>
        <Workers workers={report.workers} promised={report.promised} />
      </section>
      <CameraLoads cameras={report.cameras} />
    </div>
  );
}

/** How many more fit, in one sentence; before it what is wrong, if something is. */
function Summary({ report }: { report: CapacityReport }) {
  const { t, i18n } = useTranslation();
  const verdict = verdictOf(report);
  const { like_mean, like_dearest } = report.more;
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const isBad = verdict === "strained" || verdict === "away";
  const Icon = isBad ? IconAlertTriangle : IconGauge;
  return (
    <section className="hc-panel hc-capacity-summary" data-verdict={verdict}>
      <Icon size={24} stroke={1.6} aria-hidden />
      <div>
        {isBad && <p className="hc-capacity-sentence hc-capacity-wrong">{t(`capacity.${verdict}`)}</p>}
        <p className={isBad ? undefined : "hc-capacity-sentence"} role="status">
          {like_mean === null
            ? t("capacity.unknown")
            : like_mean === 0
              ? t("capacity.full")
              : t("capacity.more", { count: like_mean })}
        </p>
        {like_mean !== null && like_dearest !== null && like_mean !== like_dearest && (
          <p className="hc-dim">{t("capacity.dearest", { count: like_dearest })}</p>
        )}
        <p className="hc-dim hc-capacity-cores">
          <IconCpu size={15} stroke={1.6} aria-hidden />
          {report.idle_cores === null
            ? t("capacity.coresOnly", { cores: number.format(report.cores) })
            : t("capacity.cores", {
                idle: number.format(report.idle_cores),
                cores: number.format(report.cores),
              })}
        </p>
      </div>
    </section>
  );
}
