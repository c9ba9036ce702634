import { Modal } from "@mantine/core";
import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { query } from "@/api/client";
import type { Camera } from "@/api/types";
import type { View } from "@/timeline/view";

const ExportDialog = lazy(() =>
  import("@/screens/exports/ExportDialog").then((found) => ({ default: found.ExportDialog })),
);
const BookmarkDialog = lazy(() =>
  import("@/screens/bookmarks/BookmarkDialog").then((found) => ({ default: found.BookmarkDialog })),
);
const MotionSearch = lazy(() =>
  import("@/parts/MotionSearch").then((found) => ({ default: found.MotionSearch })),
);

export type DialogName = "export" | "bookmark" | "motion";

interface DialogsProps {
  open: DialogName | null;
  cameras: Camera[];
  focus: Camera;
  at: number;
  /** The marked stretch. */
  range: View;
  view: View;
  seek: (ms: number) => void;
  close: () => void;
}

const AROUND_MS = 15_000;
const LONGEST_SEARCH_MS = 86_400_000;

export function Dialogs({ open, cameras, focus, at, range, view, seek, close }: DialogsProps) {
  const { t } = useTranslation();
  useFocusBack(open !== null);
  if (open === null) return null;
  const named = [focus, ...cameras.filter((camera) => camera.id !== focus.id)];
  return (
    <Suspense fallback={null}>
      {open === "export" && (
        <ExportDialog cameras={named} startMs={range.start_ms} endMs={range.end_ms} onClose={close} />
      )}
      {open === "bookmark" && (
        <BookmarkDialog cameras={named} startMs={range.start_ms} endMs={range.end_ms} onClose={close} />
      )}
      {open === "motion" && (
        <Modal
          opened
          onClose={close}
          size="xl"
          title={t("playback.motionIn", { name: focus.name })}
          closeButtonProps={{ "aria-label": t("app.close") }}
        >
          <MotionSearch
            camera={focus}
            startMs={Math.round(Math.max(view.start_ms, view.end_ms - LONGEST_SEARCH_MS))}
            endMs={Math.round(Math.min(view.end_ms, Date.now()))}
            poster={`/api/cameras/${focus.id}/still.jpg${query({ at_ms: Math.round(at), width: 960 })}`}
            onSeek={(ms) => {
              close();
              seek(ms);
            }}
          />
        </Modal>
      )}
    </Suspense>
  );
}

/** Who opened a dialog by a key has the keys again where they were. A dialog that is made open does not know where that was. */
function useFocusBack(open: boolean): void {
  const came = useRef<Element | null>(null);
  if (open && came.current === null) came.current = document.activeElement;
  useEffect(() => {
    if (open) return;
    if (came.current instanceof HTMLElement && came.current.isConnected)
      came.current.focus({ preventScroll: true });
    came.current = null;
  }, [open]);
}

/** The marks; what is lacking of them is put around the playhead. */
export function rangeOf(from: number | null, to: number | null, at: number): View {
  const start_ms = from ?? (to === null ? at - AROUND_MS : Math.min(to, at) - AROUND_MS);
  const end_ms =
    to ?? Math.max(from === null ? at + AROUND_MS : Math.max(from + 1_000, at), start_ms + 1_000);
  return { start_ms: Math.round(start_ms), end_ms: Math.round(Math.min(end_ms, Date.now())) };
}
