import "@mantine/dates/styles.layer.css";
import "dayjs/locale/ja";
import "dayjs/locale/ko";
import { Button, Indicator, Popover, TextInput } from "@mantine/core";
import { Calendar } from "@mantine/dates";
import { IconArrowRight, IconCalendar } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { daysQuery } from "@/api/queries";
import { useClock } from "@/app/site";
import { dayBounds, dayOf, instantOf, wallTime } from "@/time/zone";
import { parseWhen } from "./parse";

interface JumpToProps {
  cameras: string[];
  at: number;
  choose: (ms: number) => void;
}

/** A day of the calendar (those with footage carry a dot; the time of day stays), or words: `yesterday 3pm`. */
export function JumpTo({ cameras, at, choose }: JumpToProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const answers = useQueries({
    queries: cameras.map((camera) => ({ ...daysQuery(camera, clock.zone), enabled: open })),
  });
  const days = new Set(answers.flatMap((answer) => answer.data ?? []));
  const today = dayOf(Date.now(), clock.zone);
  const current = dayOf(at, clock.zone);
  const meant = parseWhen(text, at, Date.now(), clock.zone);
  const go = (ms: number): void => {
    setOpen(false);
    setText("");
    choose(ms);
  };
  const pick = (day: string): void => {
    const wall = wallTime(at, clock.zone);
    const [year, month, date] = day.split("-").map(Number) as [number, number, number];
    const same = instantOf(clock.zone, year, month, date, wall.hour, wall.minute, wall.second);
    const { start_ms, end_ms } = dayBounds(day, clock.zone);
    go(Math.min(Math.max(same, start_ms), end_ms - 1, Date.now() - 5_000));
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (meant !== null) go(Math.min(meant, Date.now() - 1_000));
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          size="sm"
          leftSection={<IconCalendar size={16} aria-hidden />}
          onClick={() => setOpen(!open)}
          aria-expanded={open}
          className="hc-jump-open"
          aria-label={`${t("playback.jumpTo")}: ${clock.date(at)}`}
        >
          {clock.date(at)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form className="hc-jump" onSubmit={submit}>
          <TextInput
            label={t("playback.jumpTo")}
            placeholder={t("playback.jumpHint")}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            data-autofocus
            rightSectionWidth={44}
            rightSection={
              <Button
                type="submit"
                size="compact-sm"
                disabled={meant === null}
                aria-label={t("playback.jump")}
              >
                <IconArrowRight size={15} aria-hidden />
              </Button>
            }
          />
          <p className="hc-dim hc-small hc-num" role="status">
            {text === ""
              ? t("playback.jumpForms")
              : meant === null
                ? t("playback.jumpUnclear")
                : clock.dateTime(meant)}
          </p>
        </form>
        <Calendar
          locale={i18n.language}
          defaultDate={current}
          maxDate={today}
          ariaLabels={{ nextMonth: t("playback.nextMonth"), previousMonth: t("playback.previousMonth") }}
          getDayProps={(day) => ({
            selected: day === current,
            disabled: day > today,
            onClick: () => pick(day),
          })}
          renderDay={(day) => (
            <Indicator size={5} color="ember" offset={-3} position="bottom-center" disabled={!days.has(day)}>
              <span>{Number(day.slice(8))}</span>
            </Indicator>
          )}
        />
        <p className="hc-dim hc-legend">
          <i aria-hidden /> {t("playback.hasFootage")}
        </p>
      </Popover.Dropdown>
    </Popover>
  );
}
