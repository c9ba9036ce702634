"""Footage that moves from tier to tier is the same footage, and is never in no place at all."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from haechi.record.playback.footage import Playback
from haechi.record.tiers import ledger
from haechi.record.tiers.mover import Pace
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import stored_path
from tests.record.archive import MAIN
from tests.record.tiers.stage import MINUTE_NS, NOW_NS, Stage, until_moved
from tests.s3 import S3
from tests.streams import START_NS


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_move_to_another_disk_changes_no_byte_and_leaves_nothing_behind(stage: Stage) -> None:
    before = stage.before

    async def move() -> None:
        place = await stage.folder()
        mover = stage.mover(place)
        await until_moved(mover, stage)
        assert stage.volumes() == {place.id}
        assert mover.stats.moved_recordings == len(before)

    asyncio.run(move())
    assert stage.digests() == before
    assert stage.local_files() == []
    assert [stage.count(name) for name in ("objects", "moves", "doomed")] == [0, 0, 0]


@pytest.mark.parametrize("encrypt", [False, True])
def test_a_move_to_an_object_store_changes_no_byte(stage: Stage, s3: S3, *, encrypt: bool) -> None:
    before = stage.before
    stage.keys.add(stage.clock)

    async def move() -> None:
        place = await stage.objects(s3.endpoint, f"move-{encrypt}")
        await until_moved(stage.mover(place, encrypt=encrypt), stage)
        assert stage.volumes() == {place.id}
        for path in {stored_path(row.path) for row in stage.rows()}:
            data = await place.fetch(path, 0, await place.size_of(path) or 0)
            assert (b"moof" in data) is not encrypt

    asyncio.run(move())
    assert stage.digests() == before
    assert stage.local_files() == []
    assert [stage.count("moves"), stage.count("doomed")] == [0, 0]
    assert 0 < stage.count("objects") < len(before) / 3, "recordings are packed"
    assert all((row.seal is not None) is encrypt for row in stage.rows())


def test_clips_and_units_from_an_object_are_those_from_the_disk(stage: Stage, s3: S3) -> None:
    start_ns = START_NS + 2 * MINUTE_NS
    stage.keys.add(stage.clock)

    async def taken(playback: Playback) -> tuple[bytes, list[bytes]]:
        units = await playback.units(MAIN, 1, 150, 220)
        made = await playback.clip(MAIN, start_ns, start_ns + 90 * 1_000_000_000)
        clip = made.read_bytes()
        made.unlink()
        return clip, [unit.data for unit in units.units]

    async def streamed(playback: Playback, first: int, last: int) -> bytes:
        row = stage.rows()[1]
        return b"".join([piece async for piece in playback.bytes_of(row, first, last)])

    async def run() -> None:
        at_home = await taken(stage.playback), await streamed(stage.playback, 100, 150_000)
        place = await stage.objects(s3.endpoint, "clips")
        await until_moved(stage.mover(place, encrypt=True), stage)
        assert (await taken(stage.playback), await streamed(stage.playback, 100, 150_000)) == at_home
        text = await stage.playback.playlist(MAIN, start_ns, start_ns + MINUTE_NS, lambda one: f"{one}.mp4")
        assert "#EXT-X-BYTERANGE" in text

    asyncio.run(run())


def test_what_a_round_before_found_to_be_wrong_after_all_is_not_listed(stage: Stage) -> None:
    before = stage.rows()

    async def move() -> None:
        place = await stage.folder()
        now_ns = stage.clock.wall_ns()
        parts = [(row, row.size_bytes, None) for row in before[:2]]
        write = stage.database.write
        planned = await write(lambda c: ledger.plan(c, place.id, "whole.mp4", parts, now_ns))
        assert planned is not None
        job = structs.replace(planned, sha256=b"\1" * 32)
        await write(lambda c: ledger.uploaded(c, job, now_ns))
        await write(lambda c: ledger.again(c, job, now_ns))
        assert await write(lambda c: ledger.listed(c, job, now_ns, is_object=True)) == []
        left = await stage.database.read(lambda c: ledger.unfinished(c, place.id))
        assert [(one.id, one.state, one.is_whole) for one in left] == [(job.id, ledger.PLANNED, True)]

    asyncio.run(move())
    assert stage.rows() == before


def test_only_what_is_old_enough_goes(stage: Stage) -> None:
    async def move() -> None:
        place = await stage.folder()
        mover = stage.mover(place, after_ns=NOW_NS - START_NS - 5 * MINUTE_NS - 1)
        await until_moved(mover, stage)
        moved = [row for row in stage.rows() if row.volume == place.id]
        assert 0 < len(moved) < len(stage.rows())
        assert all(row.end_ns <= START_NS + 5 * MINUTE_NS + 1 for row in moved)

    asyncio.run(move())


def test_objects_are_as_large_as_they_should_be(stage: Stage, s3: S3) -> None:
    async def move() -> None:
        place = await stage.objects(s3.endpoint, "sizes")
        pace = Pace(packing=Packing(target_bytes=1_500_000))
        await until_moved(stage.mover(place, pace), stage)
        sizes = [await place.size_of(path) or 0 for path in {stored_path(row.path) for row in stage.rows()}]
        assert max(sizes) <= 1_500_000
        assert len(sizes) >= 4

    asyncio.run(move())
