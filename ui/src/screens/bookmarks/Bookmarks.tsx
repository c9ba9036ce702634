import { Button, NativeSelect, Switch, TextInput } from "@mantine/core";
import { IconBookmark, IconPlus, IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { bookmarksQuery } from "@/api/keeping";
import { camerasQuery } from "@/api/queries";
import type { BookmarksSearch } from "@/app/search";
import { useClock } from "@/app/site";
import { useCameraName } from "@/parts/cameraNames";
import { DayRange } from "@/parts/DayRange";
import { useDoomed } from "@/parts/later";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { dayBounds } from "@/time/zone";
import { BookmarkDialog } from "./BookmarkDialog";
import { BookmarkRow } from "./BookmarkRow";
import "../keeping.css";

/** Moments that somebody marked, newest first. */
export function Bookmarks() {
  const { t } = useTranslation();
  const clock = useClock();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/bookmarks" });
  const cameras = useQuery(camerasQuery).data ?? [];
  const nameOf = useCameraName();
  const doomed = useDoomed();
  const [adding, setAdding] = useState(false);
  const bookmarks = useQuery({
    ...bookmarksQuery({
      camera: search.camera,
      start_ms: search.since === undefined ? undefined : dayBounds(search.since, clock.zone).start_ms,
      end_ms: search.until === undefined ? undefined : dayBounds(search.until, clock.zone).end_ms,
    }),
    placeholderData: keepPreviousData,
  });
  const text = (search.text ?? "").toLocaleLowerCase();
  const rows = (bookmarks.data ?? []).filter(
    (row) =>
      !doomed.has(row.id) &&
      (search.kept !== true || row.keep) &&
      (text === "" || row.note.toLocaleLowerCase().includes(text)),
  );
  const filtered = Object.values(search).some((value) => value !== undefined);
  const go = (next: BookmarksSearch): void =>
    void navigate({ to: "/bookmarks", search: { ...search, ...next }, replace: true });
  const now = Date.now();

  return (
    <Page
      title={t("nav.bookmarks")}
      actions={
        cameras.length > 0 && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            {t("bookmarks.new")}
          </Button>
        )
      }
    >
      {(filtered || rows.length > 0) && (
        <div className="hc-filters">
          <TextInput
            aria-label={t("bookmarks.find")}
            placeholder={t("bookmarks.find")}
            leftSection={<IconSearch size={16} aria-hidden />}
            value={search.text ?? ""}
            onChange={(event) => go({ text: event.currentTarget.value || undefined })}
          />
          <NativeSelect
            aria-label={t("events.camera")}
            value={search.camera ?? ""}
            onChange={(event) => go({ camera: event.currentTarget.value || undefined })}
            data={[
              { value: "", label: t("events.anyCamera") },
              ...cameras.map((row) => ({ value: row.id, label: row.name })),
            ]}
          />
          <DayRange since={search.since} until={search.until} change={go} />
          <Switch
            label={t("bookmarks.keptOnly")}
            checked={search.kept === true}
            onChange={(event) => go({ kept: event.currentTarget.checked || undefined })}
          />
        </div>
      )}
      {bookmarks.isPending && <Loading rows={4} height={92} />}
      {bookmarks.isError && bookmarks.data === undefined && (
        <Failure error={bookmarks.error} retry={() => void bookmarks.refetch()} />
      )}
      {bookmarks.data !== undefined && rows.length === 0 && (
        <Empty
          icon={IconBookmark}
          title={filtered ? t("bookmarks.noneFit") : t("bookmarks.none")}
          hint={filtered ? t("exports.noneFitHint") : t("bookmarks.noneHint")}
        >
          {filtered && (
            <Button
              variant="default"
              onClick={() => void navigate({ to: "/bookmarks", search: {}, replace: true })}
            >
              {t("bookmarks.clear")}
            </Button>
          )}
        </Empty>
      )}
      {rows.length > 0 && (
        <ul className="hc-cards">
          {rows.map((row) => (
            <BookmarkRow key={row.id} bookmark={row} camera={nameOf(row.camera)} />
          ))}
        </ul>
      )}
      {adding && (
        <BookmarkDialog
          cameras={cameras}
          startMs={now - 60_000}
          endMs={now}
          onClose={() => setAdding(false)}
        />
      )}
    </Page>
  );
}
