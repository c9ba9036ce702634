import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/api/queries";
import { SETTINGS_TABS } from "@/app/search";
import { Page } from "@/parts/Page";
import { About } from "./About";
import { Account } from "./Account";
import { Display } from "./Display";
import { Models } from "./Models";
import { PushClients } from "./PushClients";
import { Recording } from "./Recording";

const PANELS = {
  display: Display,
  recording: Recording,
  models: Models,
  clients: PushClients,
  account: Account,
  about: About,
} as const;

export function Settings() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = "display" } = useSearch({ from: "/house/settings" });
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const tabs = SETTINGS_TABS.filter((value) => admin || value !== "clients");
  return (
    <Page title={t("nav.settings")}>
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({
            to: "/settings",
            search: { tab: SETTINGS_TABS.find((row) => row === next) },
            replace: true,
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map((value) => (
            <Tabs.Tab key={value} value={value}>
              {t(`settings.tab_${value}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map((value) => {
          const Panel = PANELS[value];
          return (
            <Tabs.Panel key={value} value={value}>
              <Panel />
            </Tabs.Panel>
          );
        })}
      </Tabs>
    </Page>
  );
}
