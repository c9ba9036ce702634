import { Button } from "@mantine/core";
import { IconCircleCheck, IconReportAnalytics } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Accounts, accountsQuery, type Minute } from "@/api/keeping";
import { useClock } from "@/app/site";
import { causesOf, missingOf, shareText, strip, underway } from "@/keeping/loss";
import { causeName } from "./names";
import { Empty, Failure, Loading } from "./states";
import "./loss.css";

export interface LossPanelProps {
  camera: string;
  startMs: number;
  endMs: number;
}

const CELLS = 120;
const ROWS = 30;

/** Units of one camera, minute by minute: expected, received, stored, decoded, and why any is missing. */
export function LossPanel({ camera, startMs, endMs }: LossPanelProps) {
  const { t } = useTranslation();
  const accounts = useQuery(accountsQuery(camera, Math.floor(startMs), Math.ceil(endMs)));
  if (accounts.isPending) return <Loading rows={4} height={36} />;
  if (accounts.data === undefined)
    return <Failure error={accounts.error} retry={() => void accounts.refetch()} />;
  const { totals } = accounts.data;
  if (totals.expected === 0)
    return <Empty icon={IconReportAnalytics} title={t("loss.none")} hint={t("loss.noneHint")} />;
  return (
    <div className="hc-loss" data-expected={totals.expected} data-missing={missingOf(totals)}>
      <Totals totals={totals} />
      <Strip accounts={accounts.data} startMs={startMs} endMs={endMs} />
      <Minutes camera={camera} minutes={accounts.data.minutes.filter((row) => missingOf(row) > 0)} />
    </div>
  );
}

function Totals({ totals }: { totals: Accounts["totals"] }) {
  const { t, i18n } = useTranslation();
  const number = (value: number): string => value.toLocaleString(i18n.language);
  const share = (value: number): string => shareText(value, totals.expected, i18n.language);
  const coming = underway(totals);
  const rows: [string, number, string][] = [
    [t("loss.expected"), totals.expected, ""],
    [t("loss.received"), totals.received, share(totals.received)],
    [
      t("loss.stored"),
      totals.stored,
      coming > 0 ? t("loss.underway", { count: coming }) : share(totals.stored),
    ],
    [t("loss.decoded"), totals.decoded, ""],
  ];
  return (
    <dl className="hc-loss-totals hc-num">
      {rows.map(([name, value, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <strong>{number(value)}</strong> <span className="hc-dim">{part}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Strip({ accounts, startMs, endMs }: { accounts: Accounts } & Omit<LossPanelProps, "camera">) {
  const { t } = useTranslation();
  const clock = useClock();
  return (
    <div>
      <div className="hc-loss-strip" aria-hidden>
        {strip(accounts, startMs, endMs, CELLS).map((level, index) => (
          <i key={index} data-level={level} />
        ))}
      </div>
      <div className="hc-loss-scale hc-dim hc-small hc-num">
        <span>{clock.timeMinutes(startMs)}</span>
        <span className="hc-loss-key">
          {(["none", "some", "much"] as const).map((level) => (
            <span key={level}>
              <i data-level={level} aria-hidden /> {t(`loss.level_${level}`)}
            </span>
          ))}
        </span>
        <span>{clock.timeMinutes(endMs)}</span>
      </div>
    </div>
  );
}

function Minutes({ camera, minutes }: { camera: string; minutes: Minute[] }) {
  const { t } = useTranslation();
  const clock = useClock();
  const [shown, setShown] = useState(ROWS);
  if (minutes.length === 0)
    return (
      <p className="hc-quiet">
        <IconCircleCheck size={18} aria-hidden /> {t("loss.nothing")}
      </p>
    );
  return (
    <>
      <div className="hc-table-wrap">
        <table className="hc-table hc-loss-table hc-num">
          <thead>
            <tr>
              <th>{t("loss.minute")}</th>
              <th>{t("loss.expected")}</th>
              <th>{t("loss.received")}</th>
              <th>{t("loss.stored")}</th>
              <th>{t("loss.decoded")}</th>
              <th>{t("loss.why")}</th>
            </tr>
          </thead>
          <tbody>
            {minutes.slice(0, shown).map((row) => (
              <tr key={row.start_ms}>
                <td>
                  <Link to="/playback" search={{ camera, t: row.start_ms }}>
                    {clock.dateTime(row.start_ms).slice(0, -3)}
                  </Link>
                </td>
                {(["expected", "received", "stored", "decoded"] as const).map((name) => (
                  <td key={name} data-name={t(`loss.${name}`)}>
                    {row[name]}
                  </td>
                ))}
                <td>
                  {causesOf(row).map(([cause, count]) => (
                    <span key={cause} className="hc-loss-cause">
                      {t("loss.cause", { cause: causeName(cause), count })}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {minutes.length > shown && (
        <Button variant="default" size="sm" onClick={() => setShown(shown + ROWS)}>
          {t("loss.more", { count: minutes.length - shown })}
        </Button>
      )}
    </>
  );
}
