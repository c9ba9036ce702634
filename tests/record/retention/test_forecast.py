"""When the disk is full, or where it settles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.record.index.policies import NS_PER_DAY, Keep, Kept, PinKind
from haechi.record.retention.choice import Wishes
from haechi.record.retention.forecast import Past, look_ahead
from tests.record.shelf import FRONT, YARD, Shelf
from tests.streams import START_NS


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.close()


def past(sizes: dict[int, int], oldest_days: int, now_ns: int) -> Past:
    return Past(sizes, now_ns - oldest_days * NS_PER_DAY)


def test_the_forecast_says_when_the_disk_is_full_or_where_it_settles() -> None:
    now_ns = START_NS
    pasts = {(FRONT, Kept.CONTINUOUS): past(dict.fromkeys(range(10), 100), 10, now_ns)}
    wishes = Wishes(Keep(30, 30, 30), {})
    rate = pasts[FRONT, Kept.CONTINUOUS].per_day(30, now_ns)
    assert rate == pytest.approx(100)
    rates = {(FRONT, Kept.CONTINUOUS): rate}
    full_ns, steady = look_ahead(pasts, rates, wishes, 500)
    assert full_ns is not None
    assert full_ns / NS_PER_DAY == pytest.approx(5)
    assert steady is None
    never, settled = look_ahead(pasts, rates, wishes, 5000)
    assert never is None
    assert settled == pytest.approx(3000, rel=0.05)
    limited = Wishes(Keep(30, 30, 30, max_bytes=1200), {})
    assert look_ahead(pasts, rates, limited, 500) == (None, 1200)
    assert look_ahead({}, {}, wishes, 500) == (None, 0)


def test_a_forecast_of_real_rows_counts_each_camera(shelf: Shelf) -> None:
    for day in range(1, 11):
        shelf.minutes(FRONT, 1, days_ago=day - 0.5, size=1000)
    shelf.pin(YARD, shelf.minutes(YARD, 1, days_ago=3, size=700)[0], "case:1", PinKind.PROTECTED)
    shelf.volume.capacity = shelf.volume.used + 5_000
    shelf.once()
    found = asyncio.run(shelf.retention.forecast())
    assert [(one.camera, one.bytes) for one in found.cameras] == [(FRONT, 10_000), (YARD, 700)]
    assert found.protected_bytes == 700
    assert found.cameras[0].bytes_per_day == pytest.approx(1000, rel=0.01)
    assert found.full_ns is not None
    assert (found.full_ns - shelf.clock.wall_ns()) / NS_PER_DAY == pytest.approx(5, abs=0.6)


def test_footage_of_just_now_counts_before_it_is_judged(shelf: Shelf) -> None:
    shelf.minutes(FRONT, 60, size=1_000)
    found = asyncio.run(shelf.retention.forecast())
    assert found.cameras[0].bytes == 60_000
    assert found.bytes_per_day == pytest.approx(24 * 60_000, rel=0.01)
