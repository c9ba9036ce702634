import { Badge, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconCommand,
  IconDeviceCctv,
  IconHistory,
  IconLayoutGrid,
  IconListSearch,
  IconSettings,
  IconUsers,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import { queryClient, sessionQuery } from "@/api/queries";
import { Logo } from "@/parts/Logo";
import { ServerBanner } from "./ServerBanner";
import { useShortcuts } from "./shortcuts";
import { useClock, useNow } from "./site";
import { UserMenu } from "./UserMenu";
import { useUnreviewed } from "./unreviewed";

const Palette = lazy(() => import("./Palette").then((module) => ({ default: module.Palette })));
const ShortcutSheet = lazy(() =>
  import("./ShortcutSheet").then((module) => ({ default: module.ShortcutSheet })),
);

const PLACES = [
  { to: "/live", key: "live", icon: IconLayoutGrid },
  { to: "/playback", key: "playback", icon: IconHistory },
  { to: "/events", key: "events", icon: IconListSearch },
  { to: "/cameras", key: "cameras", icon: IconDeviceCctv },
  { to: "/settings", key: "settings", icon: IconSettings },
] as const;

function NavLinks({ count, admin }: { count: number; admin: boolean }) {
  const { t } = useTranslation();
  const places = admin
    ? [...PLACES.slice(0, 4), { to: "/users", key: "users", icon: IconUsers } as const, PLACES[4]]
    : PLACES;
  return places.map(({ to, key, icon: Icon }) => (
    <Link
      key={key}
      to={to}
      className={`hc-nav-link${key === "users" ? " hc-nav-wide" : ""}`}
      activeProps={{ "data-active": true }}
      search={{}}
    >
      <Icon size={20} stroke={1.6} aria-hidden />
      <span>{t(`nav.${key}`)}</span>
      {key === "events" && count > 0 && (
        <Badge
          className="hc-nav-count"
          size="sm"
          circle={count < 10}
          variant="filled"
          aria-label={t("nav.unreviewed", { count })}
        >
          {count > 99 ? "99+" : count}
        </Badge>
      )}
    </Link>
  ));
}

function SiteTime() {
  const clock = useClock();
  const now = useNow();
  return (
    <div className="hc-nav-time">
      <time dateTime={new Date(now).toISOString()}>{clock.time(now)}</time>
      <span>{clock.badge(now)}</span>
    </div>
  );
}

export function Shell() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: session } = useQuery(sessionQuery);
  const [palette, setPalette] = useState(false);
  const [sheet, setSheet] = useState(false);
  const count = useUnreviewed();

  useEffect(() => {
    push.start();
    return () => push.stop();
  }, []);
  useEffect(() => {
    if (session === null)
      void navigate({ to: "/login", search: { next: location.pathname + location.search } });
  }, [session, navigate]);
  useEffect(
    () => push.onEvent(() => void queryClient.invalidateQueries({ queryKey: ["events", "count"] })),
    [],
  );
  useEffect(() => {
    const open = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((shown) => !shown);
      }
    };
    document.addEventListener("keydown", open);
    return () => document.removeEventListener("keydown", open);
  }, []);
  useShortcuts({
    "?": () => setSheet(true),
    "g l": () => void navigate({ to: "/live", search: {} }),
    "g e": () => void navigate({ to: "/events", search: {} }),
    "g p": () => void navigate({ to: "/playback", search: {} }),
    "g c": () => void navigate({ to: "/cameras" }),
    "g s": () => void navigate({ to: "/settings", search: {} }),
  });
  const admin = session?.user.role === "admin";

  return (
    <div className="hc-shell">
      <a className="hc-skip" href="#main">
        {t("app.skip")}
      </a>
      <header className="hc-side">
        <Link to="/live" search={{}} className="hc-brand" aria-label="Haechi">
          <Logo size={28} />
          <span>Haechi</span>
        </Link>
        <nav aria-label={t("nav.label")} className="hc-nav">
          <NavLinks count={count} admin={admin} />
        </nav>
        <div className="hc-side-foot">
          <Tooltip label={t("palette.open")} position="right">
            <UnstyledButton className="hc-nav-link" onClick={() => setPalette(true)}>
              <IconCommand size={20} stroke={1.6} aria-hidden />
              <span>{t("palette.short")}</span>
              <kbd>Ctrl K</kbd>
            </UnstyledButton>
          </Tooltip>
          <UserMenu openSheet={() => setSheet(true)} />
          <SiteTime />
        </div>
      </header>
      <main id="main" className="hc-main" tabIndex={-1}>
        <ServerBanner />
        <Outlet />
      </main>
      <Suspense>
        {palette && <Palette close={() => setPalette(false)} openSheet={() => setSheet(true)} />}
        {sheet && <ShortcutSheet close={() => setSheet(false)} />}
      </Suspense>
    </div>
  );
}
