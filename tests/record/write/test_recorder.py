"""What the recorder promises: every unit once, in order, durable before it is acknowledged; every hole with a cause."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Conflict, Unavailable
from haechi.base.ids import CameraId
from haechi.bus.frames import GapCause
from haechi.ingest.stamp import RunTime, Stamper
from haechi.media.access_unit import AccessUnit, RawUnit, UnitRef
from haechi.media.fmp4.reader import scan
from haechi.record.disk.volume import IDENTITY_FILE
from haechi.record.index.policies import Policy
from haechi.record.index.spans import Gap, Span
from haechi.record.write.recorder import RecorderSettings
from tests.record.archive import JPEG, MAIN, SUB, Archive, after, pictures
from tests.streams import START_NS, h264_stream, stamped

T = TypeVar("T")


async def read_back(archive: Archive, units: list[AccessUnit]) -> list[AccessUnit]:
    ref = units[0].ref
    return list((await archive.playback.units(ref.stream, ref.run, ref.seq, units[-1].ref.seq)).units)


def test_every_unit_of_every_camera_comes_back_bit_exact(archive: Archive) -> None:
    params, coded = h264_stream(frames=300, fps=15, gop=15, size=(64, 64), bframes=2)
    front = stamped(coded, MAIN)
    yard = pictures(500, UnitRef(SUB, 7, 0))

    async def play() -> None:
        async with archive:
            archive.publish(params, front)
            archive.publish(JPEG, yard)
            await archive.until_acknowledged(700)
        assert await read_back(archive, front) == front
        assert await read_back(archive, yard) == yard
        assert (await archive.playback.units(MAIN, 1, 0, 0)).params == params

    asyncio.run(play())
    assert archive.recorder.stats.acknowledged_units == 800
    assert archive.recorder.stats.lost_units == 0


def test_units_are_gathered_before_they_are_taken(tmp_path: Path) -> None:
    archive = Archive(tmp_path, settings=RecorderSettings(gather_s=0.01))
    units = pictures(90)

    async def play() -> list[AccessUnit]:
        async with archive:
            archive.publish(JPEG, units[:50])
            await archive.until_acknowledged(40)
            archive.publish(JPEG, units[50:])
        return await read_back(archive, units)

    assert asyncio.run(play()) == units
    archive.close()


@given(count=st.integers(1, 130), fps=st.sampled_from([1, 10, 30]))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_d3_a_planned_stop_loses_nothing(tmp_path_factory: pytest.TempPathFactory, count: int, fps: int) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    units = pictures(count, fps=fps)

    async def play() -> list[AccessUnit]:
        async with archive:
            archive.publish(JPEG, units)
        return await read_back(archive, units)

    assert asyncio.run(play()) == units
    archive.close()


def test_the_gop_that_runs_when_the_recorder_starts_is_recorded_from_its_sync_unit_on(archive: Archive) -> None:
    units = pictures(50)

    async def play() -> list[AccessUnit]:
        archive.publish(JPEG, units[:45])
        async with archive:
            archive.publish(JPEG, units[45:])
        return await read_back(archive, units[40:])

    assert asyncio.run(play()) == units[40:]


def test_d1_at_any_moment_at_most_the_fragment_in_flight_is_not_yet_durable(archive: Archive) -> None:
    units = pictures(120)

    async def play() -> None:
        async with archive:
            for number, unit in enumerate(units, 1):
                archive.publish(JPEG, [unit])
                await archive.until_acknowledged((number - 1) // 20 * 20)
                assert number - archive.recorder.stats.acknowledged_units <= 20

    asyncio.run(play())


def test_files_lie_where_a_person_finds_them(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(700))

    asyncio.run(play())
    names = [str(path.relative_to(archive.root / "record")) for path in archive.files()]
    assert names == [
        "cam_front/2025-11-21/08/08-00-00.000Z_main_r1.mp4",
        "cam_front/2025-11-21/08/08-01-00.000Z_main_r1.mp4",
    ]


def test_the_gap_between_two_runs_says_why(archive: Archive) -> None:
    first = pictures(30)
    second = pictures(30, UnitRef(MAIN, 2, 0), after(first, 8))

    async def play() -> list[Gap]:
        async with archive:
            archive.publish(JPEG, first)
            archive.end_run(MAIN, GapCause.UNAUTHORIZED, "wrong password")
            archive.publish(JPEG, second)
        return await archive.gaps()

    gaps = asyncio.run(play())
    assert gaps[0] == Gap(first[-1].captured_ns + 1, second[0].captured_ns, GapCause.UNAUTHORIZED, "wrong password")
    assert [gap.cause for gap in gaps] == [GapCause.UNAUTHORIZED, GapCause.NOT_RUNNING]


def test_switching_recording_off_and_on_again_is_a_gap_that_says_so(tmp_path: Path) -> None:
    clock = SimulatedClock(START_NS)
    archive = Archive(tmp_path, clock=clock)
    units = pictures(200)

    async def policy(*, enabled: bool) -> None:
        await archive.settle()
        await archive.index.set_policy(CameraId("cam_front"), Policy(enabled=enabled))
        clock.advance(6 * NS_PER_S)
        await asyncio.sleep(0.1)

    async def play() -> list[Gap]:
        async with archive:
            archive.publish(JPEG, units[:50])
            await archive.until_acknowledged(40)
            await policy(enabled=False)
            archive.publish(JPEG, units[50:90])
            await policy(enabled=True)
            archive.publish(JPEG, units[90:])
        return await archive.gaps()

    gaps = asyncio.run(play())
    assert gaps[0].cause is GapCause.DISABLED
    assert (gaps[0].start_ns, gaps[0].end_ns) == (units[49].captured_ns + 1, units[100].captured_ns)
    archive.close()


def test_nothing_is_recorded_twice_when_the_recorder_starts_again_in_the_middle_of_a_run(archive: Archive) -> None:
    units = pictures(100, gop=50)

    async def play() -> list[AccessUnit]:
        async with archive:
            archive.publish(JPEG, units[:70])
        async with archive:
            archive.publish(JPEG, units[70:])
        return await read_back(archive, units)

    assert asyncio.run(play()) == units
    starts = [(recording.first_seq, recording.last_seq) for recording in archive.recordings()]
    assert starts == [(0, 69), (70, 99)]


@given(
    data=st.data(),
    outages=st.lists(st.tuples(st.integers(1, 80), st.floats(0.2, 400)), min_size=1, max_size=6),
)
@settings(max_examples=15, deadline=None)
def test_d6_what_is_recorded_and_the_gaps_are_together_the_wall_time(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, outages: list[tuple[int, float]]
) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    start_ns, runs = START_NS, []
    for run, (count, pause_s) in enumerate(outages, 1):
        runs.append(pictures(count, UnitRef(MAIN, run, 0), start_ns))
        start_ns = after(runs[-1], pause_s)

    async def play() -> tuple[list[Span], list[Gap]]:
        async with archive:
            for units in runs:
                archive.publish(JPEG, units)
                archive.end_run(MAIN, data.draw(st.sampled_from(list(GapCause))))
                if data.draw(st.booleans()):
                    await asyncio.sleep(0.01)
        return await archive.spans(), await archive.gaps()

    spans, gaps = asyncio.run(play())
    archive.close()
    pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
    assert pieces[0][0] == START_NS
    assert all(end == start for (_, end), (start, _) in pairwise(pieces))
    recorded_ns = sum(span.end_ns - span.start_ns for span in spans)
    played_ns = sum(units[-1].captured_ns - units[0].captured_ns for units in runs)
    assert abs(recorded_ns - played_ns) < NS_PER_S


@given(steps=st.lists(st.tuples(st.integers(2, 40), st.integers(-3600, 3600), st.booleans()), min_size=2, max_size=7))
@settings(max_examples=15, deadline=None)
def test_d7_recordings_never_overlap_whatever_the_clock_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    clock = SimulatedClock(START_NS)
    archive = Archive(tmp_path_factory.mktemp("archive"), clock=clock)

    async def connection(run: int, frames: int, step_s: int) -> None:
        floor_ns = max(
            await archive.index.newest_captured_ns(MAIN),
            last.captured_ns if (last := archive.bus.channel(MAIN).last) else 0,
        )
        time = RunTime(clock.wall_ns(), clock.monotonic_ns(), floor_ns)
        stamper = Stamper(UnitRef(MAIN, run, 0), 90_000, time)
        for number in range(frames):
            if number == frames // 2:
                clock.step_wall(step_s * NS_PER_S)
            clock.advance(NS_PER_S // 5)
            raw = RawUnit(rtp_ticks=number * 18_000, is_sync=number % 10 == 0, data=b"x" * 30)
            archive.publish(JPEG, [stamper.stamp(raw, clock.monotonic_ns(), 0)])
        archive.end_run(MAIN)
        await archive.settle()

    async def play() -> list[int]:
        captured = []
        run = 0
        for frames, step_s, restarts in steps:
            async with archive:
                run += 1
                await connection(run, frames, step_s)
                if not restarts:
                    run += 1
                    await connection(run, frames, -step_s)
        for recording in archive.recordings():
            units = await archive.playback.units(MAIN, recording.run, recording.first_seq, recording.last_seq)
            captured += [unit.captured_ns for unit in units.units if unit.ref.seq >= recording.first_seq]
        return captured

    captured = asyncio.run(play())
    rows = archive.recordings()
    archive.close()
    assert len(captured) == sum(frames * (1 if restarts else 2) for frames, _, restarts in steps)
    assert all(before < later for before, later in pairwise(captured))
    assert all(before.end_ns <= later.start_ns for before, later in pairwise(rows))


class FlakyDatabase:
    """Makes an archive's database refuse all writes while ``is_down``."""

    def __init__(self, archive: Archive) -> None:
        self.is_down = False
        self._write = archive.database.write
        archive.database.write = self.write  # type: ignore[method-assign]

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self.is_down:
            raise Unavailable("the database does not answer", code="database-down")
        return await self._write(work)


def test_while_the_database_is_down_recording_goes_on_and_is_acknowledged_later(archive: Archive) -> None:
    units = pictures(100)

    database = FlakyDatabase(archive)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, units[:41])
            await archive.until_acknowledged(40)
            database.is_down = True
            archive.publish(JPEG, units[41:81])
            await asyncio.sleep(0.2)
            assert archive.recorder.stats.acknowledged_units == 40
            (file,) = archive.files()
            assert len(scan(file.read_bytes()).fragments) == 4
            database.is_down = False
            archive.publish(JPEG, units[81:])
            await archive.until_acknowledged(80)
        assert await read_back(archive, units) == units

    asyncio.run(play())


def test_stopped_without_a_database_the_next_start_finds_the_files(archive: Archive) -> None:
    units = pictures(100)
    database = FlakyDatabase(archive)

    async def play() -> None:
        async with archive:
            await asyncio.sleep(0.1)
            database.is_down = True
            archive.publish(JPEG, units)
        database.is_down = False
        assert archive.recordings() == []
        async with archive:
            await asyncio.sleep(0.1)
        assert await read_back(archive, units) == units

    asyncio.run(play())


def test_a_disk_without_room_is_a_gap_and_recording_resumes_when_there_is_room(tmp_path: Path) -> None:
    archive = Archive(tmp_path, settings=RecorderSettings(reserve_bytes=0, gather_s=0))
    units = pictures(300)
    woken: list[bool] = []
    archive.recorder._on_full = lambda: woken.append(True)

    async def play() -> list[Gap]:
        async with archive:
            archive.publish(JPEG, units[:101])
            await archive.until_acknowledged(100)
            archive.recorder._writer._reserve_bytes = 1 << 62
            archive.publish(JPEG, units[101:201])
            await asyncio.sleep(0.2)
            assert archive.recorder.stats.is_full
            archive.recorder._writer._reserve_bytes = 0
            archive.publish(JPEG, units[201:])
        return await archive.gaps()

    gaps = asyncio.run(play())
    assert woken
    assert [gap.cause for gap in gaps] == [GapCause.DISK_FULL, GapCause.NOT_RUNNING]
    assert (gaps[0].start_ns, gaps[0].end_ns) == (units[100].captured_ns, units[200].captured_ns)
    archive.close()


def test_two_recorders_cannot_share_a_folder(archive: Archive) -> None:
    other = Archive(archive.root)

    async def play() -> None:
        async with archive:
            await asyncio.sleep(0.1)
            with pytest.raises(Conflict, match="another process"):
                await other.recorder.run()

    asyncio.run(play())
    other.close()


def test_d8_an_empty_folder_where_footage_is_expected_is_refused_and_not_written_to(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(30))
        (archive.root / "record").rename(archive.root / "elsewhere")
        (archive.root / "record").mkdir()
        with pytest.raises(Unavailable, match="mounted"):
            await archive.recorder.run()
        assert list((archive.root / "record").iterdir()) == []

    asyncio.run(play())


def test_d8_the_volume_of_another_installation_is_refused(archive: Archive) -> None:
    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(30))
        identity = archive.root / "record" / IDENTITY_FILE
        identity.write_text('{"volume": "11111111-2222-3333-4444-555555555555"}')
        with pytest.raises(Conflict, match="another installation"):
            await archive.recorder.run()

    asyncio.run(play())


def test_a_camera_with_parameters_that_cannot_be_written_disturbs_no_other(archive: Archive) -> None:
    params, _ = h264_stream()
    bad = pictures(60, UnitRef(SUB, 1, 0))
    good = pictures(60)

    async def play() -> None:
        async with archive:
            archive.publish(type(params)(params.codec, 320, 240, ()), bad)
            archive.publish(JPEG, good)
        assert await read_back(archive, good) == good
        assert await archive.spans(SUB) == []

    asyncio.run(play())
    assert archive.recorder.stats.lost_units == 60
    assert archive.bus.ledger.totals(SUB).missing == {GapCause.PEER_ERROR: 60}
