import { Button, Select } from "@mantine/core";
import { IconArrowUp, IconChecks, IconFilterOff, IconListSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import { camerasQuery, fetchEvents, queryClient } from "@/api/queries";
import type { Severity } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { useUnreviewed } from "@/app/unreviewed";
import { labelName } from "@/parts/names";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { EventList } from "./EventList";
import { EventView } from "./EventView";
import { renew, useReview } from "./review";

const LABELS = [
  "person",
  "car",
  "bicycle",
  "motorcycle",
  "truck",
  "bus",
  "dog",
  "cat",
  "backpack",
  "suitcase",
  "motion",
  "vehicle",
  "animal",
  "line",
  "intrusion",
  "tamper",
  "input",
  "sound",
];

export function Events() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/house/events" });
  const { event: openId, ...filter } = search;
  const cameras = useQuery(camerasQuery).data ?? [];
  const unreviewed = useUnreviewed();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const review = useReview();
  const lastReviewed = useRef<{ ids: string[]; reviewed: boolean } | null>(null);

  const list = useInfiniteQuery({
    queryKey: ["events", "pages", filter],
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam, signal }) => fetchEvents({ ...filter, before_ms: pageParam, limit: 40 }, signal),
    getNextPageParam: (page) => page.next_before_ms ?? undefined,
    refetchOnWindowFocus: false,
  });
  const events = useMemo(() => list.data?.pages.flatMap((page) => page.events) ?? [], [list.data]);

  const known = useRef<ReadonlySet<string>>(new Set());
  known.current = useMemo(() => new Set(events.map((event) => event.id)), [events]);
  useEffect(
    () =>
      push.onEvent((event) => {
        const fits =
          (filter.camera ?? event.camera) === event.camera &&
          (filter.label ?? event.label) === event.label &&
          (filter.severity ?? event.severity) === event.severity;
        if (known.current.has(event.id)) renew(event);
        // A new row must not move the one under the pointer: it waits behind a button.
        else if (fits) setFresh((old) => (old.has(event.id) ? old : new Set(old).add(event.id)));
      }),
    [filter.camera, filter.label, filter.severity],
  );
  const showFresh = (): void => {
    setFresh(new Set());
    void queryClient.invalidateQueries({ queryKey: ["events"] });
  };

  const go = (next: Partial<typeof search>): void =>
    void navigate({ to: "/events", search: { ...search, ...next }, replace: true });
  const open = (id: string | undefined): void => go({ event: id });
  const index = events.findIndex((event) => event.id === openId);
  const step = (by: 1 | -1): void => {
    const next = events[index === -1 ? 0 : index + by];
    if (next !== undefined) open(next.id);
  };
  const mark = (ids: string[], reviewed: boolean): void => {
    if (ids.length === 0) return;
    lastReviewed.current = { ids, reviewed };
    review(ids, reviewed);
    setSelected(new Set());
  };
  const toggle = (id: string): void =>
    setSelected((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });

  useShortcuts({
    j: () => step(1),
    k: () => step(-1),
    e: () => {
      if (selected.size > 0) mark([...selected], true);
      else if (openId !== undefined) {
        mark([openId], true);
        step(1);
      }
    },
    x: () => openId !== undefined && toggle(openId),
    u: () => {
      const last = lastReviewed.current;
      if (last !== null) mark(last.ids, !last.reviewed);
    },
    Enter: () => document.querySelector<HTMLVideoElement>(".hc-clip video")?.play(),
    Escape: () => open(undefined),
  });

  const filtered = Object.values(filter).some((value) => value !== undefined);
  const clear = (): void => void navigate({ to: "/events", search: {}, replace: true });

  return (
    <Page title={t("nav.events")} fill detail={<span>{t("nav.unreviewed", { count: unreviewed })}</span>}>
      <div className="hc-events" data-open={openId !== undefined || undefined}>
        <section className="hc-events-list" aria-label={t("events.list")}>
          <div className="hc-filters">
            <Select
              aria-label={t("events.camera")}
              placeholder={t("events.anyCamera")}
              clearable
              size="xs"
              value={filter.camera ?? null}
              onChange={(value) => go({ camera: value ?? undefined })}
              data={cameras.map((camera) => ({ value: camera.id, label: camera.name }))}
            />
            <Select
              aria-label={t("events.label")}
              placeholder={t("events.anyLabel")}
              clearable
              size="xs"
              value={filter.label ?? null}
              onChange={(value) => go({ label: value ?? undefined })}
              data={LABELS.map((value) => ({ value, label: labelName(value) }))}
            />
            <Select
              aria-label={t("events.severity")}
              placeholder={t("events.anySeverity")}
              clearable
              size="xs"
              value={filter.severity ?? null}
              onChange={(value) => go({ severity: (value as Severity | null) ?? undefined })}
              data={(["alert", "detection"] as const).map((value) => ({
                value,
                label: t(`severity.${value}`),
              }))}
            />
            <Select
              aria-label={t("events.state")}
              placeholder={t("events.anyState")}
              clearable
              size="xs"
              value={filter.reviewed === undefined ? null : String(filter.reviewed)}
              onChange={(value) => go({ reviewed: value === null ? undefined : value === "true" })}
              data={[
                { value: "false", label: t("events.unreviewed") },
                { value: "true", label: t("events.reviewed") },
              ]}
            />
          </div>
          {selected.size > 0 && (
            <div className="hc-bulk" role="toolbar" aria-label={t("events.bulk")}>
              <span>{t("events.selected", { count: selected.size })}</span>
              <Button
                size="compact-sm"
                leftSection={<IconChecks size={15} />}
                onClick={() => mark([...selected], true)}
              >
                {t("events.markReviewed")}
              </Button>
              <Button size="compact-sm" variant="default" onClick={() => setSelected(new Set())}>
                {t("app.cancel")}
              </Button>
            </div>
          )}
          <div className="hc-events-top">
            {fresh.size > 0 && (
              <Button
                className="hc-fresh"
                size="compact-sm"
                radius="xl"
                leftSection={<IconArrowUp size={14} />}
                onClick={showFresh}
              >
                {t("events.fresh", { count: fresh.size })}
              </Button>
            )}
          </div>
          {list.isPending && <Loading rows={8} height={72} retry={() => void list.refetch()} />}
          {list.isError && events.length === 0 && (
            <Failure error={list.error} retry={() => void list.refetch()} />
          )}
          {list.isSuccess && events.length === 0 && (
            <Empty
              icon={IconListSearch}
              title={filtered ? t("events.noneFiltered") : t("events.none")}
              hint={
                filtered
                  ? t("events.noneFilteredHint")
                  : t("events.noneHint", {
                      count: cameras.filter((camera) => camera.status.state === "live").length,
                    })
              }
            >
              {filtered && (
                <Button variant="default" leftSection={<IconFilterOff size={16} />} onClick={clear}>
                  {t("events.clearFilters")}
                </Button>
              )}
            </Empty>
          )}
          {events.length > 0 && (
            <EventList
              events={events}
              openId={openId}
              selected={selected}
              open={open}
              toggle={toggle}
              more={list.hasNextPage ? () => void list.fetchNextPage() : null}
              loadingMore={list.isFetchingNextPage}
            />
          )}
        </section>
        <section className="hc-events-view" aria-label={t("events.view")}>
          {openId === undefined ? (
            events.length > 0 && (
              <Empty icon={IconListSearch} title={t("events.choose")} hint={t("events.chooseHint")} />
            )
          ) : (
            <EventView key={openId} id={openId} mark={mark} close={() => open(undefined)} />
          )}
        </section>
      </div>
    </Page>
  );
}
