"""What was counted is kept once, and told by the clock of the site."""

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId, LineId
from haechi.events.counts.buckets import Bucket, bucket_starts, summed
from haechi.events.counts.counter import SLOT_S, Counted
from haechi.events.counts.store import CountStore, Row
from haechi.events.rules import Way
from haechi.store.database import Database
from haechi.vision.lines import Line, LineStore

CAMERA = CameraId("cam_door")
GATE = LineId("lin_gate")


def seconds(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def crossed(at_s: int, way: Way = "forward", line: LineId = GATE) -> Counted:
    return Counted(CAMERA, line, way, "person", at_s * NS_PER_S)


def test_what_waits_and_what_is_written_is_told_once_and_outlives_a_restart(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()

    async def play() -> None:
        line = (await LineStore(database).put(CAMERA, [Line(CAMERA, "gate", ((0.1, 0.1), (0.9, 0.9)))]))[0].id
        store = CountStore(database, SystemClock())
        store.add([crossed(10, line=line), crossed(20, line=line), crossed(910, line=line)])
        expected = [Row(0, line, "forward", "person", 2), Row(1, line, "forward", "person", 1)]
        assert list(await store.list(CAMERA, 0, 10)) == expected
        work = asyncio.create_task(store.run())
        await asyncio.sleep(0)
        store.add([crossed(30, "backward", line)])
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        expected.insert(0, Row(0, line, "backward", "person", 1))
        for again in (store, CountStore(database, SystemClock())):
            assert list(await again.list(CAMERA, 0, 10)) == expected
        assert list(await store.list(CAMERA, 1, 2)) == expected[2:]
        assert list(await store.list(CameraId("cam_other"), 0, 10)) == []
        await LineStore(database).put(CAMERA, [])
        await store.forget_gone()
        assert list(await store.list(CAMERA, 0, 10)) == []

    asyncio.run(play())
    database.close()


def test_while_the_database_is_down_nothing_is_forgotten(tmp_path: Path) -> None:
    broken = Database.at(tmp_path / "haechi.db")

    async def play() -> None:
        store = CountStore(broken, SystemClock())
        store.add([crossed(10)])
        with pytest.raises(Unavailable):
            await store.run()
        broken.migrate()
        assert [row.number for row in await store.list(CAMERA, 0, 1)] == [1]
        store.add([crossed(11)])
        work = asyncio.create_task(store.run())
        await asyncio.sleep(0)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        assert [row.number for row in await CountStore(broken, SystemClock()).list(CAMERA, 0, 1)] == [2]

    asyncio.run(play())
    broken.close()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Seoul", "2026-11-22", 24),
        ("Asia/Kathmandu", "2026-11-22", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
    ],
)
def test_a_day_of_the_site_has_as_many_hours_as_its_clock_says(zone: str, day: str, hours: int) -> None:
    start = seconds(f"{day}T00:00:00", zone)
    after = start + hours * 3600
    found = bucket_starts(start // SLOT_S, after // SLOT_S, "hour", ZoneInfo(zone))
    assert found == [start + n * 3600 for n in range(hours)]
    assert bucket_starts(start // SLOT_S, after // SLOT_S, "day", ZoneInfo(zone)) == [start]
    assert len(bucket_starts(start // SLOT_S, after // SLOT_S, "quarter", ZoneInfo(zone))) == 4 * hours


zones = st.sampled_from(["Asia/Seoul", "Asia/Kathmandu", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
buckets: st.SearchStrategy[Bucket] = st.sampled_from(["quarter", "hour", "day"])


@given(zones, buckets, st.integers(1_900_000, 2_100_000), st.lists(st.tuples(st.integers(0, 700), st.integers(1, 9))))
def test_nobody_is_lost_or_counted_twice_in_buckets(
    name: str, bucket: Bucket, first: int, found: list[tuple[int, int]]
) -> None:
    rows = [Row(first + offset, GATE, "forward", "person", number) for offset, number in found]
    starts = bucket_starts(first, first + 701, bucket, ZoneInfo(name))
    assert starts == sorted(set(starts))
    totals = summed(rows, starts)
    assert sum(map(sum, totals.values())) == sum(number for _, number in found)
    for start in starts if bucket != "quarter" else ():
        local = datetime.fromtimestamp(start, ZoneInfo(name))
        assert local.minute in (0, 30), "half hours only where a clock is put back by one"
