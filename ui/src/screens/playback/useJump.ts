import { useCallback } from "react";
import { fetchEvents } from "@/api/queries";
import { eventsIn, neighbourStart } from "@/timeline/lookup";
import type { TimelineHandle } from "./useTimeline";

const PAGE = 200;

/** To the next or previous event of these cameras: from what the timeline holds, else from the server. */
export function useJump(
  cameras: string[],
  line: TimelineHandle,
  seek: (ms: number) => void,
): (from: number, direction: 1 | -1) => Promise<void> {
  const { tiles, view, width } = line;
  return useCallback(
    async (from, direction) => {
      const here = cameras.flatMap((camera) => eventsIn(tiles.placed(camera, view, width)));
      const starts = here
        .map((event) => event.start_ms)
        .filter((start) => start >= view.start_ms && start <= view.end_ms);
      const near =
        from >= view.start_ms && from <= view.end_ms ? neighbourStart(starts, from, direction) : null;
      if (near !== null) {
        seek(near);
        return;
      }
      const range = direction === 1 ? { after_ms: Math.ceil(from) } : { before_ms: Math.floor(from) };
      const camera = cameras.length === 1 ? cameras[0] : undefined;
      const page = await fetchEvents({ ...range, camera, limit: PAGE });
      const own = page.events
        .filter((event) => cameras.includes(event.camera))
        .map((event) => event.start_ms);
      const found = neighbourStart(own, from, direction);
      if (found !== null) seek(found);
    },
    [cameras, tiles, view, width, seek],
  );
}
