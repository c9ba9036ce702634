import { Button, NativeSelect } from "@mantine/core";
import { IconDownload, IconListCheck, IconShieldCheck, IconShieldX } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { type AuditEntry, type AuditVerdict, auditQuery } from "@/api/keeping";
import { sessionQuery, usersQuery } from "@/api/queries";
import { AUDIT_ACTIONS, type AuditSearch } from "@/app/search";
import { useClock } from "@/app/site";
import { textOr } from "@/i18n";
import { useCameraName } from "@/parts/cameraNames";
import { DayRange } from "@/parts/DayRange";
import { tellFailure } from "@/parts/notices";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { dayBounds } from "@/time/zone";
import "../keeping.css";

/** Who looked at, took away, deleted or changed what. Each row carries the hash of the one before. */
export function Audit() {
  const { t } = useTranslation();
  const me = useQuery(sessionQuery).data?.user;
  if (me !== undefined && me.role !== "admin") {
    return (
      <Page title={t("nav.audit")}>
        <Empty icon={IconListCheck} title={t("audit.forbidden")} hint={t("users.forbiddenHint")} />
      </Page>
    );
  }
  return <AuditLog />;
}

function AuditLog() {
  const { t } = useTranslation();
  const clock = useClock();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/audit" });
  const filter = {
    user: search.user,
    action: search.action,
    after_ms: search.since === undefined ? undefined : dayBounds(search.since, clock.zone).start_ms,
    before_ms: search.until === undefined ? undefined : dayBounds(search.until, clock.zone).end_ms,
  };
  const log = useInfiniteQuery(auditQuery(filter));
  const entries = log.data?.pages.flatMap((page) => page.entries) ?? [];
  const filtered = Object.values(search).some((value) => value !== undefined);
  const go = (next: AuditSearch): void =>
    void navigate({ to: "/audit", search: { ...search, ...next }, replace: true });

  return (
    <Page
      title={t("nav.audit")}
      actions={
        <>
          <Verify />
          <Button
            component="a"
            href="/api/audit.csv"
            download
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            {t("audit.csv")}
          </Button>
        </>
      }
    >
      <AuditFilters search={search} go={go} />
      {log.isPending && <Loading rows={8} height={40} />}
      {log.isError && log.data === undefined && (
        <Failure error={log.error} retry={() => void log.refetch()} />
      )}
      {log.data !== undefined && entries.length === 0 && (
        <Empty
          icon={IconListCheck}
          title={filtered ? t("audit.noneFit") : t("audit.none")}
          hint={filtered ? t("exports.noneFitHint") : t("audit.noneHint")}
        />
      )}
      {entries.length > 0 && <AuditTable entries={entries} />}
      {log.hasNextPage && (
        <Button
          variant="default"
          mt="md"
          className="hc-more"
          loading={log.isFetchingNextPage}
          onClick={() => void log.fetchNextPage()}
        >
          {t("audit.more")}
        </Button>
      )}
    </Page>
  );
}

function AuditFilters({ search, go }: { search: AuditSearch; go: (next: AuditSearch) => void }) {
  const { t } = useTranslation();
  const users = useQuery(usersQuery).data ?? [];
  return (
    <div className="hc-filters">
      <NativeSelect
        aria-label={t("audit.user")}
        value={search.user ?? ""}
        onChange={(event) => go({ user: event.currentTarget.value || undefined })}
        data={[
          { value: "", label: t("audit.anyUser") },
          ...users.map((user) => ({ value: user.name, label: user.name })),
        ]}
      />
      <NativeSelect
        aria-label={t("audit.action")}
        value={search.action ?? ""}
        onChange={(event) => go({ action: AUDIT_ACTIONS.find((row) => row === event.currentTarget.value) })}
        data={[
          { value: "", label: t("audit.anyAction") },
          ...AUDIT_ACTIONS.map((action) => ({ value: action, label: t(`audit.action_${action}`) })),
        ]}
      />
      <DayRange since={search.since} until={search.until} change={go} />
    </div>
  );
}

function AuditTable({ entries }: { entries: AuditEntry[] }) {
  const { t } = useTranslation();
  const clock = useClock();
  const nameOf = useCameraName();
  const worded = (text: string): string => text.replace(/\bcam_[a-z0-9]+/g, (id) => nameOf(id));
  return (
    // In the order of the tab key: on a narrow screen it scrolls sideways.
    <section className="hc-table-wrap" tabIndex={0} aria-label={t("nav.audit")}>
      <table className="hc-table hc-audit">
        <thead>
          <tr>
            <th>{t("audit.number")}</th>
            <th>{t("audit.at")}</th>
            <th>{t("audit.user")}</th>
            <th>{t("audit.action")}</th>
            <th>{t("audit.object")}</th>
            <th>{t("audit.detail")}</th>
            <th>{t("audit.hash")}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.number} data-action={entry.action}>
              <td className="hc-dim hc-num">{entry.number}</td>
              <td className="hc-num">
                <time dateTime={new Date(entry.at_ms).toISOString()}>{clock.dateTime(entry.at_ms)}</time>
              </td>
              <td>{entry.user}</td>
              <td>
                <strong>{textOr(`audit.action_${entry.action}`, entry.action)}</strong>
              </td>
              <td>
                <AuditObject object={entry.object} text={worded(entry.object)} />
              </td>
              <td className="hc-dim">{worded(entry.detail)}</td>
              <td className="hc-dim">
                <code title={entry.hash}>{entry.hash.slice(0, 12)}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What it was about, as a way there while it is still to be seen. */
function AuditObject({ object, text }: { object: string; text: string }) {
  const { t } = useTranslation();
  if (object.startsWith("evt_"))
    return (
      <Link to="/events" search={{ event: object }}>
        {t("events.view")}
      </Link>
    );
  if (object.startsWith("exp_"))
    return (
      <Link to="/exports" search={{}}>
        {t("audit.export")}
      </Link>
    );
  return object.startsWith("bmk_") ? (
    <Link to="/bookmarks" search={{}}>
      {t("audit.bookmark")}
    </Link>
  ) : (
    text
  );
}

/** Asks the server to follow the chain from the first row to the last. */
function Verify() {
  const { t } = useTranslation();
  const verify = useMutation({
    mutationFn: () => request<AuditVerdict>("GET", "/api/audit/verify"),
    onError: tellFailure,
  });
  const verdict = verify.data;
  return (
    <>
      <span role="status" className="hc-verdict" data-ok={verdict?.ok}>
        {verdict !== undefined &&
          (verdict.ok ? (
            <>
              <IconShieldCheck size={17} aria-hidden /> {t("audit.whole", { count: verdict.entries })}
            </>
          ) : (
            <>
              <IconShieldX size={17} aria-hidden /> {t("audit.broken", { number: verdict.broken_at ?? 0 })}
            </>
          ))}
      </span>
      <Button
        variant="default"
        leftSection={<IconShieldCheck size={16} aria-hidden />}
        loading={verify.isPending}
        onClick={() => verify.mutate()}
      >
        {t("audit.verify")}
      </Button>
    </>
  );
}
