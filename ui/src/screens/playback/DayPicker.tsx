import "@mantine/dates/styles.layer.css";
import "dayjs/locale/ja";
import "dayjs/locale/ko";
import { Button, Indicator, Popover } from "@mantine/core";
import { Calendar } from "@mantine/dates";
import { IconCalendar } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { daysQuery } from "@/api/queries";
import { useClock } from "@/app/site";
import { dayBounds, dayOf, instantOf, wallTime } from "@/time/zone";

/** Days with footage carry a dot. Choosing one keeps the time of day. */
export function DayPicker({
  camera,
  at,
  choose,
}: {
  camera: string;
  at: number;
  choose: (ms: number) => void;
}) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const [open, setOpen] = useState(false);
  const days = new Set(useQuery(daysQuery(camera, clock.zone)).data ?? []);
  const today = dayOf(Date.now(), clock.zone);
  const current = dayOf(at, clock.zone);
  const pick = (day: string): void => {
    const wall = wallTime(at, clock.zone);
    const [year, month, date] = day.split("-").map(Number) as [number, number, number];
    const same = instantOf(clock.zone, year, month, date, wall.hour, wall.minute, wall.second);
    const { start_ms, end_ms } = dayBounds(day, clock.zone);
    setOpen(false);
    choose(Math.min(Math.max(same, start_ms), end_ms - 1, Date.now() - 5_000));
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          size="sm"
          leftSection={<IconCalendar size={16} />}
          onClick={() => setOpen(!open)}
          aria-expanded={open}
        >
          {clock.date(at)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
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
