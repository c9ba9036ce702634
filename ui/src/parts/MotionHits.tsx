import { Button, Progress } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClock } from "@/app/site";
import type { Hit, SearchState } from "@/keeping/search";
import { clockDuration, roughDuration } from "@/time/duration";
import { Failure } from "./states";
import { Thumb } from "./Thumb";

const PAGE = 60;

interface MotionHitsProps {
  camera: { id: string; name: string };
  state: SearchState;
  seek: (ms: number) => void;
  again: () => void;
}

/** How far the search is, and what it has found so far. */
export function MotionHits({ camera, state, seek, again }: MotionHitsProps) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(PAGE);
  const { hits, running, end } = state;
  const found = useRef<HTMLDivElement>(null);
  // On a phone it stands below the button that was pressed.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each beginning and each end is shown
  useEffect(() => {
    found.current?.scrollIntoView({ block: "nearest" });
  }, [running, end]);
  if (!running && end === null) return null;
  const percent = Math.floor(state.progress * 100);
  return (
    <div ref={found} className="hc-motion-found" data-end={end ?? "running"} data-hits={hits.length}>
      {running && <Progress value={percent} size="sm" aria-label={t("motion.progress")} animated={false} />}
      <p className="hc-motion-summary hc-num" role="status">
        <Summary state={state} percent={percent} />
      </p>
      {end === "failed" && <Failure error={state.error} retry={again} />}
      {hits.length > 0 && (
        <ul className="hc-hits" aria-label={t("motion.hits")}>
          {hits.slice(0, shown).map((hit) => (
            <HitCard key={hit.start_ms} hit={hit} camera={camera.id} seek={seek} />
          ))}
        </ul>
      )}
      {hits.length > shown && (
        <Button variant="default" size="sm" onClick={() => setShown(shown + PAGE)}>
          {t("motion.more", { count: hits.length - shown })}
        </Button>
      )}
    </div>
  );
}

function Summary({ state, percent }: { state: SearchState; percent: number }) {
  const { t, i18n } = useTranslation();
  const { hits, running, end, skipped_s } = state;
  const found = t("motion.found", { count: hits.length });
  if (running) return <>{t("motion.running", { found, percent })}</>;
  if (end === "cancelled") return <>{t("motion.cancelled", { found, percent })}</>;
  if (end === "failed") return null;
  const skipped =
    skipped_s !== null && skipped_s >= 1
      ? t("motion.skipped", { length: roughDuration(skipped_s * 1_000, i18n.language) })
      : "";
  return (
    <>
      {hits.length === 0 ? t("motion.nothing") : found} {skipped}
    </>
  );
}

interface HitCardProps {
  hit: Hit;
  camera: string;
  seek: (ms: number) => void;
}

function HitCard({ hit, camera, seek }: HitCardProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const percent = Math.round(hit.peak * 100);
  const length = clockDuration(hit.end_ms - hit.start_ms);
  return (
    <li>
      <button
        type="button"
        className="hc-hit"
        data-start={hit.start_ms}
        data-end={hit.end_ms}
        data-at={hit.at_ms}
        onClick={() => seek(hit.at_ms)}
      >
        <Thumb src={`/api/cameras/${camera}/preview.jpg?at_ms=${hit.at_ms}&width=240`} />
        <span className="hc-hit-bar" style={{ width: `${percent}%` }} aria-hidden />
        <strong className="hc-num">{clock.time(hit.start_ms)}</strong>
        <span className="hc-dim hc-num">{length}</span>
        <span className="hc-visually-hidden">
          {t("motion.hit", { date: clock.date(hit.start_ms), percent })}
        </span>
      </button>
    </li>
  );
}
