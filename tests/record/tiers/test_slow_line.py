"""Objects on a line that is slow, and that is cut before an object has come through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Unavailable
from haechi.record.index.commits import delete_recordings
from haechi.record.tiers import ledger, mover
from haechi.record.tiers.mover import Pace
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import stored_path
from haechi.record.tiers.tables import objects
from tests.record.tiers.stage import Stage, until_moved

MB = 1_000_000


class SlowLine(Objects):
    """A store behind a line that passes so many bytes a second, and is cut when an upload takes longer than allowed."""

    clock: SimulatedClock
    bytes_per_s = 0
    cut_after_s = 0.0
    cuts = 0

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        async def slow() -> AsyncIterator[bytes]:
            left_s = self.cut_after_s
            async for chunk in chunks:
                took_s = len(chunk) / self.bytes_per_s
                self.clock.advance(int(took_s * NS_PER_S))
                left_s -= took_s
                if left_s < 0:
                    self.cuts += 1
                    raise Unavailable("the line was cut", code="tier-down")
                yield chunk

        await super().put(path, slow())


def test_what_is_too_large_for_the_line_goes_in_smaller_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object of 2.4 MB would take 48 s; the line never lasts longer than 30 s."""
    monkeypatch.setattr("haechi.record.tiers.packing.LEAST_BYTES", 800_000)
    monkeypatch.setattr("haechi.record.tiers.packing.SLOWEST_S", 6.0)
    monkeypatch.setattr(mover, "ON_ITS_WAY_BYTES", 0)
    stage = Stage(tmp_path)

    async def go() -> None:
        place = SlowLine("memory:///")
        place.clock, place.bytes_per_s, place.cut_after_s = stage.clock, 50_000, 30.0
        await place.claim(stage.database, stage.clock, "far", 1)
        work = stage.mover(place, Pace(packing=Packing(target_bytes=6 * MB), at_once=1))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await work.round()
        assert place.cuts == 1
        await work.round()  # gives up the object that is too large
        await until_moved(work, stage)
        assert place.cuts == 1, "one lesson is enough"
        assert stage.volumes() == {place.id}
        assert stage.digests() == stage.before
        sizes = [size for camera in await place.folders() for size in (await place.listing(camera)).values()]
        assert max(sizes) < 1_600_000
        assert len(sizes) == len({stored_path(row.path) for row in stage.rows()})

    asyncio.run(go())
    stage.close()


def test_a_store_that_refuses_at_once_says_nothing_of_its_line(tmp_path: Path) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        place = SlowLine("memory:///")
        place.clock, place.bytes_per_s, place.cut_after_s = stage.clock, 50_000, 2.0
        await place.claim(stage.database, stage.clock, "far", 1)
        work = stage.mover(place, Pace(packing=Packing(target_bytes=6 * MB), at_once=1))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await work.round()
        names = await _planned(stage)
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await work.round()
        assert await _planned(stage) == names

    asyncio.run(go())
    stage.close()


class Meanwhile(Objects):
    """A store during whose first upload, once so many bytes have gone, something else happens."""

    after_bytes = 0
    happens: Callable[[], Awaitable[None]] | None = None

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> None:
        async def counted() -> AsyncIterator[bytes]:
            count = 0
            async for chunk in chunks:
                yield chunk
                count += len(chunk)
                if self.happens is not None and count >= self.after_bytes:
                    happens, self.happens = self.happens, None
                    await happens()

        await super().put(path, counted())


def test_a_recording_that_is_deleted_after_its_bytes_were_read_spoils_only_its_object(tmp_path: Path) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def go() -> None:
        place = Meanwhile("memory:///")
        await place.claim(stage.database, stage.clock, "far", 1)
        gone = stage.rows()[0]

        def delete(connection: Connection) -> None:
            ledger.forsake(connection, [gone.id], stage.clock.wall_ns(), spared=stage.first.id)
            delete_recordings(connection, [gone.id])

        place.happens, place.after_bytes = partial(stage.database.write, delete), gone.size_bytes
        work = stage.mover(place, Pace(packing=Packing(target_bytes=6 * MB), at_once=1))
        await until_moved(work, stage)
        await until_moved(work, stage)
        assert gone.id not in {row.id for row in stage.rows()}
        assert stage.volumes() == {place.id}
        assert stage.digests() == {key: one for key, one in stage.before.items() if key != (gone.stream, gone.start_ns)}
        assert work.stats.damaged == 0

    asyncio.run(go())
    stage.close()


async def _planned(stage: Stage) -> list[str]:
    query = sa.select(objects.c.path).where(objects.c.state == "planned")
    return await stage.database.read(lambda c: list(c.execute(query).scalars()))
