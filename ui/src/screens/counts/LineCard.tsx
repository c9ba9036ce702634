import { useTranslation } from "react-i18next";
import type { Counts, LineCounts } from "@/api/types";
import { useSite } from "@/app/site";
import { wallTime } from "@/time/zone";
import { steps, summed } from "./range";

interface LineCardProps {
  line: LineCounts;
  counts: Counts;
}

const HEIGHT = 150;
const WIDTH = 560;
const LABEL = 44;

/** One line: how many went which way in all, and in each hour or day. */
export function LineCard({ line, counts }: LineCardProps) {
  const { t } = useTranslation();
  const numbers = {
    forward: line.forward,
    a: line.forward_total,
    backward: line.backward,
    b: line.backward_total,
  };
  return (
    <section className="hc-panel hc-count" aria-labelledby={`count-${line.line}`} data-line={line.line}>
      <h2 id={`count-${line.line}`}>
        <i style={{ background: line.colour }} aria-hidden /> {line.name}
      </h2>
      <dl className="hc-count-totals">
        <div data-way="forward">
          <dt>{line.forward}</dt>
          <dd className="hc-num">{line.forward_total}</dd>
        </div>
        <div data-way="backward">
          <dt>{line.backward}</dt>
          <dd className="hc-num">{line.backward_total}</dd>
        </div>
        <div title={t("counts.insideHint", { forward: line.forward, backward: line.backward })}>
          <dt>{t("counts.inside")}</dt>
          <dd className="hc-num">{line.inside}</dd>
        </div>
      </dl>
      {line.forward_total + line.backward_total === 0 ? (
        <p className="hc-dim">{t("counts.nothing")}</p>
      ) : (
        <Bars line={line} counts={counts} label={t("counts.chart", { line: line.name, ...numbers })} />
      )}
    </section>
  );
}

function Bars({ line, counts, label }: LineCardProps & { label: string }) {
  const { t, i18n } = useTranslation();
  const { clock } = useSite();
  const count = counts.starts_ms.length;
  const ways = {
    forward: summed(
      line.labels.map((row) => row.forward),
      count,
    ),
    backward: summed(
      line.labels.map((row) => row.backward),
      count,
    ),
  };
  const marks = steps(Math.max(...ways.forward, ...ways.backward));
  const most = marks.at(-1) ?? 1;
  const slot = (WIDTH - LABEL) / count;
  const bar = Math.min(slot * 0.38, 22);
  const zone = counts.time_zone;
  const day = new Intl.DateTimeFormat(i18n.language, { timeZone: zone, day: "numeric", month: "numeric" });
  const tick = (ms: number): string =>
    counts.bucket === "day" ? day.format(ms) : `${wallTime(ms, zone).hour}`;
  const every = Math.ceil(count / 8);
  const y = (value: number): number => HEIGHT - (value / most) * HEIGHT;
  return (
    <div className="hc-count-chart">
      <svg viewBox={`0 -14 ${WIDTH} ${HEIGHT + 46}`} role="img" aria-label={label}>
        {marks.map((mark) => (
          <g key={mark} className="hc-count-mark">
            <line x1={LABEL} x2={WIDTH} y1={y(mark)} y2={y(mark)} />
            <text x={LABEL - 8} y={y(mark) + 5}>
              {mark}
            </text>
          </g>
        ))}
        {counts.starts_ms.map((ms, at) => {
          const [a, b] = [ways.forward[at] ?? 0, ways.backward[at] ?? 0];
          const x = LABEL + slot * (at + 0.5);
          return (
            <g key={ms} className="hc-count-bar">
              <title>
                {t("counts.bar", {
                  time: counts.bucket === "day" ? day.format(ms) : clock.timeMinutes(ms),
                  forward: line.forward,
                  a,
                  backward: line.backward,
                  b,
                })}
              </title>
              <rect x={x - slot / 2} y={0} width={slot} height={HEIGHT} className="hc-count-hit" />
              <rect x={x - bar} y={y(a)} width={bar - 1} height={HEIGHT - y(a)} data-way="forward" />
              <rect x={x + 1} y={y(b)} width={bar - 1} height={HEIGHT - y(b)} data-way="backward" />
              {at % every === 0 && (
                <text x={x} y={HEIGHT + 26}>
                  {tick(ms)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
