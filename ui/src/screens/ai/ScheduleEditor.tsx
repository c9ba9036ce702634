import { ActionIcon, Button, SegmentedControl } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api/queries";
import { zoneBadge } from "@/time/zone";
import type { Hours, Schedule } from "./modules";
import {
  clockText,
  DAYS,
  dayNames,
  isOvernight,
  isWhole,
  MOST_ROWS,
  minutesOf,
  OFFICE,
  toggled,
} from "./schedule";

type Mode = "always" | "within" | "outside";

interface EditorProps {
  name: string;
  schedule: Schedule | null;
  saving: boolean;
  save: (schedule: Schedule | null) => void;
  cancel: () => void;
}

/** At which hours of the week, by the site's clock, a module looks. */
export function ScheduleEditor({ name, schedule, saving, save, cancel }: EditorProps) {
  const { t } = useTranslation();
  const zone = useQuery(systemQuery).data?.time_zone ?? "UTC";
  const [mode, setMode] = useState<Mode>(
    schedule === null ? "always" : schedule.outside ? "outside" : "within",
  );
  const [rows, setRows] = useState<Hours[]>(schedule?.hours ?? [OFFICE]);
  const wanted = mode === "always" ? null : { hours: rows, outside: mode === "outside" };
  const change = (index: number, row: Hours): void =>
    setRows((before) => before.map((one, at) => (at === index ? row : one)));
  return (
    <form
      className="hc-schedule"
      aria-label={t("ai.scheduleOf", { name })}
      onSubmit={(event) => {
        event.preventDefault();
        save(wanted);
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        cancel();
      }}
    >
      <SegmentedControl
        size="xs"
        fullWidth
        value={mode}
        onChange={(value) => setMode(value as Mode)}
        aria-label={t("ai.when")}
        data={[
          { value: "always", label: t("ai.always") },
          { value: "within", label: t("ai.within") },
          { value: "outside", label: t("ai.outside") },
        ]}
      />
      {mode !== "always" && (
        <>
          {rows.map((row, index) => (
            <Row
              key={index}
              row={row}
              number={index + 1}
              change={(next) => change(index, next)}
              remove={
                rows.length > 1
                  ? () => setRows((before) => before.filter((_, at) => at !== index))
                  : undefined
              }
            />
          ))}
          <div className="hc-schedule-foot">
            <Button
              size="compact-xs"
              variant="subtle"
              leftSection={<IconPlus size={14} aria-hidden />}
              disabled={rows.length >= MOST_ROWS}
              onClick={() => setRows((before) => [...before, OFFICE])}
            >
              {t("ai.addHours")}
            </Button>
            <span className="hc-dim">{t("ai.siteClock", { zone: zoneBadge(Date.now(), zone) })}</span>
          </div>
        </>
      )}
      {wanted !== null && !isWhole(wanted) && <p className="hc-bad-text">{t("ai.noDays")}</p>}
      <div className="hc-schedule-actions">
        <Button size="xs" variant="default" onClick={cancel}>
          {t("app.cancel")}
        </Button>
        <Button size="xs" type="submit" loading={saving} disabled={wanted !== null && !isWhole(wanted)}>
          {t("app.save")}
        </Button>
      </div>
    </form>
  );
}

interface RowProps {
  row: Hours;
  number: number;
  change: (row: Hours) => void;
  remove: (() => void) | undefined;
}

function Row({ row, number, change, remove }: RowProps) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const [short, long] = [dayNames(i18n.language), dayNames(i18n.language, "long")];
  const time = (key: "start_min" | "end_min", text: string): void => {
    const minutes = minutesOf(text);
    if (minutes !== null) change({ ...row, [key]: minutes });
  };
  return (
    <fieldset className="hc-schedule-row">
      <legend>{t("ai.hoursRow", { number })}</legend>
      <div className="hc-schedule-days">
        {DAYS.map((day) => (
          <button
            key={day}
            type="button"
            aria-pressed={row.days.includes(day)}
            aria-label={long[day]}
            onClick={() => change(toggled(row, day))}
          >
            {short[day]}
          </button>
        ))}
      </div>
      <div className="hc-schedule-times">
        <label htmlFor={`${id}-from`}>{t("ai.from")}</label>
        <input
          id={`${id}-from`}
          type="time"
          required
          value={clockText(row.start_min)}
          onChange={(event) => time("start_min", event.currentTarget.value)}
        />
        <label htmlFor={`${id}-to`}>{t("ai.to")}</label>
        <input
          id={`${id}-to`}
          type="time"
          required
          value={clockText(row.end_min)}
          onChange={(event) => time("end_min", event.currentTarget.value)}
        />
        {isOvernight(row) && <span className="hc-dim">{t("ai.nextDay")}</span>}
        {remove !== undefined && (
          <ActionIcon
            variant="subtle"
            color="gray"
            onClick={remove}
            aria-label={t("ai.removeHours", { number })}
          >
            <IconTrash size={16} stroke={1.6} />
          </ActionIcon>
        )}
      </div>
    </fieldset>
  );
}
