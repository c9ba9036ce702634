"""One set of tests for everything that footage can lie in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from haechi.base.errors import Conflict, DataLoss, Invalid, Unavailable
from haechi.record.tiers.identity import IDENTITY_OBJECT
from haechi.record.tiers.objects import Objects, checked_url
from haechi.record.tiers.places import Folder, packed_path, packed_range, stored_path
from tests.record.tiers.stage import Stage
from tests.s3 import S3

NAME = "cam_front/2026-11-21/08/08-00-00.000Z_main_r1.mp4"
Opened = Callable[[Stage], Awaitable[Folder | Objects]]
STRANGE = b'{"volume": "83634701-fc2d-41d4-a00e-1c6a04220ce8"}'
KINDS = ("folder", "s3", "file", "memory")


async def opened(kind: str, stage: Stage, s3: S3, name: str) -> Folder | Objects:
    if kind == "folder":
        return await stage.folder()
    if kind == "s3":
        return await stage.objects(s3.endpoint, f"place-{name}")
    (stage.root / "local").mkdir()
    place = Objects(f"file://{stage.root}/local" if kind == "file" else "memory:///")
    await place.claim(stage.database, stage.clock, "far", 1)
    return place


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for one in data:
        yield one


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_is_there_by_range_and_can_be_removed(tmp_path: Path, s3: S3, kind: str) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def use() -> None:
        place = await opened(kind, stage, s3, "put")
        await place.verify()
        assert await place.size_of(NAME) is None
        await place.put(NAME, pieces(b"0123", b"4567", b"89" * 5_000_000))
        assert await place.size_of(NAME) == 10_000_008
        assert await place.fetch(NAME, 2, 4) == b"2345"
        assert place.read(packed_path(NAME, 17), 6, 4) == b"6789"
        await place.put(NAME, pieces(b"other"))
        assert await place.fetch(NAME, 0, 5) == b"other"
        await place.remove(NAME)
        await place.remove(NAME)
        assert await place.size_of(NAME) is None

    asyncio.run(use())
    stage.close()


@pytest.mark.parametrize("kind", ["folder", "s3", "file"])
def test_short_and_missing_bytes_are_loss(tmp_path: Path, s3: S3, kind: str) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def use() -> None:
        place = await opened(kind, stage, s3, "short")
        await place.put(NAME, pieces(b"0123456789"))
        for read in (place.read, lambda *args: asyncio.run(place.fetch(*args))):
            with pytest.raises((DataLoss, Unavailable)) as short:
                await asyncio.to_thread(read, NAME, 5, 100)
            assert short.value.code in ("recording-truncated", "tier-down")
            with pytest.raises(DataLoss) as gone:
                await asyncio.to_thread(read, "none.mp4", 0, 4)
            assert gone.value.code == "recording-missing"

    asyncio.run(use())
    stage.close()


@pytest.mark.parametrize("kind", ["folder", "s3", "file"])
def test_a_put_that_breaks_leaves_nothing(tmp_path: Path, s3: S3, kind: str) -> None:
    stage = Stage(tmp_path, minutes=4)

    async def broken() -> AsyncIterator[bytes]:
        yield b"0123"
        raise DataLoss("the source is damaged", code="fragment-hash")

    async def use() -> None:
        place = await opened(kind, stage, s3, "break")
        with pytest.raises(DataLoss, match="the source is damaged"):
            await place.put(NAME, broken())
        assert await place.size_of(NAME) is None

    asyncio.run(use())
    stage.close()


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_place_that_is_another_one_is_not_touched(tmp_path: Path, s3: S3, kind: str) -> None:
    stage, other = Stage(tmp_path / "one", minutes=4), Stage(tmp_path / "two", minutes=2)

    async def use() -> None:
        place = await opened(kind, stage, s3, "mine")
        if isinstance(place, Folder):
            (place.volume.root / "haechi-volume.json").write_bytes(STRANGE)
        else:
            with pytest.raises(Conflict, match="belongs to another installation"):
                await other.objects(s3.endpoint, "place-mine")
            await place.put(IDENTITY_OBJECT, pieces(STRANGE))
        with pytest.raises((Unavailable, Conflict)):
            await place.verify()

    asyncio.run(use())
    stage.close()
    other.close()


def test_addresses_hold_no_secrets() -> None:
    assert checked_url("s3://bucket/prefix/") == "s3://bucket/prefix"
    for url in ("s3://key:secret@bucket/x", "ftp://x/y", "s3:///x", "s3://bucket?key=1", "https://bucket/x"):
        with pytest.raises(Invalid):
            checked_url(url)


def test_paths_in_an_object_are_unique_and_lead_back() -> None:
    path = packed_path(NAME, 4711)
    assert stored_path(path) == stored_path(NAME) == NAME
    first, end = packed_range(NAME)
    assert first <= path < end
    assert not first <= NAME < end
