"""All tiers together: when space is short, when a store is down at the start, and when footage is deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.record.disk.volume import Space, Volume
from haechi.record.index.spans import Recording
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.tiers.identity import IDENTITY_OBJECT
from haechi.record.tiers.mover import MoverStats, Pace
from haechi.record.tiers.objects import Limits
from haechi.record.tiers.packing import MINUTE_NS, Packing, duration_ns, groups, sized
from haechi.record.tiers.places import stored_path
from haechi.record.tiers.room import TierPlan, Tiers, TierWish
from tests.faultproxy import Fault, FaultProxy
from tests.record.archive import MAIN
from tests.record.tiers.stage import NOW_NS, Stage
from tests.s3 import ACCESS_KEY, BUCKET, S3, SECRET_KEY, client
from tests.streams import START_NS

DAY_NS = 24 * 60 * MINUTE_NS
QUICK = Limits(0.5, 0.5, 0.5)
PACE = Pace(packing=Packing(target_bytes=1_000_000), most_s=60)


def store(proxy: FaultProxy, name: str, after_ns: int = 0, encrypt: bool = False) -> TierWish:
    options = {"endpoint": proxy.endpoint, "region": "us-east-1"}
    options |= {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    return TierWish("far", f"s3://{BUCKET}/{name}", after_ns, encrypt, options=options)


def room(stage: Stage, *wishes: TierWish, first_free: Callable[[], int] = lambda: 0) -> Tiers:
    return Tiers(stage.database, stage.first, stage.clock, TierPlan(wishes, PACE, QUICK), stage.keys, first_free)


@asynccontextmanager
async def working(tiers: Tiers) -> AsyncIterator[None]:
    task = asyncio.create_task(tiers.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(stage: Stage, is_so: Callable[[], bool], within_s: float = 120, step_s: float = 2) -> None:
    """Let real work and simulated time go on until it is so."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.02)
            stage.clock.advance(int(step_s * NS_PER_S))


def names(s3: S3, prefix: str) -> set[str]:
    found = client(s3.port).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    return {one["Key"].removeprefix(f"{prefix}/") for one in found} - {IDENTITY_OBJECT}


def test_footage_goes_from_disk_to_disk_to_store(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)
    stage.keys.add(stage.clock)

    async def run(proxy: FaultProxy) -> None:
        big = TierWish("big", str(tmp_path / "big"), DAY_NS - 8 * MINUTE_NS, encrypt=True)
        tiers = room(stage, big, store(proxy, "chain", DAY_NS - 3 * MINUTE_NS))
        stage.vault = tiers.vault
        async with working(tiers):
            await until(stage, lambda: len(stage.volumes()) == 3, step_s=0.4)
            await until(stage, lambda: stage.count("doomed") + stage.count("moves") == 0, step_s=0.4)
            assert stage.digests() == stage.before
            first, middle, last = await tiers._report()
            assert (first.name, middle.name, last.name) == ("disk", "big", "far")
            assert first.recordings + middle.recordings + last.recordings == len(stage.before)
            assert {row.seal is None for row in stage.rows() if row.volume == stage.first.id} == {True}
            assert {row.seal is None for row in stage.rows() if row.volume != stage.first.id} == {False}

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


def test_a_store_that_is_down_at_the_start_is_used_when_it_is_back(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def run(proxy: FaultProxy) -> None:
        proxy.set(Fault.REFUSE)
        tiers = room(stage, store(proxy, "room-later"))
        stage.vault = tiers.vault
        async with working(tiers):
            await until(stage, lambda: bool(tiers._tiers[0].failure))
            told = (await tiers._report())[1]
            assert told.failure
            assert told.waiting_bytes == sum(row.size_bytes for row in stage.rows())
            assert told.oldest_waiting_ns == START_NS
            proxy.set(Fault.NONE)
            await until(stage, lambda: stage.first.id not in stage.volumes())
            assert stage.digests() == stage.before
            told = (await tiers._report())[1]
            assert (told.failure, told.waiting_bytes) == ("", 0)

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


class Tight(Volume):
    """A disk that is nearly full."""

    def space(self) -> Space:
        return Space(100_000_000, 1_000_000)


def test_when_the_disk_is_nearly_full_footage_goes_on_before_its_time(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def run(proxy: FaultProxy) -> None:
        stage.first.__class__ = Tight
        tiers = room(stage, store(proxy, "tight", 365 * DAY_NS), first_free=lambda: 900_000)
        stage.vault = tiers.vault
        async with working(tiers):
            await until(stage, lambda: stage.first.id not in stage.volumes())
        assert stage.digests() == stage.before

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


def test_an_object_goes_with_the_last_of_its_recordings_as_soon_as_its_store_answers(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)

    async def run(proxy: FaultProxy) -> None:
        tiers = room(stage, store(proxy, "deleted"))
        async with working(tiers):
            await until(stage, lambda: stage.first.id not in stage.volumes() and not stage.count("doomed"))
            packed = [row for row in stage.rows() if row.stream == MAIN]
            days = (NOW_NS - packed[4].end_ns + MINUTE_NS) / DAY_NS
            gone = [row for row in stage.rows() if stage.clock.wall_ns() - row.end_ns >= days * DAY_NS]
            proxy.set(Fault.REFUSE)
            retention = Retention(stage.index, stage.first, stage.clock, RetentionSettings(days, 0))
            report = await retention.once()
            assert report.expired >= len(gone) > 0
            assert len(stage.rows()) == len(stage.before) - report.expired
            before = names(s3, "deleted")
            left = {stored_path(row.path) for row in stage.rows()}
            assert left < before
            await until(stage, lambda: tiers.reaper.stats.failures > 0)
            assert names(s3, "deleted") == before, "a store that is down only delays it"
            proxy.set(Fault.NONE)
            await until(stage, lambda: not stage.count("doomed"))
            assert names(s3, "deleted") == left

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


def has_tried(stage: Stage, now: MoverStats, before: MoverStats) -> bool:
    """Whether something was moved since, or could not be, or nothing is left to be moved."""
    is_other = (now.moved_recordings, now.failures) != (before.moved_recordings, before.failures)
    return is_other or stage.first.id not in stage.volumes()


def test_the_last_tier_makes_room_by_letting_go_of_its_oldest(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)

    async def run(proxy: FaultProxy) -> None:
        size = sum(row.size_bytes for row in stage.rows())
        limit = size * 2 // 3
        tiers = room(stage, structs.replace(store(proxy, "room"), max_bytes=limit))
        retention = Retention(stage.index, stage.first, stage.clock, RetentionSettings(3650, 0))
        retention.shortages = tiers.shortages
        async with working(tiers):
            await until(stage, lambda: tiers._tiers[0].mover is not None and bool(tiers._tiers[0].mover.stats.failure))
            mover = tiers._tiers[0].mover
            assert mover is not None
            oldest_ns, count = stage.rows()[0].start_ns, 0
            while stage.first.id in stage.volumes():
                await retention.once()
                count = len(stage.rows())
                await until(stage, lambda: not stage.count("doomed"))
                await until(stage, partial(has_tried, stage, mover.stats, copy(mover.stats)))
            assert 0 < len(stage.rows()) <= count < len(stage.before)
            assert sum(row.size_bytes for row in stage.rows()) <= limit
            assert min(row.start_ns for row in stage.rows()) > oldest_ns
            assert max(row.start_ns for row in stage.rows()) == max(start for _, start in stage.before)

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


def test_recordings_that_are_deleted_on_their_way_are_let_go_of(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def run(proxy: FaultProxy) -> None:
        place = await stage.objects(proxy.endpoint, "on-the-way")
        mover = stage.mover(place, PACE)
        proxy.spared = IDENTITY_OBJECT.encode()
        proxy.set(Fault.BUSY)
        with pytest.raises(ExceptionGroup):
            await mover.round()
        assert stage.count("moves") > 0
        await Retention(stage.index, stage.first, stage.clock, RetentionSettings(0.001, 0)).once()
        assert stage.rows() == []
        proxy.set(Fault.NONE)
        await mover.round()
        await stage.reaper.once()
        assert [stage.count(name) for name in ("objects", "moves", "doomed")] == [0, 0, 0]
        assert names(s3, "on-the-way") == set()

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


def test_a_damaged_recording_stays_and_the_others_go(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)
    path = stage.local_files()[0]
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)

    async def run(proxy: FaultProxy) -> None:
        mover = stage.mover(await stage.objects(proxy.endpoint, "damaged"), PACE)
        for _ in range(5):
            await mover.round()
        assert mover.stats.damaged == 1
        await stage.reaper.once()
        assert stage.local_files() == [path]
        assert len([row for row in stage.rows() if row.volume == stage.first.id]) == 1

    with FaultProxy(s3.port) as proxy:
        asyncio.run(run(proxy))
    stage.close()


@pytest.mark.parametrize(
    "wishes",
    [
        [TierWish("disk", "/srv/big", 0)],
        [TierWish("a", "/srv/big", 0), TierWish("a", "/srv/bigger", 0)],
        [TierWish("a", "/srv/big", 10), TierWish("b", "s3://bucket", 5)],
        [TierWish("a", "srv/big", 0)],
        [TierWish("a", "s3://bucket/a", 0), TierWish("b", "s3://bucket/b", 5)],
        [TierWish("a", "ftp://host/x", 0)],
    ],
)
def test_wishes_that_make_no_sense_are_told(tmp_path: Path, wishes: list[TierWish]) -> None:
    stage = Stage(tmp_path, minutes=4)
    with pytest.raises(Invalid):
        room(stage, *wishes)
    stage.close()


def recording(number: int, size: int, seconds: int = 60) -> Recording:
    start_ns = START_NS + number * 60 * NS_PER_S
    end_ns = start_ns + seconds * NS_PER_S
    return Recording(number, "v", MAIN, 1, 0, f"p{number}", start_ns, end_ns, number, number, 1, size, False)  # type: ignore[arg-type]


def test_recordings_wait_for_others_but_not_for_ever() -> None:
    packing, few = Packing(), [recording(0, 10), recording(1, 10)]

    def ready(waited_ns: int, found: list[Recording], *, is_tight: bool = False) -> list[int]:
        return [len(g) for g in groups(found, packing, found[0].end_ns + waited_ns, is_tight=is_tight)]

    assert ready(0, few) == []
    assert ready(0, few, is_tight=True) == [2]
    assert ready(packing.gather_ns, few) == [2]
    assert ready(packing.gather_ns, [recording(0, 10, seconds=20)]) == []
    assert ready(packing.lonely_ns, [recording(0, 10, seconds=20)]) == [1]
    assert ready(0, [recording(n, 20_000_000) for n in range(4)]) == [3]


def test_objects_are_smaller_where_the_line_is_slow() -> None:
    assert sized(Packing(), 0).target_bytes == Packing().target_bytes
    assert sized(Packing(), 100_000_000).target_bytes == Packing().target_bytes
    assert 8_000_000 < sized(Packing(), 300_000).target_bytes < 20_000_000
    assert sized(Packing(), 1).target_bytes >= 8_000_000


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("12h", 43_200), ("7d", 604_800)])
def test_times_are_read(text: str, seconds: int) -> None:
    assert duration_ns(text) == seconds * NS_PER_S


@pytest.mark.parametrize("text", ["", "h", "1.5h", "-1h", "12", "12w", "١h", "9999999d"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        duration_ns(text)
