import { Button, Group } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconHistory } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queryClient, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { tellDone, tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { decideView, distance, renewView, type View, viewAlarmsQuery, viewsQuery } from "@/views/views";
import { BeforeAfter } from "./BeforeAfter";
import "./drift.css";

/** Where the camera looks: whether it was bumped, what became of its zones, and what a person says to it. */
export function Drift({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const query = useQuery(viewsQuery(camera.id));
  const [chosen, choose] = useState<string | null>(null);
  return (
    <section className="hc-panel hc-drift" aria-labelledby="hc-drift">
      <h2 id="hc-drift">{t("views.title")}</h2>
      {query.isPending ? (
        <Loading rows={2} height={64} />
      ) : query.data === undefined ? (
        <Failure error={query.error} retry={() => void query.refetch()} />
      ) : (
        <>
          <ul className="hc-drift-troubles" aria-label={t("views.health")}>
            {query.data.troubles.map((one) => (
              <li key={one.trouble} data-bad>
                <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
                {t(`views.trouble.${one.trouble}`)}
              </li>
            ))}
            {query.data.troubles.length === 0 && (
              <li>
                <IconCheck size={16} stroke={2} aria-hidden />
                {t("views.healthy")}
              </li>
            )}
          </ul>
          <OneView
            camera={camera}
            view={query.data.views.find((one) => one.id === chosen) ?? query.data.views[0]}
          />
          <History views={query.data.views} chosen={chosen} choose={choose} />
        </>
      )}
    </section>
  );
}

function OneView({ camera, view }: { camera: Camera; view: View | undefined }) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  if (view === undefined)
    return (
      <>
        <p className="hc-dim">{t("views.never")}</p>
        <Actions camera={camera} view={undefined} />
      </>
    );
  return (
    <article className="hc-drift-view" data-kind={view.kind} data-status={view.status}>
      <h3>{told(view, t, i18n.language)}</h3>
      <p className="hc-dim">
        {clock.dateTime(view.at_ms)} · {outcome(view, t)}
      </p>
      {view.kind !== "renewed" && <BeforeAfter key={view.id} camera={camera} view={view} />}
      <Actions camera={camera} view={view} />
    </article>
  );
}

function Actions({ camera, view }: { camera: Camera; view: View | undefined }) {
  const { t } = useTranslation();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const decide = useMutation({
    mutationFn: (how: "accept" | "undo" | "renew") =>
      how === "renew" ? renewView(camera.id) : decideView(camera.id, view!.id, how),
    onSuccess: (_view, how) => {
      tellDone(t(`views.done.${how}`));
      for (const key of [viewsQuery(camera.id).queryKey, viewAlarmsQuery.queryKey, ["zones"], ["lines"]])
        void queryClient.invalidateQueries({ queryKey: key });
    },
    onError: tellFailure,
  });
  if (!admin) return null;
  const button = (how: "accept" | "undo" | "renew", label: string, main: boolean) => (
    <Button
      key={how}
      size="compact-md"
      variant={main ? "filled" : "default"}
      loading={decide.isPending && decide.variables === how}
      disabled={decide.isPending}
      onClick={() => decide.mutate(how)}
    >
      {label}
    </Button>
  );
  const open = view?.newest === true && view.status === "open";
  const applied = view?.newest === true && view.kind === "moved" && view.status === "applied";
  const accepted = view?.newest === true && view.status === "accepted";
  return (
    <Group gap={8} className="hc-drift-actions">
      {applied && button("accept", t("views.accept"), true)}
      {open && view.step !== null && button("accept", t("views.acceptFar"), true)}
      {(applied || accepted) && button("undo", t("views.undo"), false)}
      {button("renew", t("views.renew"), open && view.step === null)}
    </Group>
  );
}

function History({
  views,
  chosen,
  choose,
}: {
  views: View[];
  chosen: string | null;
  choose: (id: string) => void;
}) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  if (views.length < 2) return null;
  const shown = chosen ?? views[0]!.id;
  return (
    <>
      <h3 className="hc-drift-past">
        <IconHistory size={16} stroke={1.6} aria-hidden />
        {t("views.history")}
      </h3>
      <ol className="hc-drift-history">
        {views.map((view) => (
          <li key={view.id}>
            <button type="button" aria-current={view.id === shown} onClick={() => choose(view.id)}>
              <span>{told(view, t, i18n.language)}</span>
              <span className="hc-dim">
                {clock.dateTime(view.at_ms)} · {outcome(view, t)}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}

/** One sentence: what happened. */
function told(view: View, t: TFunction, language: string): string {
  if (view.kind === "renewed") return t("views.renewed");
  if (view.shift === null) return t("views.lost");
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const by = {
    px: Math.round(distance(view.shift)).toLocaleString(language),
    degrees: number.format(Math.abs(view.shift.degrees)),
  };
  return t(view.kind === "moved" ? "views.moved" : "views.far", by);
}

function outcome(view: View, t: TFunction): string {
  const name = view.decided_by;
  return name === "" ? t(`views.status.${view.status}`) : t(`views.statusBy.${view.status}`, { name });
}
