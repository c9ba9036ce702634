"""What is deleted, in which order, and what never is."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock, is_synchronised
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import UnitRef
from haechi.record.disk.volume import IDENTITY_FILE, Space, Volume
from haechi.record.index.policies import Policy
from haechi.record.repair.check import CheckLevel, check
from haechi.record.retention.deletion import NS_PER_DAY, Retention, RetentionReport, RetentionSettings
from haechi.record.retention.steady import SteadyTime
from tests.record.archive import JPEG, MAIN, SUB, Archive, pictures
from tests.streams import START_NS

DAYS = 10


class SmallVolume(Volume):
    """A volume whose free space is what a test says, plus what was removed."""

    def __init__(self, root: Path, free_bytes: int) -> None:
        super().__init__(root)
        self.free_bytes = free_bytes
        self.free_files = 1 << 20

    def space(self) -> Space:
        return Space(1 << 40, self.free_bytes, self.free_files)

    def remove(self, relative: str) -> None:
        self.free_bytes += self.path_of(relative).stat().st_size
        self.free_files += 1
        super().remove(relative)


def ten_days(root: Path, free_bytes: int = 1 << 40) -> Archive:
    """One recording of each of two cameras on each of ten days; the clock stands at the end of the tenth."""
    clock = SimulatedClock(START_NS)
    archive = Archive(root, clock=clock)
    archive.volume = volume = SmallVolume(root / "record", 1 << 40)
    archive.recorder._volume = archive.recorder._writer._volume = archive.volume

    async def play() -> None:
        async with archive:
            for day in range(DAYS):
                for stream in (MAIN, SUB):
                    archive.publish(JPEG, pictures(100, UnitRef(stream, day + 1, 0), START_NS + day * NS_PER_DAY))
                    archive.end_run(stream, GapCause.DISABLED)
            await archive.until_acknowledged(2 * 100 * DAYS)

    asyncio.run(play())
    volume.free_bytes = free_bytes
    clock.step_wall(DAYS * NS_PER_DAY)
    return archive


def once(archive: Archive, settings: RetentionSettings) -> RetentionReport:
    async def play() -> RetentionReport:
        report = await Retention(archive.index, archive.volume, archive.clock, settings).once()
        assert (await check(archive.index, archive.volume, CheckLevel.SIZE)).is_sound
        return report

    return asyncio.run(play())


def days_of(archive: Archive, stream: str = MAIN) -> list[int]:
    return [(r.start_ns - START_NS) // NS_PER_DAY for r in archive.recordings() if r.stream == stream]


def test_footage_past_its_time_is_deleted_and_the_gap_says_why(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    report = once(archive, RetentionSettings(retention_days=4.5, min_free_bytes=0))
    assert report.expired == 12
    assert days_of(archive) == [6, 7, 8, 9]
    gaps = asyncio.run(archive.gaps())
    assert [gap.cause for gap in gaps[:2]] == [GapCause.RETENTION, GapCause.DISABLED]
    assert gaps[0].start_ns == START_NS
    assert gaps[0].end_ns > START_NS + 5 * NS_PER_DAY
    assert not list((tmp_path / "record").rglob("2025-11-21*"))
    archive.close()


def test_a_camera_may_keep_its_footage_longer_or_shorter(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    shorter = Policy(continuous_days=2.5, motion_days=2.5, event_days=2.5)
    asyncio.run(archive.index.set_policy(CameraId("cam_yard"), shorter))
    once(archive, RetentionSettings(retention_days=30, min_free_bytes=0))
    assert days_of(archive) == list(range(10))
    assert days_of(archive, SUB) == [8, 9]
    archive.close()


def test_pinned_footage_stays_until_it_is_unpinned(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    at = START_NS + 2 * NS_PER_DAY + NS_PER_S
    asyncio.run(archive.index.pin(MAIN, at, at + NS_PER_S, "event:evt_1"))
    asyncio.run(archive.index.pin(MAIN, at, at + NS_PER_S, "case:1"))
    settings = RetentionSettings(retention_days=1.5, min_free_bytes=0)
    once(archive, settings)
    assert days_of(archive) == [2, 9]
    asyncio.run(archive.index.unpin("event:evt_1"))
    once(archive, settings)
    assert days_of(archive) == [2, 9]
    asyncio.run(archive.index.unpin("case:1"))
    once(archive, settings)
    assert days_of(archive) == [9]
    archive.close()


def test_where_space_runs_out_the_oldest_of_all_cameras_goes_first_and_only_what_is_needed(tmp_path: Path) -> None:
    archive = ten_days(tmp_path, free_bytes=1000)
    size = archive.recordings()[0].size_bytes
    report = once(archive, RetentionSettings(min_free_bytes=1000 + 5 * size - 10))
    assert report.for_space == 5
    assert sorted(days_of(archive) + days_of(archive, SUB)) == sorted([*range(3, 10), *range(2, 10)])
    archive.close()


def test_one_pass_for_space_never_takes_more_than_a_tenth_or_ten(tmp_path: Path) -> None:
    archive = ten_days(tmp_path, free_bytes=0)
    assert once(archive, RetentionSettings(min_free_bytes=1 << 39)).for_space == 10
    assert len(archive.recordings()) == 10
    archive.close()


def test_where_no_more_files_fit_the_oldest_goes_however_many_bytes_are_free(tmp_path: Path) -> None:
    """Found with a disk whose names were used up: recording stood still for good."""
    archive = ten_days(tmp_path)
    assert isinstance(archive.volume, SmallVolume)
    archive.volume.free_files = 5
    assert once(archive, RetentionSettings(min_free_bytes=0)).for_space == 10
    archive.volume.free_files = 64
    assert once(archive, RetentionSettings(min_free_bytes=0)).for_space == 0
    archive.close()


def test_protected_footage_is_never_deleted_for_space_and_it_is_told(tmp_path: Path) -> None:
    archive = ten_days(tmp_path, free_bytes=0)
    for stream in (MAIN, SUB):
        asyncio.run(archive.index.pin(stream, START_NS, START_NS + 20 * NS_PER_DAY, "case:1"))
    report = once(archive, RetentionSettings(min_free_bytes=1 << 39))
    assert (report.for_space, report.only_protected) == (0, True)
    assert len(archive.recordings()) == 20
    archive.close()


@pytest.mark.parametrize("identity", [None, b'{"volume": "11111111-2222-3333-4444-555555555555"}'])
def test_nothing_is_deleted_on_a_volume_that_is_not_the_right_one(tmp_path: Path, identity: bytes | None) -> None:
    archive = ten_days(tmp_path)
    file = tmp_path / "record" / IDENTITY_FILE
    file.unlink()
    if identity is not None:
        file.write_bytes(identity)
    with pytest.raises(Unavailable):
        once(archive, RetentionSettings(retention_days=1, min_free_bytes=1 << 39))
    assert len(archive.files()) == 20
    assert len(archive.recordings()) == 20
    archive.close()


def test_a_clock_that_leaps_ahead_deletes_nothing(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    clock = archive.clock
    assert isinstance(clock, SimulatedClock)
    retention = Retention(archive.index, archive.volume, clock, RetentionSettings(retention_days=15, min_free_bytes=0))
    assert asyncio.run(retention.once()).expired == 0
    clock.step_wall(365 * NS_PER_DAY)
    assert asyncio.run(retention.once()).expired == 0
    clock.advance(10 * NS_PER_DAY)
    assert asyncio.run(retention.once()).expired > 0
    archive.close()


@pytest.mark.parametrize(("is_sure", "first", "a_day_later"), [(True, 20, 0), (False, 0, 20)])
def test_a_clock_that_is_wrong_at_the_start_is_doubted_for_a_day_unless_something_vouches_for_it(
    tmp_path: Path, is_sure: bool, first: int, a_day_later: int
) -> None:
    archive = ten_days(tmp_path)
    clock = archive.clock
    assert isinstance(clock, SimulatedClock)
    clock.step_wall(40 * NS_PER_DAY)
    keep = RetentionSettings(retention_days=15, min_free_bytes=0)
    retention = Retention(archive.index, archive.volume, clock, keep, is_sure=lambda: is_sure)
    assert asyncio.run(retention.once()).expired == first
    clock.advance(NS_PER_DAY // 2)
    assert asyncio.run(retention.once()).expired == 0
    clock.advance(NS_PER_DAY // 2 + NS_PER_S)
    assert asyncio.run(retention.once()).expired == a_day_later
    archive.close()


def leapt(root: Path) -> tuple[Archive, SimulatedClock]:
    """Ten days of footage, then ten seconds by a clock that is forty days ahead."""
    archive = ten_days(root)
    clock = archive.clock
    assert isinstance(clock, SimulatedClock)
    clock.step_wall(40 * NS_PER_DAY)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(100, UnitRef(MAIN, 50, 0), clock.wall_ns()))
            archive.end_run(MAIN, GapCause.DISABLED)
            await archive.settle()

    asyncio.run(play())
    return archive, clock


def test_a_restart_does_not_make_a_wrong_clock_right_though_footage_has_its_time_by_now(tmp_path: Path) -> None:
    archive, clock = leapt(tmp_path)
    keep = RetentionSettings(retention_days=15, min_free_bytes=0)
    starts = [Retention(archive.index, archive.volume, clock, keep, is_sure=lambda: False) for _ in range(3)]
    for again in starts:
        clock.advance(NS_PER_DAY // 4)
        assert asyncio.run(again.once()).expired == 0
    clock.advance(NS_PER_DAY + NS_PER_S)
    assert asyncio.run(starts[-1].once()).expired == 20, "after a day without anybody who puts it right"
    archive.close()


def test_a_hole_that_retention_made_itself_makes_no_clock_doubtful(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    asyncio.run(archive.index.pin(MAIN, START_NS, START_NS + NS_PER_S, "evidence"))
    once(archive, RetentionSettings(retention_days=1.5, min_free_bytes=0))
    assert days_of(archive) == [0, 9]
    keep = RetentionSettings(retention_days=0.5, min_free_bytes=0)
    later = Retention(archive.index, archive.volume, archive.clock, keep, is_sure=lambda: False)
    assert asyncio.run(later.once()).expired > 0
    archive.close()


def test_a_doubted_clock_that_is_put_right_is_believed_at_once() -> None:
    clock = SimulatedClock(START_NS + 40 * NS_PER_DAY)
    vouched = False
    time = SteadyTime(clock, lambda: vouched)
    time.begin(START_NS)
    assert time.now_ns() <= START_NS + 60 * NS_PER_S
    clock.step_wall(-40 * NS_PER_DAY + 7200 * NS_PER_S)
    vouched = True
    assert time.now_ns() == START_NS + 7200 * NS_PER_S


def test_the_machine_can_be_asked_whether_its_clock_is_kept() -> None:
    assert is_synchronised() in {True, False}


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = SimulatedClock(START_NS)
    time = SteadyTime(clock)
    assert time.now_ns() == START_NS
    clock.step_wall(-3600 * NS_PER_S)
    assert time.now_ns() == START_NS - 3600 * NS_PER_S
    clock.advance(NS_PER_S)
    assert time.now_ns() == START_NS - 3599 * NS_PER_S
