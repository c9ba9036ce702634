"""An object store that is down, slow or lying for an hour loses nothing, and is caught up with."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import HaechiError
from haechi.record.tiers.identity import IDENTITY_OBJECT
from haechi.record.tiers.mover import Mover, Pace, WrongBytes
from haechi.record.tiers.objects import Limits
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import stored_path
from tests.faultproxy import Fault, FaultProxy
from tests.record.tiers.stage import Stage
from tests.s3 import S3

HOUR_S = 3600.0
MINUTES = 20
"""Of footage that wait meanwhile; in `bench/upload.py` it is as much as 25 cameras really send."""
IMPATIENT = Limits(read_s=0.5, write_s=0.5, connect_s=0.5)
SMALL = Pace(packing=Packing(target_bytes=2_000_000), most_s=900.0)
OUTAGES = [fault for fault in Fault if fault not in (Fault.NONE, Fault.SLOW)]


@pytest.fixture
def proxy(s3: S3) -> Iterator[FaultProxy]:
    with FaultProxy(s3.port) as made:
        yield made


async def pass_time(clock: SimulatedClock, seconds: float) -> None:
    """Let simulated time pass, but only while whoever works on it is waiting for it."""
    end_ns = clock.monotonic_ns() + int(seconds * NS_PER_S)
    while clock.monotonic_ns() < end_ns:
        while not clock._sleepers:  # noqa: ASYNC110 - real work in real time
            await asyncio.sleep(0.002)
        clock.advance(min(end_ns, max(clock._sleepers[0][0], clock.monotonic_ns() + 1)) - clock.monotonic_ns())
        await asyncio.sleep(0.002)


async def caught_up(mover: Mover, stage: Stage, within_s: float = 60) -> float:
    """Seconds of real time until everything has been moved; simulated time passes as fast as it may."""
    began_s = time.monotonic()
    async with asyncio.timeout(within_s):
        while stage.volumes() != {mover.route.place.id}:
            await pass_time(stage.clock, 5)
    return time.monotonic() - began_s


@pytest.mark.slow
@pytest.mark.parametrize("fault", OUTAGES)
def test_an_hour_of_it_loses_nothing_and_is_caught_up_with(tmp_path: Path, proxy: FaultProxy, fault: Fault) -> None:
    stage = Stage(tmp_path, minutes=MINUTES, size=1500)
    before = stage.before

    async def live() -> float:
        place = await stage.objects(proxy.endpoint, f"hour-{fault.name}", IMPATIENT)
        mover = stage.mover(place, SMALL)
        proxy.spared = IDENTITY_OBJECT.encode()
        proxy.set(fault)
        task = asyncio.create_task(mover.run())
        await pass_time(stage.clock, HOUR_S)
        assert not task.done()
        assert mover.stats.failures >= 5
        assert mover.stats.failure
        assert stage.volumes() == {stage.first.id}, "nothing is listed that was not read back"
        assert len(stage.local_files()) == len(before), "nothing is let go of that was not read back"
        proxy.set(Fault.NONE)
        took_s = await caught_up(mover, stage)
        assert mover.stats.failure == ""
        task.cancel()
        await stage.reaper.once()
        return took_s

    took_s = asyncio.run(live())
    assert stage.digests() == before
    assert stage.local_files() == []
    assert [stage.count("moves"), stage.count("doomed")] == [0, 0]
    assert took_s * 4 < MINUTES * 60
    print(f"{fault}: {MINUTES} minutes of two cameras caught up with in {took_s:.1f} s")


def test_footage_can_be_read_from_disk_while_the_store_is_down(tmp_path: Path, proxy: FaultProxy) -> None:
    stage = Stage(tmp_path)
    before = stage.before

    async def live() -> None:
        place = await stage.objects(proxy.endpoint, "down", IMPATIENT)
        proxy.set(Fault.REFUSE)
        with pytest.raises(ExceptionGroup):
            await stage.mover(place, SMALL).round()

    asyncio.run(live())
    assert stage.digests() == before


def test_wrong_bytes_are_found_by_the_read_back_and_handed_over_again(tmp_path: Path, proxy: FaultProxy) -> None:
    stage = Stage(tmp_path)
    before = stage.before

    async def live() -> None:
        place = await stage.objects(proxy.endpoint, "lies", IMPATIENT)
        mover = stage.mover(place, SMALL)
        proxy.set(Fault.WRONG)
        with pytest.raises(ExceptionGroup) as caught:
            await mover.round()
        assert caught.group_contains(WrongBytes)
        assert mover.stats.wrong_bytes >= 1
        proxy.set(Fault.NONE)
        while await mover.round():
            pass

    asyncio.run(live())
    assert stage.digests() == before


def test_what_a_store_loses_later_is_told_as_loss_and_not_as_footage(tmp_path: Path, proxy: FaultProxy) -> None:
    stage = Stage(tmp_path)

    async def live() -> None:
        place = await stage.objects(proxy.endpoint, "later", IMPATIENT)
        mover = stage.mover(place, SMALL)
        while await mover.round():
            pass
        row = stage.rows()[0]
        proxy.set(Fault.HALF)
        with pytest.raises(HaechiError) as caught:
            stage.vault.read(row, 0, 100_000)
        assert caught.value.code in ("tier-down", "recording-truncated")
        proxy.set(Fault.NONE)
        await place.remove(stored_path(row.path))
        with pytest.raises(HaechiError) as gone:
            stage.vault.read(row, 0, 1000)
        assert gone.value.code == "recording-missing"

    asyncio.run(live())


def test_a_slow_store_gets_everything_in_its_time(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def live(proxy: FaultProxy) -> None:
        place = await stage.objects(proxy.endpoint, "slow", Limits(read_s=10, write_s=20, connect_s=1))
        mover = stage.mover(place, SMALL)
        proxy.set(Fault.SLOW)
        while await mover.round():
            pass
        assert mover.stats.failures == 0
        assert stage.digests() == stage.before

    with FaultProxy(s3.port, slow_bps=2_000_000) as proxy:
        asyncio.run(live(proxy))


def test_who_looked_a_recording_up_before_it_was_moved_reads_on(tmp_path: Path, proxy: FaultProxy) -> None:
    stage = Stage(tmp_path, minutes=4)
    rows = stage.rows()
    plain = [stage.vault.read(row, 0, row.size_bytes) for row in rows]

    async def live() -> None:
        stage.keys.add(stage.clock)
        mover = stage.mover(await stage.objects(proxy.endpoint, "moved"), SMALL, encrypt=True)
        while await mover.round():
            pass
        await stage.reaper.once()
        assert stage.local_files() == []

    asyncio.run(live())
    assert [stage.vault.read(row, 0, row.size_bytes) for row in rows] == plain


def test_a_store_that_hangs_does_not_hold_up_who_asks_next(tmp_path: Path, proxy: FaultProxy) -> None:
    stage = Stage(tmp_path)

    async def live() -> None:
        place = await stage.objects(proxy.endpoint, "hangs", IMPATIENT)
        mover = stage.mover(place, SMALL)
        while await mover.round():
            pass
        row = stage.rows()[0]
        proxy.set(Fault.HANG)
        with pytest.raises(HaechiError):
            stage.vault.read(row, 0, 1000)
        began_s = time.monotonic()
        with pytest.raises(HaechiError):
            stage.vault.read(row, 0, 1000)
        assert time.monotonic() - began_s < 0.2

    asyncio.run(live())
