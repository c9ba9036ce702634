import { Skeleton } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { RetentionPlan } from "@/api/keeping";
import { useClock } from "@/app/site";
import { planRows, planTotal } from "@/keeping/plan";
import { byteSize } from "@/time/duration";

/** "This would delete 132 recordings, 4.1 GB", by camera and class; nothing has been deleted yet. */
export function DryRun({ plan, stale }: { plan: RetentionPlan | undefined; stale: boolean }) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  if (plan === undefined) return <Skeleton height={52} radius="md" aria-busy="true" />;
  const total = planTotal(plan);
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  if (total.recordings === 0)
    return (
      <p className="hc-dry" role="status" data-stale={stale || undefined} data-recordings={0}>
        <IconCircleCheck size={18} stroke={1.7} aria-hidden /> {t("storage.dryNothing")}
      </p>
    );
  return (
    <div
      className="hc-dry"
      role="status"
      data-bad
      data-stale={stale || undefined}
      data-recordings={total.recordings}
    >
      <IconAlertTriangle size={18} stroke={1.7} aria-hidden />
      <div>
        <strong>
          {t("storage.dry", {
            count: total.recordings,
            size: size(total.bytes),
            time: total.oldest_ms === null ? "–" : clock.dateTime(total.oldest_ms),
          })}
        </strong>
        <ul className="hc-num">
          {planRows(plan).map((camera) => (
            <li key={camera.camera}>
              <span>{camera.name}</span>
              {camera.classes.map((row) => (
                <span key={row.class} className="hc-dim">
                  {t("storage.dryClass", {
                    count: row.recordings,
                    class: t(`storage.class_${row.class}`),
                    size: size(row.bytes),
                  })}
                </span>
              ))}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
