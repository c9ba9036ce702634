"""Beside the recording: the rest of the volume is compared with the index, and what is being written is left alone."""

import asyncio
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.media.access_unit import TICKS_PER_S, UnitRef
from haechi.record.disk.volume import IDENTITY_FILE
from haechi.record.index.commits import delete_recordings
from haechi.record.repair.adopt import Adoption
from haechi.record.repair.check import CheckLevel, check
from haechi.record.repair.sweep import Sweep
from haechi.record.tables import recordings
from haechi.record.tiers.tables import doomed
from haechi.record.write.recorder import RecorderSettings
from haechi.record.write.segmenter import Limits
from haechi.store.database import Database
from tests.cameras import until
from tests.record.archive import JPEG, MAIN, SUB, Archive, pictures
from tests.streams import START_NS

DAY_S = 86_400
AT_ONCE = RecorderSettings(gather_s=0, settled_s=0)
SHORT = RecorderSettings(gather_s=0, settled_s=0, limits=Limits(file_ticks=2 * TICKS_PER_S))


def store(archive: Archive, days: int = 3) -> None:
    """Two cameras, a file of five seconds on each of some days."""

    async def play() -> None:
        async with archive:
            for number in range(days):
                for stream in (MAIN, SUB):
                    first = UnitRef(stream, number + 1, 0)
                    archive.publish(JPEG, pictures(50, first, START_NS + number * DAY_S * NS_PER_S))
                    archive.end_run(stream)

    asyncio.run(play())


def again(archive: Archive, settings: RecorderSettings = AT_ONCE) -> Archive:
    """Another start on the same folder."""
    archive.close()
    return Archive(archive.root, settings=settings)


def forget(archive: Archive, *, newest: bool = False) -> None:
    """Take a recording off the list as if it had never been on it."""
    found = [one for one in archive.recordings() if one.stream == MAIN]
    chosen = found[-1 if newest else 0]
    archive.database.write_now(lambda c: delete_recordings(c, [chosen.id]))


async def swept(archive: Archive) -> None:
    await until(archive.recorder.swept.is_set)


async def assert_sound(archive: Archive) -> None:
    report = await check(archive.index, archive.volume, CheckLevel.HASH)
    assert report.is_sound, report
    for stream in (MAIN, SUB):
        spans, gaps = await archive.spans(stream), await archive.gaps(stream)
        pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
        assert all(end == start for (_, end), (start, _) in pairwise(pieces)), (spans, gaps)


def test_d2_what_is_on_disk_but_not_listed_is_listed_while_recording_goes_on(archive: Archive) -> None:
    store(archive)
    before = archive.recordings()
    forget(archive)
    archive = again(archive)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, pictures(50, UnitRef(MAIN, 9, 0), START_NS + 9 * DAY_S * NS_PER_S))
            await swept(archive)
        await assert_sound(archive)

    asyncio.run(play())
    listed = {(one.path, one.start_ns, one.last_seq) for one in archive.recordings()}
    assert listed > {(one.path, one.start_ns, one.last_seq) for one in before}
    archive.close()


def test_d2_what_the_last_run_left_is_listed_before_recording_begins(archive: Archive) -> None:
    store(archive)
    forget(archive, newest=True)
    archive = again(archive, RecorderSettings(gather_s=0, settled_s=3600))

    async def play() -> int:
        async with archive:
            return len(archive.recordings())

    assert asyncio.run(play()) == 6
    archive.close()


def test_with_the_database_lost_recording_goes_on_at_once_and_the_past_comes_back_beside_it(archive: Archive) -> None:
    store(archive, 5)
    before = [(one.path, one.start_ns, one.last_seq) for one in archive.recordings()]
    archive.close()
    for file in archive.root.glob("haechi.db*"):
        file.unlink()
    archive = Archive(archive.root, settings=AT_ONCE)
    new = pictures(50, UnitRef(MAIN, 9, 0), START_NS + 9 * DAY_S * NS_PER_S)

    async def play() -> None:
        async with archive:
            archive.publish(JPEG, new[:45])
            await archive.until_acknowledged(20)
            assert len(archive.recordings()) < 10
            await swept(archive)
            archive.publish(JPEG, new[45:])
        await assert_sound(archive)

    asyncio.run(play())
    found = [(one.path, one.start_ns, one.last_seq) for one in archive.recordings()]
    assert set(found) > set(before)
    assert len(found) == 11
    archive.close()


def test_files_that_the_recorder_has_begun_are_never_touched(tmp_path: Path) -> None:
    archive = Archive(tmp_path, settings=SHORT)
    store(archive, 3)
    archive = again(archive, SHORT)

    async def play() -> None:
        async with archive:
            await swept(archive)
            archive.recorder.swept.clear()
            sweeps = asyncio.ensure_future(many_sweeps())
            for number in range(60):
                first = UnitRef(MAIN, 9, number * 20)
                archive.publish(JPEG, pictures(20, first, START_NS + 9 * DAY_S * NS_PER_S + number * 2 * NS_PER_S))
                await asyncio.sleep(0.005)
            assert await sweeps > 0
        assert archive.recorder.stats.lost_units == 0
        await assert_sound(archive)

    async def many_sweeps() -> int:
        count = 0
        while count < 6:
            adoption = Adoption(archive.index, archive.volume, archive.recorder._begun.__contains__)
            report = await Sweep(adoption, archive.clock, 0).run()
            assert (report.adopted_files, report.removed_files, report.set_aside, report.delisted) == (0, 0, 0, 0)
            count += 1
        return count

    asyncio.run(play())
    assert sum(one.last_seq - one.first_seq + 1 for one in archive.recordings() if one.run == 9) == 1200
    archive.close()


def test_what_is_about_to_be_deleted_is_not_listed_again(archive: Archive) -> None:
    store(archive)
    victim = next(one for one in archive.recordings() if one.stream == MAIN)
    forget(archive)
    row = {"volume": archive.volume.id, "path": victim.path, "since_ns": 1}
    archive.database.write_now(lambda c: c.execute(doomed.insert().values(row)))
    adoption = Adoption(archive.index, archive.volume)
    asyncio.run(Sweep(adoption, archive.clock, 0).run())
    assert adoption.report.adopted_files == 0
    assert archive.volume.path_of(victim.path).exists()


def test_a_file_that_goes_between_two_looks_is_not_missed(archive: Archive) -> None:
    store(archive)
    victim = next(one for one in archive.recordings() if one.stream == MAIN)
    forget(archive)
    adoption = Adoption(archive.index, archive.volume)
    unlisted = [path for day in adoption.each_day() for path in adoption.look(day)]
    assert unlisted == [victim.path]
    archive.volume.remove(victim.path)
    adoption.take(unlisted)
    adoption.finish()
    assert (adoption.report.adopted_files, adoption.report.delisted) == (0, 0)


def test_d8_when_more_than_a_tenth_is_gone_nothing_is_forgotten(archive: Archive) -> None:
    store(archive, 15)
    before = archive.recordings()
    shutil.rmtree(archive.root / "record" / "cam_front")
    archive = again(archive)

    async def play() -> None:
        async with archive:
            await swept(archive)

    asyncio.run(play())
    assert [one.id for one in archive.recordings()] == [one.id for one in before]
    archive.close()


def test_d8_a_folder_that_is_another_volume_by_now_is_left_alone(archive: Archive) -> None:
    store(archive)
    forget(archive)
    (archive.root / "record" / IDENTITY_FILE).write_text('{"volume": "11111111-2222-3333-4444-555555555555"}')
    before, files = archive.recordings(), archive.files()
    adoption = Adoption(archive.index, archive.volume)
    with pytest.raises(Unavailable):
        asyncio.run(Sweep(adoption, archive.clock, 0).run())
    with pytest.raises(Unavailable):
        adoption.start()
    with pytest.raises(Unavailable):
        adoption.finish()
    assert (archive.recordings(), archive.files()) == (before, files)


def test_a_camera_that_came_back_only_in_the_files_has_a_gap_that_lasts(archive: Archive) -> None:
    store(archive)
    archive.database.write_now(lambda c: c.execute(recordings.delete().where(recordings.c.stream == SUB)))
    archive.database.write_now(lambda c: c.execute(sa.text("DELETE FROM gaps")))
    archive = again(archive)

    async def play() -> None:
        async with archive:
            await swept(archive)
            assert (await archive.gaps(SUB))[-1].cause is GapCause.CRASHED
            assert (await archive.gaps(SUB))[-1].end_ns == 1 << 62

    asyncio.run(play())
    archive.close()


def test_it_can_be_stopped_between_any_two_steps(archive: Archive) -> None:
    store(archive, 10)

    async def play() -> None:
        for steps in range(25):
            adoption = Adoption(archive.index, archive.volume)
            task = asyncio.ensure_future(Sweep(adoption, archive.clock, 0).run())
            for _ in range(steps):
                await asyncio.sleep(0.001)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await assert_sound(archive)

    asyncio.run(play())
    assert len(archive.recordings()) == 20


def test_strangers_in_odd_places_are_found_and_ours_in_odd_places_are_left(archive: Archive) -> None:
    store(archive)
    ours = next(one for one in archive.recordings() if one.stream == MAIN)
    moved = "restored/here/by-hand.mp4"
    target = archive.volume.path_of(moved)
    target.parent.mkdir(parents=True)
    archive.volume.path_of(ours.path).rename(target)
    same = recordings.update().where(recordings.c.id == ours.id).values(path=moved)
    archive.database.write_now(lambda c: c.execute(same))
    (archive.root / "record" / "stray.mp4").write_bytes(b"not a recording")
    adoption = Adoption(archive.index, archive.volume)
    asyncio.run(Sweep(adoption, archive.clock, 0).run())
    assert (adoption.report.set_aside, adoption.report.adopted_files, adoption.report.delisted) == (1, 0, 0)
    assert archive.recordings()[0].path == moved or moved in {one.path for one in archive.recordings()}


def test_no_question_of_the_start_or_of_the_sweep_looks_at_every_recording(archive: Archive) -> None:
    store(archive)
    forget(archive)
    asked: set[str] = set()

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.add(statement)

    for engine in (archive.database._reader, archive.database._writer):
        sa.event.listen(engine, "before_cursor_execute", note)
    adoption = Adoption(archive.index, archive.volume)
    adoption.start()
    asyncio.run(Sweep(adoption, archive.clock, 0).run())
    asyncio.run(archive.index.newest_captured_ns(StreamId("cam_front/main")))
    for engine in (archive.database._reader, archive.database._writer):
        sa.event.remove(engine, "before_cursor_execute", note)
    plans = [plan(archive.database, one) for one in asked if "recordings" in one]
    assert len(plans) > 8
    steps = [step for steps in plans for step in steps if " recordings" in step]
    assert all("INDEX" in step or "PRIMARY KEY" in step for step in steps), steps
    whole = [step for step in steps if step.startswith("SCAN") and "ix_recordings_open" not in step]
    assert not whole, whole
    loose = [step for step in steps if step.endswith(" (volume=?)") and "COVERING" not in step]
    assert not loose, loose


def plan(database: Database, statement: str) -> list[str]:
    """How SQLite answers; parameters do not matter for it."""
    if statement.startswith(("INSERT", "PRAGMA")):
        return []
    asked = (f"EXPLAIN QUERY PLAN {statement}", (1,) * statement.count("?"))
    rows = database.read_now(lambda c: c.exec_driver_sql(*asked).all())
    return [str(row.detail) for row in rows]
