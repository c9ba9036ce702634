"""The database is lost, and all footage, or some of it, is in an object store: it is listed again, the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy import Connection

from haechi.base.errors import Conflict, Unavailable
from haechi.record.disk.rewrap import rewrap_all
from haechi.record.index.spans import Gap, Span
from haechi.record.repair.adopt import adopt_now
from haechi.record.repair.adopt_objects import AdoptedObjects, ObjectsAdoption
from haechi.record.repair.check import CheckLevel
from haechi.record.repair.check_objects import check_objects
from haechi.record.tables import recordings
from haechi.record.tiers import ledger
from haechi.record.tiers.mover import Pace
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import stored_path
from tests.record.archive import EVER, MAIN, SUB, _empty_database
from tests.record.tiers.stage import PATIENT, Stage, until_moved
from tests.s3 import S3

SMALL = Pace(packing=Packing(target_bytes=600_000))


def lost(stage: Stage) -> None:
    """Stop, lose the database, start with a new one."""
    stage.close()
    for file in stage.root.glob("haechi.db*"):
        file.unlink()
    (stage.root / "haechi.db").write_bytes(_empty_database())
    stage.open()


def adoption(stage: Stage, place: Objects, *, is_dry: bool = False) -> ObjectsAdoption:
    stage.vault.add(place, "far")
    stage.places[place.id] = place
    return ObjectsAdoption(stage.database, place, stage.vault, stage.clock, stage.keys, is_dry=is_dry)


async def adopted(stage: Stage, place: Objects) -> AdoptedObjects:
    return await adoption(stage, place).run()


async def names_in(place: Objects) -> list[str]:
    return [path for camera in await place.folders() for path in await place.listing(camera)]


async def shown(stage: Stage) -> list[list[Span] | list[Gap]]:
    """The timeline."""
    spans = [await stage.index.spans(stream, 0, EVER) for stream in (MAIN, SUB)]
    return [*spans, *[await stage.index.gaps(stream, 0, 1 << 61) for stream in (MAIN, SUB)]]


@pytest.mark.parametrize("encrypt", [False, True], ids=["plain", "sealed"])
def test_with_the_database_lost_a_store_is_listed_again_bit_for_bit(tmp_path: Path, s3: S3, *, encrypt: bool) -> None:
    stage, name = Stage(tmp_path), f"adopted-again-{encrypt}"
    if encrypt:
        stage.keys.add(stage.clock)

    async def move() -> list[list[Span] | list[Gap]]:
        numbered = recordings.update().where(recordings.c.stream == MAIN)
        numbered = numbered.values(edge_run=1 << 62, edge_seq=recordings.c.first_seq + 3)
        await stage.database.write(lambda c: c.execute(numbered))
        await until_moved(stage.mover(await stage.objects(s3.endpoint, name, PATIENT), SMALL, encrypt=encrypt), stage)
        return await shown(stage)

    timeline, before = asyncio.run(move()), stage.rows()
    assert not stage.local_files()
    lost(stage)
    assert stage.rows() == []

    async def come_back() -> None:
        place = await stage.objects(s3.endpoint, name, PATIENT)
        told: list[tuple[int, int]] = []
        dry = await adoption(stage, place, is_dry=True).run()
        assert stage.rows() == []
        found = await adoption(stage, place).run(lambda done, total: told.append((done, total)))
        assert found == dry
        assert (found.recordings, found.issue_count, found.renumbered) == (len(before), 0, 0)
        assert told[-1] == (found.objects, found.objects)
        assert stage.rows() == before  # ids, paths, seals: everything
        assert stage.digests() == stage.before
        assert (await shown(stage))[:2] == timeline[:2]
        assert (await check_objects(stage.database, place, CheckLevel.HASH)).is_sound
        assert await adopted(stage, place) == AdoptedObjects()

    asyncio.run(come_back())
    stage.close()


def test_what_was_sealed_before_it_came_to_the_store_is_listed_again_too(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes as it is, sealed on the disk before; and its manifest is longer than the end that is read at first."""
    monkeypatch.setattr("haechi.record.repair.adopt_objects.TAIL_BYTES", 64)
    stage = Stage(tmp_path, minutes=4)
    stage.keys.add(stage.clock)

    async def go() -> None:
        big = await stage.folder()
        await until_moved(stage.mover(big, encrypt=True), stage)
        far = stage.mover(await stage.objects(s3.endpoint, "adopted-sealed", PATIENT), SMALL)
        far.route = structs.replace(far.route, sources=[big.id])
        await until_moved(far, stage)
        before = stage.rows()
        assert all(row.seal for row in before)
        stage.keys.add(stage.clock)
        await asyncio.to_thread(rewrap_all, stage.database, stage.keys)
        assert [row.seal for row in stage.rows()] != [row.seal for row in before]
        await asyncio.to_thread(lost, stage)
        await adopted(stage, await stage.objects(s3.endpoint, "adopted-sealed", PATIENT))
        assert stage.rows() == before, "as sealed as when the objects were made: the ring keeps its older keys"
        assert stage.digests() == stage.before

    asyncio.run(go())
    stage.close()


def test_what_was_deleted_with_the_last_of_its_recordings_does_not_come_back(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        place = await stage.objects(s3.endpoint, "adopted-deleted", PATIENT)
        await until_moved(stage.mover(place, SMALL), stage)
        gone = {stored_path(stage.rows()[0].path)}
        ids = [row.id for row in stage.rows() if stored_path(row.path) in gone]

        def forget(connection: Connection) -> None:
            ledger.forsake(connection, ids, stage.clock.wall_ns())
            connection.execute(recordings.delete().where(recordings.c.id.in_(ids)))

        await stage.database.write(forget)
        await stage.reaper.once()
        kept = stage.rows()
        await asyncio.to_thread(lost, stage)
        await adopted(stage, place := await stage.objects(s3.endpoint, "adopted-deleted", PATIENT))
        assert stage.rows() == kept
        await stage.database.write(lambda c: ledger.forsake(c, [row.id for row in kept], 1))
        await stage.database.write(lambda c: c.execute(recordings.delete()))
        await stage.reaper.once()
        assert await names_in(place) == []

    asyncio.run(go())
    stage.close()


def test_files_and_objects_that_hold_the_same_are_listed_once(tmp_path: Path, s3: S3) -> None:
    """The database is lost between the listing of objects and the deletion of the files that they were made of."""
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        mover = stage.mover(await stage.objects(s3.endpoint, "adopted-twice", PATIENT), SMALL)
        while await mover.round():
            pass
        assert len(stage.local_files()) == len(stage.rows())
        kept = stage.local_files()[0]
        for file in stage.local_files()[1:]:
            file.unlink()
        await asyncio.to_thread(lost, stage)
        adopt_now(stage.index, stage.first, stage.keys)
        assert [row.path for row in stage.rows()] == [str(kept.relative_to(stage.first.root))]
        found = await adopted(stage, await stage.objects(s3.endpoint, "adopted-twice", PATIENT))
        assert found.issue_count == 0
        assert stage.digests() == stage.before
        assert len(stage.rows()) == len(stage.before)

    asyncio.run(go())
    stage.close()


def test_an_object_that_holds_only_what_is_listed_elsewhere_goes_once_that_was_read(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        mover = stage.mover(await stage.objects(s3.endpoint, "adopted-doubles", PATIENT), SMALL)
        while await mover.round():
            pass
        await asyncio.to_thread(lost, stage)
        adopt_now(stage.index, stage.first, stage.keys)
        spoilt = stage.local_files()[0]
        data = bytearray(spoilt.read_bytes())
        data[len(data) // 2] ^= 1
        spoilt.write_bytes(data)
        place = await stage.objects(s3.endpoint, "adopted-doubles", PATIENT)
        found = await adopted(stage, place)
        assert (found.adopted, found.recordings, found.issue_count) == (0, 0, 1)
        assert found.doubles == found.objects - 1
        assert "cannot be read" in found.issues[0].detail
        await stage.reaper.once()
        assert await names_in(place) == [found.issues[0].path]

    asyncio.run(go())
    stage.close()


def test_numbers_that_others_have_by_now_are_not_taken_from_them(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        place = await stage.objects(s3.endpoint, "adopted-numbers", PATIENT)
        mover = stage.mover(place, SMALL, after_ns=stage.clock.wall_ns() - stage.rows()[1].end_ns)
        await until_moved(mover, stage)
        assert stage.volumes() == {place.id, stage.first.id}
        await asyncio.to_thread(lost, stage)
        adopt_now(stage.index, stage.first, stage.keys)
        files = stage.rows()
        found = await adopted(stage, await stage.objects(s3.endpoint, "adopted-numbers", PATIENT))
        assert found.renumbered > 0
        assert [row for row in stage.rows() if row.volume == stage.first.id] == files
        assert stage.digests() == stage.before

    asyncio.run(go())
    stage.close()


def test_sealed_objects_without_their_key_are_left_as_they_are(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)
    stage.keys.add(stage.clock)

    async def go() -> None:
        place = await stage.objects(s3.endpoint, "adopted-locked", PATIENT)
        await until_moved(stage.mover(place, SMALL, encrypt=True), stage)
        await asyncio.to_thread(lost, stage)
        ring = (stage.root / "keys.json").read_bytes()
        (stage.root / "keys.json").unlink()
        place = await stage.objects(s3.endpoint, "adopted-locked", PATIENT)
        found = await adopted(stage, place)
        assert (found.recordings, found.issue_count) == (0, found.objects)
        assert "put back the key file" in found.issues[0].detail
        (stage.root / "keys.json").write_bytes(ring)
        assert (await adopted(stage, place)).issue_count == 0
        assert stage.digests() == stage.before

    asyncio.run(go())
    stage.close()


def test_what_is_not_ours_and_what_is_damaged_is_told_and_left(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def one(data: bytes) -> AsyncIterator[bytes]:
        yield data

    async def go() -> None:
        place = await stage.objects(s3.endpoint, "adopted-odd", PATIENT)
        await until_moved(stage.mover(place, SMALL), stage)
        names = sorted({stored_path(row.path) for row in stage.rows()})
        whole = await place.fetch(names[0], 0, await place.size_of(names[0]) or 0)
        await place.put("cam_front/2026-11-21/copy.mp4", one(whole))
        await place.put("cam_front/2026-11-21/holiday.mp4", one(b"not ours"))
        await place.put("cam_front/notes.txt", one(b"neither"))
        await place.put(names[1], one(whole[:-1] + b"?"))
        await asyncio.to_thread(lost, stage)
        place = await stage.objects(s3.endpoint, "adopted-odd", PATIENT)
        unlisted = [issue.kind for issue in (await check_objects(stage.database, place)).issues]
        assert set(unlisted) == {"unlisted"}
        found = await adopted(stage, place)
        told = {issue.path: issue.detail for issue in found.issues}
        assert told == {
            "cam_front/2026-11-21/copy.mp4": "was made to lie elsewhere",
            "cam_front/2026-11-21/holiday.mp4": "says nothing of itself",
            names[1]: "says nothing of itself",
        }
        assert {stored_path(row.path) for row in stage.rows()} == set(names) - {names[1]}

    asyncio.run(go())
    stage.close()


def test_a_store_knows_its_installation_again_by_the_disk_that_it_records_to(tmp_path: Path, s3: S3) -> None:
    stage, other = Stage(tmp_path / "one", minutes=4), Stage(tmp_path / "two", minutes=2)

    async def go() -> None:
        mine = await stage.objects(s3.endpoint, "adopted-whose", PATIENT)
        await until_moved(stage.mover(mine), stage)
        with pytest.raises(Conflict, match="haechi tiers adopt"):
            await other.objects(s3.endpoint, "adopted-whose", PATIENT)
        await asyncio.to_thread(lost, stage)
        assert (await stage.objects(s3.endpoint, "adopted-whose", PATIENT)).id == mine.id  # the disk is the same
        await asyncio.to_thread(lost, other)
        with pytest.raises(Conflict, match="haechi tiers adopt"):
            await other.objects(s3.endpoint, "adopted-whose", PATIENT)
        taken = await other.objects(s3.endpoint, "adopted-whose", PATIENT, takes=True)
        assert (await adopted(other, taken)).recordings == len(stage.before)
        with pytest.raises(Conflict, match="taken the object store over"):
            await mine.verify()
        with pytest.raises(Conflict, match="taken the object store over"):
            await stage.objects(s3.endpoint, "adopted-whose", PATIENT)
        assert (await other.objects(s3.endpoint, "adopted-whose", PATIENT)).id == mine.id

    asyncio.run(go())
    stage.close()
    other.close()


def test_footage_that_is_listed_in_one_store_is_not_looked_for_in_another(tmp_path: Path, s3: S3) -> None:
    stage, other = Stage(tmp_path / "one", minutes=4), Stage(tmp_path / "two", minutes=2)

    async def go() -> None:
        await until_moved(stage.mover(await stage.objects(s3.endpoint, "adopted-here", PATIENT)), stage)
        await other.objects(s3.endpoint, "adopted-there", PATIENT)
        for takes in (False, True):
            with pytest.raises(Conflict, match="listed in another object store"):
                await stage.objects(s3.endpoint, "adopted-there", PATIENT, takes=takes)
        with pytest.raises(Unavailable, match="is it the right one"):
            await stage.objects(s3.endpoint, "adopted-nowhere", PATIENT, takes=True)

    asyncio.run(go())
    stage.close()
    other.close()


def test_a_listing_again_that_is_cut_short_goes_on(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, minutes=4)
    monkeypatch.setattr("haechi.record.repair.adopt_objects.AT_ONCE", 1)

    async def go() -> None:
        await until_moved(stage.mover(await stage.objects(s3.endpoint, "adopted-cut", PATIENT), SMALL), stage)
        await asyncio.to_thread(lost, stage)
        place = await stage.objects(s3.endpoint, "adopted-cut", PATIENT)
        work = adoption(stage, place)
        with pytest.raises(KeyboardInterrupt):
            await work.run(_after_two)
        assert 0 < len(stage.rows()) < len(stage.before)
        await adopted(stage, place)
        assert stage.digests() == stage.before
        count = await stage.database.read(lambda c: len(c.execute(sa.select(recordings.c.id)).all()))
        assert count == len(stage.before)

    def _after_two(done: int, _: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    asyncio.run(go())
    stage.close()
