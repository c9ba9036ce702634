"""Hours of the week, by the clock on the wall."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.base.week import Hours, Week, checked_week, zone_named

SEOUL = ZoneInfo("Asia/Seoul")
WORKDAYS = (0, 1, 2, 3, 4)
OFFICE = Hours(WORKDAYS, 8 * 60, 18 * 60)


def at(text: str, zone: ZoneInfo = SEOUL) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("when", "is_in"),
    [
        ("2026-11-20T07:59:59", False),  # a Friday
        ("2026-11-20T08:00:00", True),
        ("2026-11-20T17:59:59", True),
        ("2026-11-20T18:00:00", False),
        ("2026-11-21T12:00:00", False),
    ],
)
def test_office_hours_begin_and_end_on_the_second_and_outside_is_all_else(when: str, is_in: bool) -> None:
    assert Week((OFFICE,)).holds(at(when), SEOUL) == is_in
    assert Week((OFFICE,), outside=True).holds(at(when), SEOUL) != is_in


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    night = Week((Hours((4,), 22 * 60, 6 * 60),))
    assert night.holds(at("2026-11-20T22:00:00"), SEOUL)
    assert night.holds(at("2026-11-21T05:59:00"), SEOUL), "Saturday morning"
    assert not night.holds(at("2026-11-20T05:59:00"), SEOUL), "Friday morning belongs to Thursday"


def test_midnight_to_midnight_is_the_whole_day() -> None:
    sunday = Week((Hours((6,), 0, 0),))
    assert sunday.holds(at("2026-11-22T00:00:00"), SEOUL)
    assert sunday.holds(at("2026-11-22T23:59:59"), SEOUL)
    assert not sunday.holds(at("2026-11-23T00:00:00"), SEOUL)


def test_the_clock_on_the_wall_decides_when_it_is_put_forward() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    morning = Week((Hours((6,), 8 * 60, 9 * 60),))
    assert morning.holds(at("2026-03-22T08:30:00", berlin), berlin)
    assert morning.holds(at("2026-03-29T08:30:00", berlin), berlin), "the day on which summer time begins"


@given(
    st.lists(
        st.builds(
            Hours, st.lists(st.integers(0, 6), min_size=1).map(tuple), st.integers(0, 1439), st.integers(0, 1440)
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 4_000_000_000),
)
def test_every_moment_is_inside_or_outside(rows: list[Hours], second: int) -> None:
    week = checked_week(Week(tuple(rows)))
    assert week.holds(second * NS_PER_S, SEOUL) != Week(week.hours, True).holds(second * NS_PER_S, SEOUL)


@pytest.mark.parametrize("bad", [Hours((), 0, 60), Hours((7,), 0, 60), Hours((0,), -1, 60), Hours((0,), 0, 1441)])
def test_bad_hours_are_refused(bad: Hours) -> None:
    with pytest.raises(Invalid) as error:
        checked_week(Week((bad,)))
    assert error.value.code == "bad-hours"
    assert zone_named("Nowhere/Land").utcoffset(None) is not None
