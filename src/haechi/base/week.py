"""Hours of the week, on the clock on the wall of a site. Pure."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid

DAYS = 7
MINUTES = 1440
MOST_HOURS = 28
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Hours(Struct, frozen=True):
    """From one time of the day to another, on some days.

    Attributes:
        days: 0 (Monday) to 6.
        start_min, end_min: Minutes since midnight, the end exclusive. An end that is not after the start lies on the
            next day: 18:00 to 08:00, and 00:00 to 00:00 for all of the day.
    """

    days: tuple[int, ...]
    start_min: int
    end_min: int

    def holds(self, day: int, minute: int) -> bool:
        """Whether a minute of a day lies in it."""
        if self.start_min < self.end_min:
            return day in self.days and self.start_min <= minute < self.end_min
        began_yesterday = (day - 1) % DAYS in self.days and minute < self.end_min
        return began_yesterday or (day in self.days and minute >= self.start_min)


class Week(Struct, frozen=True):
    """Some hours of the week, or (``outside``) all the others."""

    hours: tuple[Hours, ...] = ()
    outside: bool = False

    def holds(self, at_ns: int, zone: tzinfo) -> bool:
        """Whether a moment lies in it, by the clock of ``zone``."""
        local = (_EPOCH + timedelta(seconds=at_ns // NS_PER_S)).astimezone(zone)
        minute = local.hour * 60 + local.minute
        return any(one.holds(local.weekday(), minute) for one in self.hours) != self.outside


def checked_week(week: Week) -> Week:
    """``week``, each list of days in order.

    Raises:
        Invalid: ``bad-hours``: says what is wrong.
    """
    if not 1 <= len(week.hours) <= MOST_HOURS:
        raise Invalid(f"hours of the week are 1 to {MOST_HOURS} rows", code="bad-hours")
    for row, one in enumerate(week.hours, 1):
        if not one.days or not all(0 <= day < DAYS for day in one.days):
            raise Invalid("choose at least one day, from 0 (Monday) to 6 (Sunday)", code="bad-hours", row=row)
        if not (0 <= one.start_min < MINUTES and 0 <= one.end_min <= MINUTES):
            raise Invalid("a time of the day is 0 to 1440 minutes after midnight", code="bad-hours", row=row)
    rows = tuple(Hours(tuple(sorted(set(one.days))), one.start_min, one.end_min) for one in week.hours)
    return Week(rows, week.outside)


@lru_cache(maxsize=64)
def zone_named(name: str) -> tzinfo:
    """The time zone of that name; UTC where this machine knows none such, so that a decision can always be made."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
