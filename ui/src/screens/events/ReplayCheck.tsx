import { Button } from "@mantine/core";
import { IconCircleCheck, IconEqualNot, IconFingerprint } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import type { EventDetail, ReplayReport } from "@/api/types";
import { stageName } from "@/parts/names";
import { tellFailure } from "@/parts/notices";

/** A replay takes as long as decoding and looking takes: the seconds show that it is alive. */
function Progress() {
  const { t } = useTranslation();
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((value) => value + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p className="hc-replay-progress hc-num" role="status">
      {t("replay.working", { seconds })}
    </p>
  );
}

/** Decides again on the recorded bytes and says whether the answer is the same, or where it parts. */
export function ReplayCheck({ event }: { event: EventDetail }) {
  const { t } = useTranslation();
  const replay = useMutation({
    mutationFn: () => request<ReplayReport>("POST", `/api/events/${event.id}/replay`, {}),
    onError: tellFailure,
  });
  const report = replay.data;
  return (
    <section className="hc-replay" aria-label={t("replay.title")}>
      <div>
        <h3>{t("replay.title")}</h3>
        <p className="hc-dim">{t("replay.hint")}</p>
        {event.model !== null && (
          <p className="hc-hashes">
            {t("replay.model")} <code>{event.model.hash.slice(0, 12)}</code> {t("replay.config")}{" "}
            <code>{(event.config_hash ?? "").slice(0, 12)}</code>
          </p>
        )}
      </div>
      <Button
        variant="default"
        leftSection={<IconFingerprint size={16} />}
        loading={replay.isPending}
        onClick={() => replay.mutate()}
      >
        {t("replay.button")}
      </Button>
      {replay.isPending && <Progress />}
      {report !== undefined && (
        <output className="hc-replay-result" data-identical={report.identical}>
          {report.identical ? (
            <IconCircleCheck size={20} aria-hidden />
          ) : (
            <IconEqualNot size={20} aria-hidden />
          )}
          <span>
            <strong>
              {report.identical
                ? t("replay.identical")
                : t("replay.differs", { stage: stageName(report.stage ?? "") })}
            </strong>{" "}
            {report.identical
              ? t("replay.compared", { count: report.compared })
              : t("replay.differing", { differing: report.differing, compared: report.compared })}
            {!report.identical && report.message !== "" && <> {report.message}</>}
          </span>
        </output>
      )}
    </section>
  );
}
