"""When the disk or the database does not take it: nothing is half there, and it is due again (D2, D10)."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haechi.base.errors import HaechiError, Unavailable
from haechi.record.disk import volume as volumes
from haechi.record.repair.check import CheckLevel, check
from haechi.record.tables import recordings
from haechi.record.tables import volumes as table
from haechi.record.write.recorder import RecorderSettings
from tests.record.backfill.camera import Camera, Site, payloads, sound

CAMERA = Camera()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def outage(site: Site) -> None:
    """A gap from 100 to 400, of which the first part is filled: a file that the next one goes on in."""
    await site.live(CAMERA, 0, 100)
    await site.live(CAMERA, 400, 460)
    await site.until_acknowledged(160)
    await site.fill(CAMERA, 100, 140)


def failing(error: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(error, os.strerror(error))

    return fail


CALLS = [("pwrite", errno.ENOSPC), ("pwrite", errno.EDQUOT), ("fdatasync", errno.ENOSPC), ("ftruncate", errno.ENOSPC)]


@pytest.mark.parametrize(("call", "error"), CALLS)
def test_a_full_disk_takes_nothing_by_halves(
    site: Site, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    async def play() -> None:
        async with site:
            await outage(site)
            before = {path: path.stat().st_size for path in site.files()}
            with monkeypatch.context() as patch:
                patch.setattr(os, call, failing(error))
                if call == "ftruncate":
                    patch.setattr(os, "pwrite", failing(error))
                with pytest.raises(Unavailable):
                    await site.fill(CAMERA, 140, 400)
            assert {path: path.stat().st_size for path in site.files()} == before
            assert await site.held(CAMERA) == [(0, 140), (400, 460)]
            await site.fill(CAMERA, 140, 400)
            assert await site.held(CAMERA) == [(0, 460)]

    asyncio.run(play())
    assert site.volume.failure == ""
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    sound(site)
    site.close()


def test_below_the_reserve_nothing_of_the_past_is_written(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def first() -> None:
        async with site:
            await outage(site)

    asyncio.run(first())
    site.close()
    site = Site(tmp_path, settings=RecorderSettings(gather_s=0, settled_s=0.2, reserve_bytes=1 << 60))

    async def again() -> None:
        async with site:
            with pytest.raises(Unavailable, match="does not take"):
                await site.fill(CAMERA, 140, 400)

    asyncio.run(again())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(140), range(400, 460))
    site.close()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync"])
def test_d10_an_error_of_the_disk_fails_the_volume_for_good(
    site: Site, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def play() -> None:
        async with site:
            await outage(site)
            if call == "fsync":
                await site.backfill.close()
            with monkeypatch.context() as patch:
                patch.setattr(os, call, failing(errno.EIO))
                with pytest.raises(Unavailable):
                    await site.fill(CAMERA, 140, 400)
            assert site.volume.failure
            with pytest.raises(volumes.VolumeFailed):
                await site.fill(CAMERA, 140, 400)
            assert await site.held(CAMERA) == [(0, 140), (400, 460)]
        rows = await site.database.read(lambda c: c.execute(table.select()).all())
        assert [bool(row.failed_ns and row.failure) for row in rows] == [True]

    asyncio.run(play())
    assert len(site.files()) == len(site.recordings())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(140), range(400, 460))
    site.close()


def test_while_the_database_is_away_nothing_is_kept_and_nothing_is_doubted_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("the database does not answer", code="database-down")

    async def play() -> None:
        async with site:
            await outage(site)
            for both in (False, True):
                with monkeypatch.context() as patch:
                    read = site.database.read
                    patch.setattr(site.database, "write", away)
                    if both:
                        seen: list[object] = []

                        async def once(work: Any, seen: list[object] = seen, read: Any = read) -> Any:
                            seen.append(work)
                            return await read(work) if len(seen) < 3 else await away()

                        patch.setattr(site.database, "read", once)
                    with pytest.raises(HaechiError):
                        await site.fill(CAMERA, 140, 300)
            assert await site.held(CAMERA) == [(0, 140), (400, 460)]
            await site.fill(CAMERA, 140, 400)
            assert await site.held(CAMERA) == [(0, 460)]

    asyncio.run(play())
    assert len(site.files()) == len(site.recordings())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    sound(site)
    site.close()


def test_a_transaction_that_held_although_it_was_said_to_have_failed_is_believed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with site:
            await outage(site)
            write = site.database.write

            async def late(work: Any) -> Any:
                await write(work)
                raise Unavailable("the database does not answer", code="database-down")

            with monkeypatch.context() as patch:
                patch.setattr(site.database, "write", late)
                with pytest.raises(Unavailable):
                    await site.fill(CAMERA, 140, 300)
            assert await site.held(CAMERA) == [(0, 300), (400, 460)]
            await site.fill(CAMERA, 140, 400)

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    sound(site)
    site.close()


def test_somebody_who_is_quicker_is_given_way_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the past that goes on is moved to another tier between two calls."""

    async def play() -> None:
        async with site:
            await outage(site)
            known = site.backfill._tracks[CAMERA.stream].known
            assert known is not None
            elsewhere = known.path.replace("_r", "_moved_r")
            shutil.copy(site.volume.path_of(known.path), site.volume.path_of(elsewhere))
            site.volume.path_of(known.path).unlink()
            moved = recordings.update().where(recordings.c.id == known.id).values(path=elsewhere)
            await site.database.write(lambda c: c.execute(moved))
            await site.fill(CAMERA, 140, 400)

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    sound(site)
    site.close()


def test_a_connection_that_ends_in_the_middle_leaves_nothing_half_done(site: Site) -> None:
    async def play() -> None:
        async with site:
            await outage(site)
            for count in range(40):
                task = asyncio.ensure_future(site.fill(CAMERA, 140, 400))
                for _ in range(count + 1):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert len(site.files()) == len(site.recordings())
            await site.fill(CAMERA, 140, 400)

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    assert asyncio.run(check(site.index, site.volume, CheckLevel.HASH)).is_sound
    sound(site)
    site.close()


async def unresolved(site: Site, monkeypatch: pytest.MonkeyPatch, first: int, end: int) -> None:
    """Units are written, and then the database is away for good."""

    async def away(*_: object) -> None:
        raise Unavailable("the database does not answer", code="database-down")

    read = site.database.read
    seen: list[object] = []

    async def few(work: Any) -> Any:
        seen.append(work)
        return await read(work) if len(seen) < 3 else await away()

    with monkeypatch.context() as patch:
        patch.setattr(site.database, "write", away)
        patch.setattr(site.database, "read", few)
        with pytest.raises(Unavailable):
            await site.fill(CAMERA, first, end)


def test_what_was_written_and_never_listed_is_listed_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was added to, and a new one; and nothing says that there is a hole where they join."""
    site = Site(tmp_path)

    async def play(here: Site) -> None:
        async with here:
            await outage(here)
            await unresolved(here, monkeypatch, 140, 200)

    async def again(here: Site) -> None:
        async with here:
            assert await here.held(CAMERA) == [(0, 200), (400, 460)]
            await here.fill(CAMERA, 200, 400)

    asyncio.run(play(site))
    site.close()
    site = Site(tmp_path)
    asyncio.run(again(site))
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(460))
    sound(site)
    assert all(gap.start_ns > CAMERA.taken_ns(459) for gap in asyncio.run(site.gaps()))
    site.close()
