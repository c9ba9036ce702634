"""The contract's lines, by number, where no other test of this folder has them.

D1 is also in `test_segmenter` and `test_recorder`, D2 in `test_sweep`, D3, D6 and D7 in `test_recorder`, D8 in
`test_adopt`, `test_sweep` and `test_volume`. Kills at system calls, power cuts and failing disks (D2, D3, D6, D10) are
the fault suite's, of which `tests/faults/test_faults.py` runs a part; of sealed footage they are in `test_sealed`.
"""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Unavailable
from haechi.bus.frames import GapCause
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.record.index.spans import Gap, fragments_in
from haechi.record.repair.check import CheckLevel, check
from haechi.record.write.recorder import RecorderSettings
from haechi.record.write.segmenter import Segmenter
from haechi.record.write.writer import Writer
from tests.record.archive import EVER, JPEG, MAIN, Archive, after, pictures
from tests.streams import START_NS

FRAGMENT_NS, FRAGMENT_BYTES = 4 * NS_PER_S, 8 * 1024 * 1024
HUGE = 1 << 60


@given(
    fps=st.sampled_from([1, 5, 15, 30]),
    gop=st.sampled_from([1, 7, 30, 60, 400]),
    size=st.sampled_from([40, 20_000, 160_000]),
)
@settings(max_examples=12, deadline=None)
def test_d1_what_is_listed_are_fragments_of_at_most_four_seconds_or_eight_megabytes(
    tmp_path_factory: pytest.TempPathFactory, fps: int, gop: int, size: int
) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    units = pictures(fps * 12, fps=fps, gop=gop, size=size)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, units)

    asyncio.run(play())
    ids = [one.id for one in archive.recordings()]
    pieces = archive.database.read_now(lambda c: fragments_in(c, ids))
    assert sum(piece.units for piece in pieces) == len(units)
    for piece in pieces:
        assert piece.units == 1 or piece.last_ns - piece.first_ns < FRAGMENT_NS
        assert piece.units == 1 or piece.size_bytes < FRAGMENT_BYTES * 1.1
    if gop <= 2 * fps and size < 160_000:
        assert all(piece.is_sync for piece in pieces)
    assert [(one.stream, one.run, one.first_seq) for one in archive.acknowledged] == [
        (MAIN, 1, piece.first_seq) for piece in pieces
    ]
    archive.close()


def test_d3_a_stop_before_the_start_is_done_loses_nothing_that_waits(archive: Archive) -> None:
    units = pictures(130)

    async def play() -> None:
        task = asyncio.ensure_future(archive.recorder.run())
        await asyncio.sleep(0)
        archive.publish(JPEG, units)
        assert not archive.recorder.ready.is_set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await check(archive.index, archive.volume, CheckLevel.HASH)).is_sound
        found = await archive.playback.units(MAIN, 1, 0, 129)
        assert list(found.units) == units

    asyncio.run(play())
    assert archive.recorder.stats.lost_units == 0


def test_d3_units_that_wait_for_a_recorder_that_cannot_start_are_accounted_for(archive: Archive) -> None:
    units = pictures(40)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(20, UnitRef(MAIN, 1, 0), START_NS - 10 * NS_PER_S))
            archive.end_run(MAIN)
        for file in (archive.root / "record").glob("*.json"):
            file.unlink()
        task = asyncio.ensure_future(archive.recorder.run())
        await asyncio.sleep(0)
        archive.publish(JPEG, [AccessUnit(UnitRef(MAIN, 2, n), *_rest(unit)) for n, unit in enumerate(units)])
        with pytest.raises(Unavailable, match="not the one"):
            await task

    asyncio.run(play())
    assert archive.recorder.stats.lost_units == 40
    assert archive.bus.ledger.totals(MAIN).missing == {"not-running": 40}


def _rest(unit: AccessUnit) -> tuple[int, int, int, bool, int, bytes]:
    return unit.pts, unit.dts, unit.captured_ns, unit.is_sync, unit.params, unit.data


def test_d6_when_nothing_of_a_new_stream_can_be_written_the_gap_begins_with_its_first_unit(tmp_path: Path) -> None:
    archive = Archive(tmp_path, settings=RecorderSettings(gather_s=0, reserve_bytes=HUGE))
    units = pictures(50)

    async def play() -> list[Gap]:
        async with archive:
            archive.publish(JPEG, units)
        return await archive.gaps()

    gaps = asyncio.run(play())
    assert (gaps[0].start_ns, gaps[0].cause) == (START_NS, GapCause.DISK_FULL)
    assert archive.recordings() == []
    archive.close()
    archive = Archive(tmp_path)
    later = pictures(50, UnitRef(MAIN, 2, 0), after(units, 60))

    async def again() -> list[Gap]:
        async with archive:
            archive.publish(JPEG, later)
        return await archive.gaps()

    gaps = asyncio.run(again())
    assert (gaps[0].start_ns, gaps[-2].end_ns) == (START_NS, later[0].captured_ns)
    archive.close()


def test_d6_a_clock_that_was_ahead_and_is_set_back_leaves_no_gap_over_footage(tmp_path: Path) -> None:
    clock = SimulatedClock(START_NS + 7200 * NS_PER_S)
    archive = Archive(tmp_path, clock=clock)
    first = pictures(50)
    second = pictures(50, UnitRef(MAIN, 2, 0), after(first, 10))

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, first)
            archive.end_run(MAIN)
        async with archive:
            archive.publish(JPEG, second)
        spans, gaps = await archive.spans(), await archive.gaps()
        pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
        assert all(end == start for (_, end), (start, _) in pairwise(pieces))
        assert (pieces[0][0], pieces[-1][1]) == (START_NS, EVER)

    asyncio.run(play())
    archive.close()


def test_a_folder_that_is_taken_away_while_a_file_is_made_in_it_costs_nothing(archive: Archive) -> None:
    asyncio.run(archive.volume.claim(archive.database, archive.clock))
    taken: list[str] = []

    def take_away(path: str) -> None:
        if not taken:
            taken.append(path)
            for folder in list(archive.volume.path_of(path).parents)[:3]:
                folder.rmdir()

    writer = Writer(archive.volume, 0, on_begin=take_away)
    segmenter = Segmenter(MAIN)
    pieces = [piece for unit in pictures(50) for piece in segmenter.feed(unit, JPEG)]
    written = writer.write(pieces)
    writer.close()
    assert (written.lost, written.failure, len(taken)) == ((), "", 1)
    assert [path.relative_to(archive.volume.root).as_posix() for path in archive.files()] == taken
