import { Button, Checkbox, Group, NativeSelect, NumberInput, SimpleGrid, Switch } from "@mantine/core";
import { IconAccessPoint } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { Camera, Severity } from "@/api/types";
import { useClock } from "@/app/site";
import { LinkButton } from "@/parts/links";
import { faultText, labelName } from "@/parts/names";
import { tellDone, tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { KINDS, offered, type Reports, type ReportsWish, reportsQuery, topicsQuery } from "./reports";
import { onvifQuery } from "./types";
import "./onvif.css";

/** What the camera itself notices: whether it becomes events, and which of it. */
export function ReportsForm({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const reports = useQuery(reportsQuery(camera.id));
  const standing = useQuery(onvifQuery(camera.id));
  return (
    <section className="hc-panel hc-device hc-device-wide" aria-label={t("reports.title")}>
      <header>
        <span className="hc-find-icon">
          <IconAccessPoint size={22} stroke={1.5} aria-hidden />
        </span>
        <div>
          <h2>{t("reports.title")}</h2>
          <p className="hc-dim hc-small">{t("reports.hint")}</p>
        </div>
      </header>
      {reports.isPending || standing.isPending ? (
        <Loading rows={2} height={34} />
      ) : reports.data === undefined ? (
        <Failure error={reports.error} retry={() => void reports.refetch()} />
      ) : (
        <>
          {standing.data?.linked === false && <LinkFirst camera={camera} />}
          {(standing.data?.linked !== false || reports.data.enabled) && (
            <Choice camera={camera} reports={reports.data} linked={standing.data?.linked === true} />
          )}
        </>
      )}
    </section>
  );
}

function LinkFirst({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between">
      <p className="hc-text">{t("reports.needsLink")}</p>
      <LinkButton
        to="/cameras/$cameraId"
        params={{ cameraId: camera.id }}
        search={{ tab: "general" }}
        variant="default"
        size="sm"
      >
        {t("reports.linkFirst")}
      </LinkButton>
    </Group>
  );
}

const wishOf = (reports: Reports): ReportsWish => ({
  enabled: reports.enabled,
  kinds: reports.kinds,
  severity: reports.severity,
  cooldown_s: reports.cooldown_s,
});

function Choice({ camera, reports, linked }: { camera: Camera; reports: Reports; linked: boolean }) {
  const { t } = useTranslation();
  const [edited, setEdited] = useState<ReportsWish | null>(null);
  const wish = edited ?? wishOf(reports);
  const edit = (change: Partial<ReportsWish>): void => setEdited({ ...wish, ...change });
  const save = useMutation({
    mutationFn: () => request<Reports>("PUT", `/api/cameras/${camera.id}/reports`, wish),
    onSuccess: (answer) => {
      queryClient.setQueryData(reportsQuery(camera.id).queryKey, answer);
      setEdited(null);
      tellDone(t("reports.saved"));
    },
    onError: tellFailure,
  });
  const empty = wish.enabled && wish.kinds.length === 0;
  return (
    <div className="hc-reports">
      <Group justify="space-between">
        <Switch
          checked={wish.enabled}
          onChange={(event) => edit({ enabled: event.currentTarget.checked })}
          label={t("reports.enabled")}
        />
        <Standing reports={reports} />
      </Group>
      <Kinds camera={camera} wish={wish} edit={edit} linked={linked} />
      {empty && (
        <p className="hc-bad-text hc-small" role="alert">
          {t("reports.chooseOne")}
        </p>
      )}
      <Group align="end" gap="md">
        <NativeSelect
          label={t("reports.severity")}
          value={wish.severity}
          onChange={(event) => edit({ severity: event.currentTarget.value as Severity })}
          data={(["alert", "detection"] as const).map((value) => ({ value, label: t(`severity.${value}`) }))}
        />
        <NumberInput
          label={t("reports.cooldown")}
          value={wish.cooldown_s}
          min={1}
          max={86_400}
          step={5}
          suffix=" s"
          onChange={(value) => edit({ cooldown_s: typeof value === "number" ? value : wish.cooldown_s })}
        />
        <span className="hc-grow" />
        <Button onClick={() => save.mutate()} loading={save.isPending} disabled={edited === null || empty}>
          {t("reports.save")}
        </Button>
      </Group>
    </div>
  );
}

/** Whether it is heard, and what came last. */
function Standing({ reports }: { reports: Reports }) {
  const { t } = useTranslation();
  const clock = useClock();
  const reason = reports.error === null ? "" : faultText(reports.error.code, reports.error.message);
  const last =
    reports.last_ms === null
      ? t("reports.nothingYet")
      : t("reports.last", { topic: reports.last_topic, when: clock.time(reports.last_ms) });
  return (
    <span className="hc-hearing" data-state={reports.state} role="status">
      <i aria-hidden />
      <span>
        {t(`reports.state_${reports.state}`, { reason })}
        {reports.state === "listening" && <span className="hc-dim"> · {last}</span>}
      </span>
    </span>
  );
}

interface KindsProps {
  camera: Camera;
  wish: ReportsWish;
  edit: (change: Partial<ReportsWish>) => void;
  linked: boolean;
}

function Kinds({ camera, wish, edit, linked }: KindsProps) {
  const { t } = useTranslation();
  const topics = useQuery({ ...topicsQuery(camera.id), enabled: linked });
  const named = offered(topics.data);
  const fault = topics.data?.error ?? null;
  const note =
    fault !== null
      ? t("reports.topicsFailed", { reason: faultText(fault.code, fault.message) })
      : named === null
        ? ""
        : named.size === 0
          ? t("reports.noneOffered")
          : t("reports.offered");
  return (
    <Checkbox.Group
      label={t("reports.kinds")}
      description={note}
      value={wish.kinds}
      onChange={(values) => edit({ kinds: KINDS.filter((kind) => values.includes(kind)) })}
    >
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="xs" mt={8}>
        {KINDS.map((kind) => (
          <Checkbox
            key={kind}
            value={kind}
            className={named !== null && !named.has(kind) ? "hc-kind hc-kind-dim" : "hc-kind"}
            label={labelName(kind)}
            description={
              named?.get(kind)?.join(", ").replaceAll("/", "/\u200b") ??
              (named === null ? undefined : t("reports.notOffered"))
            }
          />
        ))}
      </SimpleGrid>
    </Checkbox.Group>
  );
}
