import { notifications } from "@mantine/notifications";
import type { InfiniteData } from "@tanstack/react-query";
import { createElement, useCallback } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { EventDetail, EventPage, HaechiEvent } from "@/api/types";
import { tellFailure } from "@/parts/notices";
import { UndoButton } from "@/parts/UndoButton";

/** Shows the mark at once, in every list that holds these events. */
function paint(ids: ReadonlySet<string>, reviewed: boolean): void {
  const painted = <T extends HaechiEvent>(event: T): T =>
    ids.has(event.id) ? { ...event, reviewed } : event;
  queryClient.setQueriesData<InfiniteData<EventPage>>(
    { queryKey: ["events", "pages"] },
    (data) =>
      data && { ...data, pages: data.pages.map((page) => ({ ...page, events: page.events.map(painted) })) },
  );
  queryClient.setQueriesData<EventDetail>(
    { queryKey: ["events", "one"] },
    (event) => event && painted(event),
  );
}

/** An event that is listed already went on or ended: its row changes where it stands. */
export function renew(event: HaechiEvent): void {
  queryClient.setQueriesData<InfiniteData<EventPage>>(
    { queryKey: ["events", "pages"] },
    (data) =>
      data && {
        ...data,
        pages: data.pages.map((page) => ({
          ...page,
          events: page.events.map((row) => (row.id === event.id ? event : row)),
        })),
      },
  );
}

/** Marks events as reviewed (or not), tells it, and offers ten seconds to take it back. */
export function useReview(): (ids: string[], reviewed: boolean) => void {
  const { t } = useTranslation();
  return useCallback(
    (ids, reviewed) => {
      const apply = async (value: boolean): Promise<void> => {
        paint(new Set(ids), value);
        try {
          await request("POST", "/api/events/review", { ids, reviewed: value });
        } catch (error) {
          paint(new Set(ids), !value);
          tellFailure(error);
        }
        await queryClient.invalidateQueries({ queryKey: ["events", "count"] });
      };
      void apply(reviewed);
      const id = `review-${ids[0]}-${Date.now()}`;
      const undo = (): void => {
        notifications.hide(id);
        void apply(!reviewed);
      };
      notifications.show({
        id,
        autoClose: 10_000,
        closeButtonProps: { "aria-label": t("app.close") },
        message: createElement(UndoButton, {
          text: reviewed
            ? t("events.markedReviewed", { count: ids.length })
            : t("events.markedUnreviewed", { count: ids.length }),
          undo,
        }),
      });
    },
    [t],
  );
}
