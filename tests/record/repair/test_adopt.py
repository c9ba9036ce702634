"""The start after anything: index and disk agree again, whole fragments are kept, torn ones cut off."""

import asyncio
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.bus.frames import GapCause
from haechi.media.access_unit import UnitRef
from haechi.record.index.commits import delete_recordings, insert_gap, set_layout
from haechi.record.index.layouts import pack, rows_of
from haechi.record.index.spans import fragments_in, packed_of
from haechi.record.repair.adopt import AdoptReport, adopt
from haechi.record.repair.check import CheckLevel, check
from haechi.record.tables import recordings
from tests.record.archive import JPEG, MAIN, SUB, Archive, after, pictures
from tests.streams import START_NS


def store(archive: Archive, count: int = 650) -> None:
    """Two cameras, two files each, and a reconnect."""

    async def play() -> None:
        async with archive:
            for stream in (MAIN, SUB):
                units = pictures(count, UnitRef(stream, 1, 0))
                archive.publish(JPEG, units)
                archive.end_run(stream)
                archive.publish(JPEG, pictures(50, UnitRef(stream, 2, 0), after(units, 9)))

    asyncio.run(play())


def start_again(archive: Archive) -> AdoptReport:
    async def play() -> AdoptReport:
        await archive.volume.claim(archive.database, archive.clock)
        report = await adopt(archive.index, archive.volume)
        sound = await check(archive.index, archive.volume, CheckLevel.HASH)
        assert sound.is_sound, sound
        return report

    return asyncio.run(play())


def forget_all_but_the_first_fragment(archive: Archive) -> None:
    """Make the index as it was before the last commits."""
    (newest,) = [r for r in archive.recordings() if r.stream == MAIN and r.run == 2]
    kept = archive.database.read_now(lambda c: fragments_in(c, [newest.id]))[:1]
    first = rows_of(archive.database.read_now(lambda c: packed_of(c, newest.id)))[:1]
    values = {
        "size_bytes": kept[-1].offset_bytes + kept[-1].size_bytes,
        "last_seq": kept[-1].first_seq + kept[-1].units - 1,
        "end_ns": kept[-1].last_ns + 1,
    }
    archive.database.write_now(lambda c: set_layout(c, newest.id, pack(first)))
    archive.database.write_now(
        lambda c: c.execute(recordings.update().where(recordings.c.id == newest.id).values(values))
    )


def test_a_sound_archive_is_left_as_it_is(archive: Archive) -> None:
    store(archive)
    before = archive.recordings()
    assert start_again(archive) == AdoptReport(files=6)
    assert archive.recordings() == before


def test_the_whole_index_is_rebuilt_from_the_files_when_the_database_is_lost(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    store(archive)
    before, spans = archive.recordings(), asyncio.run(archive.spans())
    archive.close()
    for file in tmp_path.glob("haechi.db*"):
        file.unlink()
    archive = Archive(tmp_path)
    report = start_again(archive)
    assert report.adopted_files == 6
    assert report.adopted_fragments == 2 * (33 + 3)
    same = [(r.path, r.stream, r.run, r.start_ns, r.end_ns, r.first_seq, r.last_seq, r.size_bytes) for r in before]
    found = archive.recordings()
    assert same == [
        (r.path, r.stream, r.run, r.start_ns, r.end_ns, r.first_seq, r.last_seq, r.size_bytes) for r in found
    ]
    assert asyncio.run(archive.spans()) == spans
    assert [gap.cause for gap in asyncio.run(archive.gaps())] == [GapCause.CRASHED, GapCause.CRASHED]
    archive.close()


def test_d2_fragments_that_were_written_but_not_listed_are_listed(archive: Archive) -> None:
    store(archive)
    before = archive.recordings()
    forget_all_but_the_first_fragment(archive)
    assert archive.recordings() != before
    report = start_again(archive)
    assert report.adopted_fragments == 2
    assert archive.recordings() == before


def test_a_torn_tail_is_cut_off_wherever_it_was_torn(archive: Archive) -> None:
    store(archive)
    (newest,) = [r for r in archive.recordings() if r.stream == MAIN and r.run == 2]
    path = archive.volume.path_of(newest.path)
    whole = path.read_bytes()
    for size in range(newest.size_bytes - 600, newest.size_bytes, 97):
        path.write_bytes(whole[:size] + bytes(newest.size_bytes - size))
        forget_all_but_the_first_fragment(archive)
        start_again(archive)
        (kept,) = [r for r in archive.recordings() if r.stream == MAIN and r.run == 2]
        assert path.stat().st_size == kept.size_bytes < newest.size_bytes


def test_a_file_without_a_whole_fragment_is_removed_and_a_stranger_is_set_aside(archive: Archive) -> None:
    store(archive)
    folder = archive.files()[0].parent
    data = archive.files()[0].read_bytes()
    (folder / "08-59-00.000Z_main_r9.mp4").write_bytes(data[:900])
    (folder / "08-58-00.000Z_main_r9.mp4").write_bytes(data[:300])
    (folder / "08-57-00.000Z_main_r9.mp4").write_bytes(b"")
    (folder / "08-59-01.000Z_main_r9.mp4").write_bytes(b"not a recording")
    report = start_again(archive)
    assert (report.removed_files, report.set_aside) == (3, 1)
    assert (folder / "08-59-01.000Z_main_r9.mp4.unlisted").read_bytes() == b"not a recording"
    assert start_again(archive) == AdoptReport(files=6)


def test_a_copy_of_a_listed_file_is_removed(archive: Archive) -> None:
    store(archive)
    shutil.copy(archive.files()[0], archive.files()[0].with_name("08-30-00.000Z_main_r1.mp4"))
    assert start_again(archive).removed_files == 1


def test_a_listed_file_that_is_gone_becomes_a_gap(archive: Archive) -> None:
    store(archive)
    lost = archive.recordings()[1]
    archive.volume.path_of(lost.path).unlink()
    assert start_again(archive).delisted == 1
    gaps = asyncio.run(archive.gaps())
    assert (lost.start_ns, lost.end_ns, GapCause.DISK_ERROR) in [(g.start_ns, g.end_ns, g.cause) for g in gaps]


def test_a_listed_file_that_lost_its_end_keeps_the_rest(archive: Archive) -> None:
    store(archive)
    short = archive.recordings()[0]
    path = archive.volume.path_of(short.path)
    with path.open("r+b") as file:
        file.truncate(short.size_bytes - 10)
    assert start_again(archive).delisted == 1
    kept = archive.recordings()[0]
    assert kept.last_seq == short.last_seq - 20
    gaps = asyncio.run(archive.gaps())
    assert (gaps[0].start_ns, gaps[0].end_ns, gaps[0].cause) == (kept.end_ns, short.end_ns, GapCause.DISK_ERROR)


def test_d8_when_most_files_are_gone_nothing_is_forgotten(tmp_path: Path) -> None:
    archive = Archive(tmp_path)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(9000))

    asyncio.run(play())
    before = archive.recordings()
    assert len(before) > 14
    for path in archive.files()[:12]:
        path.unlink()

    async def again() -> AdoptReport:
        return await adopt(archive.index, archive.volume)

    assert asyncio.run(again()).missing == 12
    assert archive.recordings() == before
    archive.close()


def tiles(archive: Archive) -> None:
    """Every moment since the first recording is in a recording or in a gap, and in one of them only."""
    rows = [(one.start_ns, one.end_ns) for one in archive.recordings() if one.stream == MAIN]
    holes = [(gap.start_ns, gap.end_ns) for gap in asyncio.run(archive.gaps())]
    assert all(end == start for (_, end), (start, _) in pairwise(sorted(rows + holes)))


def test_files_that_come_back_after_a_crash_in_the_midst_of_their_deletion_leave_no_gap_beside_them(
    archive: Archive,
) -> None:
    """The rows go first: killed before the files went, the next start lists them again."""
    store(archive)
    rows = [one for one in archive.recordings() if one.stream == MAIN and one.run == 1]

    def delete(connection: sa.Connection) -> None:
        delete_recordings(connection, [one.id for one in rows])
        insert_gap(connection, MAIN, rows[0].start_ns, rows[-1].end_ns, GapCause.RETENTION)

    archive.database.write_now(delete)
    assert start_again(archive).adopted_files == 2
    tiles(archive)


def test_a_standstill_of_the_camera_is_a_gap_also_when_the_index_is_rebuilt(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    before = pictures(40)
    late = pictures(40, UnitRef(MAIN, 1, 40), after(before, 30))

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, before)
            archive.publish(JPEG, late)

    asyncio.run(play())
    archive.close()
    for file in tmp_path.glob("haechi.db*"):
        file.unlink()
    rebuilt = Archive(tmp_path)
    start_again(rebuilt)
    assert len(asyncio.run(rebuilt.spans())) == 2
    tiles(rebuilt)
    rebuilt.close()


def test_what_no_gap_speaks_of_gets_one_even_where_others_speak_of_a_part(archive: Archive) -> None:
    store(archive)
    kept, lost = [one for one in archive.recordings() if one.stream == MAIN][:2]
    archive.volume.path_of(lost.path).unlink()

    def forget(connection: sa.Connection) -> None:
        delete_recordings(connection, [lost.id, kept.id])
        insert_gap(connection, MAIN, lost.start_ns + 10**9, lost.start_ns + 2 * 10**9, GapCause.DISK_ERROR)

    archive.database.write_now(forget)
    start_again(archive)
    tiles(archive)


def test_after_a_crash_the_gap_says_so_and_lasts(archive: Archive) -> None:
    store(archive)
    archive.database.write_now(lambda c: c.execute(sa.text("DELETE FROM gaps WHERE end_ns IS NULL")))
    start_again(archive)
    last = asyncio.run(archive.gaps())[-1]
    assert last.cause is GapCause.CRASHED
    assert last.start_ns == asyncio.run(archive.spans())[-1].end_ns


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_d2_whatever_happens_to_the_files_the_start_leaves_a_sound_archive(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    store(archive, 250)
    damages: list[Callable[[Path], object]] = [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[: data.draw(st.integers(0, 20_000))]),
        lambda path: path.write_bytes(path.read_bytes() + data.draw(st.binary(max_size=300))),
        lambda path: path.rename(path.with_name("07-00-00.000Z_main_r5.mp4")),
    ]
    for path in archive.files():
        if data.draw(st.booleans()):
            data.draw(st.sampled_from(damages))(path)

    async def again() -> None:
        await archive.volume.claim(archive.database, archive.clock)
        await adopt(archive.index, archive.volume)
        report = await check(archive.index, archive.volume, CheckLevel.HASH)
        assert report.is_sound, report
        for stream in (MAIN, SUB):
            spans, gaps = await archive.spans(stream), await archive.gaps(stream)
            pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
            assert all(end <= start for (_, end), (start, _) in pairwise(pieces))
            assert not spans or spans[0].start_ns >= START_NS

    asyncio.run(again())
    archive.close()
