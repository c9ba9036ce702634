import { Autocomplete, Button, Group, NumberInput, Progress, Stack } from "@mantine/core";
import { IconAdjustments } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient, sessionQuery, settingsQuery, systemQuery } from "@/api/queries";
import type { Settings } from "@/api/types";
import { useClock } from "@/app/site";
import { LinkButton } from "@/parts/links";
import { tellDone, tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { byteSize } from "@/time/duration";
import { isTimeZone } from "@/time/zone";

export function Recording() {
  const settings = useQuery({ ...settingsQuery, refetchOnWindowFocus: false });
  return (
    <div className="hc-form">
      <Storage />
      {settings.isPending && <Loading rows={3} />}
      {settings.isError && settings.data === undefined && (
        <Failure error={settings.error} retry={() => void settings.refetch()} />
      )}
      {settings.data !== undefined && <RecordingForm saved={settings.data} />}
    </div>
  );
}

function Storage() {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const system = useQuery(systemQuery);
  if (system.data === undefined) return system.isPending ? <Loading rows={1} height={110} /> : null;
  const { used_bytes, free_bytes, oldest_ms, path } = system.data.storage;
  const total = used_bytes + free_bytes;
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  return (
    <section className="hc-panel">
      <h2>{t("settings.storage")}</h2>
      <Progress
        value={total === 0 ? 0 : (used_bytes / total) * 100}
        size="lg"
        aria-label={t("settings.storage")}
      />
      <dl className="hc-facts">
        <div>
          <dt>{t("settings.used")}</dt>
          <dd>{size(used_bytes)}</dd>
        </div>
        <div>
          <dt>{t("settings.free")}</dt>
          <dd>{size(free_bytes)}</dd>
        </div>
        <div>
          <dt>{t("settings.oldest")}</dt>
          <dd>{oldest_ms === null ? "–" : clock.dateTime(oldest_ms)}</dd>
        </div>
        <div>
          <dt>{t("settings.path")}</dt>
          <dd>
            <code>{path}</code>
          </dd>
        </div>
      </dl>
      {admin && (
        <LinkButton
          to="/storage"
          search={{ policy: "default" }}
          variant="default"
          mt="md"
          leftSection={<IconAdjustments size={16} aria-hidden />}
        >
          {t("storage.defaultTitle")}
        </LinkButton>
      )}
    </section>
  );
}

const GB = 1_000_000_000;

function RecordingForm({ saved }: { saved: Settings }) {
  const { t } = useTranslation();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const [reserve, setReserve] = useState<number | string>(saved.min_free_bytes / GB);
  const [zone, setZone] = useState(saved.time_zone);
  const zoneGood = isTimeZone(zone);
  const save = useMutation({
    mutationFn: () =>
      request<Settings>("PATCH", "/api/settings", {
        min_free_bytes: Math.round(Number(reserve) * GB),
        time_zone: zone,
      }),
    onSuccess: async () => {
      tellDone(t("app.saved"));
      await queryClient.invalidateQueries({ queryKey: settingsQuery.queryKey });
      await queryClient.invalidateQueries({ queryKey: systemQuery.queryKey });
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form className="hc-panel" onSubmit={submit}>
      <Stack gap="md">
        <NumberInput
          label={t("settings.reserve")}
          description={t("settings.reserveHint")}
          value={reserve}
          onChange={setReserve}
          min={0.1}
          decimalScale={1}
          suffix=" GB"
          disabled={!admin}
        />
        <Autocomplete
          label={t("settings.zone")}
          description={t("settings.zoneHint")}
          value={zone}
          onChange={setZone}
          data={Intl.supportedValuesOf("timeZone")}
          limit={30}
          error={zoneGood ? null : t("settings.zoneUnknown")}
          disabled={!admin}
        />
        {admin && (
          <Group justify="end">
            <Button type="submit" loading={save.isPending} disabled={!zoneGood || reserve === ""}>
              {t("app.save")}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}
