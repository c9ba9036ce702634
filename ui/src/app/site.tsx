import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useMemo, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { sessionQuery, systemQuery } from "@/api/queries";
import { isTimeZone, type SiteClock, siteClock } from "@/time/zone";
import { readPreference, writePreference } from "./preferences";

export type TimeChoice = "site" | "mine";

interface Site {
  clock: SiteClock;
  choice: TimeChoice;
  setChoice(choice: TimeChoice): void;
}

const SiteContext = createContext<Site | null>(null);

export function SiteProvider({ children }: { children: ReactNode }) {
  const { i18n } = useTranslation();
  const session = useQuery({ ...sessionQuery, enabled: false }).data;
  const { data } = useQuery({ ...systemQuery, enabled: session != null });
  const [choice, setChoice] = useState<TimeChoice>(readPreference("time") === "mine" ? "mine" : "site");
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const site = data?.time_zone ?? "";
  const zone = choice === "mine" || !isTimeZone(site) ? mine : site;
  const value = useMemo<Site>(
    () => ({
      clock: siteClock(zone, i18n.language),
      choice,
      setChoice: (next) => {
        writePreference("time", next);
        setChoice(next);
      },
    }),
    [zone, i18n.language, choice],
  );
  return <SiteContext value={value}>{children}</SiteContext>;
}

export function useSite(): Site {
  const site = use(SiteContext);
  if (site === null) throw new Error("useSite outside SiteProvider");
  return site;
}

export const useClock = (): SiteClock => useSite().clock;

const tick = (listener: () => void): (() => void) => {
  const timer = setInterval(listener, 1_000);
  return () => clearInterval(timer);
};
const second = (): number => Math.floor(Date.now() / 1_000) * 1_000;

/** Now, in whole seconds; renders again each second. */
export const useNow = (): number => useSyncExternalStore(tick, second);
