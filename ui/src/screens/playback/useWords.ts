import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { causeName } from "@/parts/names";
import type { LaneFace } from "@/playback/lane";
import { momentAt } from "@/timeline/lookup";
import type { Placed } from "@/timeline/tiles";

/** What is at the playhead, for those who hear the page: "21 Nov 2026 14:03:22, Door, recording". */
export function useWords(
  camera: Camera,
  at: number,
  live: boolean,
  face: LaneFace | null,
  placed: Placed[],
): string {
  const { t } = useTranslation();
  const clock = useClock();
  const moment = momentAt(placed, at);
  const known = face?.hole?.gap ?? null;
  const what = live
    ? t("playback.live")
    : face?.state === "shown"
      ? t("timeline.recording")
      : known !== null
        ? t("timeline.gap", { cause: causeName(known.cause) })
        : moment.kind === "gap"
          ? t("timeline.gap", { cause: causeName(moment.gap[2]) })
          : t(`timeline.${moment.kind}`);
  return `${clock.date(at)} ${clock.time(at)}, ${camera.name}, ${what}`;
}
