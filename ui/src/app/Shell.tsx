import { Badge, Tooltip, UnstyledButton } from "@mantine/core";
import { IconCommand, IconDotsCircleHorizontal } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import { queryClient, sessionQuery } from "@/api/queries";
import { Logo } from "@/parts/Logo";
import { Tray } from "@/parts/Tray";
import { ViewBanner } from "@/views/ViewBanner";
import { type Place, placesFor } from "./places";
import { ServerBanner } from "./ServerBanner";
import { StorageBanner } from "./StorageBanner";
import { useShortcuts } from "./shortcuts";
import { useClock, useNow } from "./site";
import { UserMenu } from "./UserMenu";
import { useUnreviewed } from "./unreviewed";

const Palette = lazy(() => import("./Palette").then((module) => ({ default: module.Palette })));
const ShortcutSheet = lazy(() =>
  import("./ShortcutSheet").then((module) => ({ default: module.ShortcutSheet })),
);

const MoreSheet = lazy(() => import("./MoreSheet").then((module) => ({ default: module.MoreSheet })));

interface NavLinksProps {
  count: number;
  places: readonly Place[];
}

function NavLinks({ count, places }: NavLinksProps) {
  const { t } = useTranslation();
  return places.map(({ to, key, icon: Icon, wide }) => (
    <Link
      key={key}
      to={to}
      className={`hc-nav-link${wide ? " hc-nav-wide" : ""}`}
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
  const [more, setMore] = useState(false);
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
  const admin = session?.user.role === "admin";
  const places = placesFor(admin);
  useShortcuts({
    "?": () => setSheet(true),
    ...Object.fromEntries(
      places.map(({ letter, to }) => [`g ${letter}`, () => void navigate({ to, search: {} })]),
    ),
  });
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
          <NavLinks count={count} places={places} />
          <UnstyledButton className="hc-nav-link hc-nav-more" onClick={() => setMore(true)}>
            <IconDotsCircleHorizontal size={20} stroke={1.6} aria-hidden />
            <span>{t("nav.more")}</span>
          </UnstyledButton>
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
      <div className="hc-column">
        <main id="main" className="hc-main" tabIndex={-1}>
          <ServerBanner />
          <StorageBanner admin={admin} />
          <ViewBanner />
          <Outlet />
        </main>
        <Tray />
      </div>
      <Suspense>
        {palette && <Palette close={() => setPalette(false)} openSheet={() => setSheet(true)} />}
        {more && (
          <MoreSheet
            places={places.filter((place) => place.wide)}
            close={() => setMore(false)}
            openPalette={() => setPalette(true)}
          />
        )}
        {sheet && <ShortcutSheet close={() => setSheet(false)} />}
      </Suspense>
    </div>
  );
}
