import { useTranslation } from "react-i18next";
import { byteSize } from "@/time/duration";
import type { WorkerLoad } from "./api";
import { toneOf } from "./verdict";

interface WorkersProps {
  workers: WorkerLoad[];
  promised: number;
}

/** A bar for each worker: what it uses, what is wanted of it, and up to where cameras are promised to it. */
export function Workers({ workers, promised }: WorkersProps) {
  const { t, i18n } = useTranslation();
  const percent = new Intl.NumberFormat(i18n.language, { style: "percent", maximumFractionDigits: 0 });
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  const most = Math.max(1, ...workers.map((worker) => worker.wanted));
  const place = (share: number): string => `${(Math.min(share, most) / most) * 100}%`;
  return (
    <ul className="hc-workers">
      {workers.map((worker) => (
        <li
          key={worker.number}
          className="hc-panel hc-worker"
          data-worker={worker.number}
          data-tone={toneOf(worker, promised)}
        >
          <header>
            <h3>{t("capacity.worker", { number: worker.number + 1 })}</h3>
            <span className="hc-dim hc-num">
              {worker.ready ? t("capacity.streams", { count: worker.streams }) : t("capacity.notReady")}
            </span>
          </header>
          <div
            className="hc-worker-bar"
            role="meter"
            aria-valuemin={0}
            aria-valuemax={Math.round(most * 100)}
            aria-valuenow={Math.round(worker.used * 100)}
            aria-label={t("capacity.usedOf", { number: worker.number + 1 })}
          >
            <i className="hc-worker-wanted" style={{ inlineSize: place(worker.wanted) }} />
            <i className="hc-worker-used" style={{ inlineSize: place(worker.used) }} />
            <i className="hc-worker-limit" style={{ insetInlineStart: place(promised) }} />
          </div>
          <dl className="hc-worker-facts hc-num">
            <Fact name={t("capacity.used")} value={percent.format(worker.used)} />
            <Fact name={t("capacity.wanted")} value={percent.format(worker.wanted)} />
            <Fact
              name={t("capacity.late")}
              value={t("capacity.seconds", { n: number.format(worker.late_s) })}
            />
            <Fact
              name={t("capacity.memory")}
              value={worker.memory_bytes === null ? "–" : byteSize(worker.memory_bytes, i18n.language)}
            />
            <Fact name={t("capacity.restarts")} value={number.format(worker.restarts)} />
          </dl>
        </li>
      ))}
    </ul>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
