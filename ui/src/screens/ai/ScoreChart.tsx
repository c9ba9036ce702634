import { IconChartLine } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { labelName } from "@/parts/names";
import { Empty, Failure, Loading } from "@/parts/states";
import { type Series, scoresOf } from "./modules";
import { pathOf, ScoreBook, SPAN_S, thinned, valueAt } from "./scores";

const WIDTH = 900;
const HEIGHT = 180;
const COLUMNS = 450;
const REDRAW_MS = 500;
const STEP_S = 5;
const MARKS = [300, 240, 180, 120, 60, 0];
const LEVELS = [0, 0.25, 0.5, 0.75, 1];
const COLOURS = 8;

interface Known {
  nowS: number;
  series: Series[];
}

/** What modules say of a camera: the last five minutes, going on while one looks. */
export function ScoreChart({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const { known, error, retry } = useScores(camera.id);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  if (error !== null && known === null) return <Failure error={error} retry={retry} />;
  if (known === null) return <Loading rows={1} height={HEIGHT} />;
  if (known.series.length === 0)
    return <Empty icon={IconChartLine} title={t("ai.noScores")} hint={t("ai.noScoresHint")} />;
  const toggle = (name: string): void =>
    setHidden((before) => {
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });
  const atS = cursor === null ? known.nowS : known.nowS - cursor;
  return (
    <div className="hc-scores">
      <Plot known={known} hidden={hidden} cursor={cursor} move={setCursor} />
      <ul className="hc-scores-legend" aria-label={t("ai.scores")}>
        {known.series.map((row, index) => {
          const name = nameOf(row);
          const value = valueAt(row.points, atS);
          return (
            <li key={name}>
              <button
                type="button"
                aria-pressed={!hidden.has(name)}
                data-colour={index % COLOURS}
                title={row.reasons.join("; ")}
                onClick={() => toggle(name)}
              >
                <i aria-hidden />
                <span>{labelName(row.name)}</span>
                <span className="hc-dim">{row.module}</span>
                <b className="hc-num">{value === null ? "–" : value.toFixed(2)}</b>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

interface PlotProps {
  known: Known;
  hidden: ReadonlySet<string>;
  cursor: number | null;
  move: (secondsAgo: number | null) => void;
}

function Plot({ known, hidden, cursor, move }: PlotProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const root = useRef<SVGSVGElement>(null);
  const paths = useMemo(
    () => known.series.map((row) => pathOf(thinned(row.points, COLUMNS, SPAN_S), known.nowS, WIDTH, HEIGHT)),
    [known],
  );
  const point = (event: PointerEvent): void => {
    const box = root.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    move(Math.round((1 - share) * SPAN_S));
  };
  const key = (event: KeyboardEvent): void => {
    const from = cursor ?? 0;
    const next: Record<string, number | null> = {
      ArrowLeft: Math.min(SPAN_S, from + STEP_S),
      ArrowRight: Math.max(0, from - STEP_S),
      Home: SPAN_S,
      End: 0,
      Escape: null,
    };
    if (!(event.key in next)) return;
    event.preventDefault();
    event.stopPropagation();
    move(next[event.key] ?? null);
  };
  const at = cursor === null ? null : (known.nowS - cursor) * 1_000;
  return (
    <div className="hc-scores-plot">
      <div className="hc-scores-levels" aria-hidden>
        {LEVELS.map((level) => (
          <span key={level} style={{ bottom: `${level * 100}%` }}>
            {level}
          </span>
        ))}
      </div>
      {/* A slider over time: arrows move the line at which the values are read. */}
      <div
        className="hc-scores-area"
        role="slider"
        tabIndex={0}
        aria-label={t("ai.readAt")}
        aria-valuemin={-SPAN_S}
        aria-valuemax={0}
        aria-valuenow={-(cursor ?? 0)}
        aria-valuetext={at === null ? t("ai.now") : clock.time(at)}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={(event) => event.pointerType === "mouse" && move(null)}
        onBlur={() => move(null)}
        onKeyDown={key}
      >
        <svg
          ref={root}
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          data-series={known.series.length}
          aria-hidden
        >
          {LEVELS.map((level) => (
            <line key={level} x1={0} x2={WIDTH} y1={(1 - level) * HEIGHT} y2={(1 - level) * HEIGHT} />
          ))}
          {paths.map((path, index) => {
            const name = nameOf(known.series[index]!);
            return hidden.has(name) ? null : <path key={name} d={path} data-colour={index % COLOURS} />;
          })}
          {cursor !== null && (
            <line
              className="hc-scores-cursor"
              x1={(1 - cursor / SPAN_S) * WIDTH}
              x2={(1 - cursor / SPAN_S) * WIDTH}
              y1={0}
              y2={HEIGHT}
            />
          )}
        </svg>
        {at !== null && (
          <output className="hc-scores-at hc-num" data-left={cursor! < SPAN_S / 2 || undefined}>
            {clock.time(at)}
          </output>
        )}
      </div>
      <div className="hc-scores-marks hc-num" aria-hidden>
        {MARKS.map((seconds) => (
          <span key={seconds}>
            {seconds === 0 ? t("ai.now") : t("ai.minutesAgo", { count: seconds / 60 })}
          </span>
        ))}
      </div>
    </div>
  );
}

const nameOf = (row: Series): string => `${row.module}/${row.name}`;

/** The list of the server, then what it says; again from the list when it was away. */
function useScores(camera: string): { known: Known | null; error: unknown; retry: () => void } {
  const [known, setKnown] = useState<Known | null>(null);
  const [error, setError] = useState<unknown>(null);
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    const book = new ScoreBook();
    const gone = new AbortController();
    let loaded = false;
    const here = (): number => Date.now() / 1_000;
    const draw = (): void => {
      const nowS = book.now(here());
      if (loaded) setKnown({ nowS, series: book.series(nowS) });
    };
    const load = (): void => {
      scoresOf(camera, gone.signal)
        .then((scores) => {
          book.load(scores.now_s, here(), scores.series);
          loaded = true;
          setError(null);
          draw();
        })
        .catch((reason: unknown) => {
          if (!gone.signal.aborted) setError(reason);
        });
    };
    again.current = load;
    let wasUp = push.state().up;
    const stopState = push.subscribeState(() => {
      const { up } = push.state();
      if (up && !wasUp) load();
      wasUp = up;
    });
    const stop = push.watchScores(camera, (module, scores) => book.add(module, scores));
    const timer = setInterval(draw, REDRAW_MS);
    load();
    return () => {
      gone.abort();
      stopState();
      stop();
      clearInterval(timer);
    };
  }, [camera]);
  return { known, error, retry: () => again.current() };
}
