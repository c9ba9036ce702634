import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sessionQuery, systemQuery } from "@/api/queries";
import { useClock, useNow } from "@/app/site";
import { Logo } from "@/parts/Logo";
import { Failure, Loading } from "@/parts/states";
import { roughDuration } from "@/time/duration";
import { Renditions } from "./Renditions";

export function About() {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const now = useNow();
  const session = useQuery(sessionQuery);
  const system = useQuery(systemQuery);
  if (system.isPending) return <Loading rows={2} />;
  if (system.data === undefined) return <Failure error={system.error} retry={() => void system.refetch()} />;
  const isAdmin = session.data?.user.role === "admin";
  const { version, started_ms, cameras, demo } = system.data;
  const rows: [string, string][] = [
    [t("about.version"), version],
    [t("about.running"), `${roughDuration(now - started_ms, i18n.language)} (${clock.dateTime(started_ms)})`],
    [t("about.cameras"), t("about.camerasLive", { live: cameras.live, total: cameras.total })],
    [t("about.mode"), demo ? t("about.demo") : t("about.normal")],
    [t("about.licence"), "Apache-2.0"],
  ];
  return (
    <Stack gap="md">
      <section className="hc-form hc-panel hc-about">
        <header>
          <Logo size={48} />
          <div>
            <h2>Haechi</h2>
            <p className="hc-dim">{t("about.motto")}</p>
          </div>
        </header>
        <dl className="hc-facts">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p>
          <a href="/docs" target="_blank" rel="noreferrer">
            {t("app.apiDocs")}
          </a>
        </p>
      </section>
      {isAdmin && <Renditions />}
    </Stack>
  );
}
