"""A check of an object store finds what is missing, cut or changed, and says what it cost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from haechi.record.repair.check import CheckLevel
from haechi.record.repair.check_objects import ObjectsReport, check_objects
from haechi.record.tiers.mover import Pace
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.packing import Packing
from haechi.record.tiers.places import stored_path
from tests.record.tiers.stage import Stage, until_moved
from tests.s3 import S3


async def told(stage: Stage, place: Objects) -> dict[CheckLevel, ObjectsReport]:
    return {level: await check_objects(stage.database, place, level) for level in CheckLevel}


def kinds(found: dict[CheckLevel, ObjectsReport]) -> list[list[str]]:
    return [[issue.kind for issue in found[level].issues] for level in CheckLevel]


def test_each_level_finds_what_it_should(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)

    async def look() -> None:
        place = await stage.objects(s3.endpoint, "checked")
        await until_moved(stage.mover(place, Pace(packing=Packing(target_bytes=600_000))), stage)
        sound = await told(stage, place)
        assert all(one.is_sound for one in sound.values())
        stored = sum([await place.size_of(path) or 0 for path in {stored_path(row.path) for row in stage.rows()}])
        assert [sound[level].bytes for level in CheckLevel] == [0, 0, stored]
        assert sound[CheckLevel.SIZE].recordings == len(stage.rows())

        names = sorted({stored_path(row.path) for row in stage.rows()})
        size = await place.size_of(names[0]) or 0
        data = await place.fetch(names[0], 0, size)

        async def changed(data: bytes) -> AsyncIterator[bytes]:
            yield data

        await place.put(names[0], changed(data[:1000] + b"?" + data[1001:]))
        assert kinds(await told(stage, place)) == [[], [], ["damaged"]]
        await place.put(names[0], changed(data[:-1]))
        assert kinds(await told(stage, place)) == [[], ["short"], ["short"]]
        await place.remove(names[0])
        assert kinds(await told(stage, place)) == [["missing"]] * 3

    asyncio.run(look())


def test_a_store_that_does_not_answer_is_not_called_empty(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)

    async def look() -> None:
        place = await stage.objects(s3.endpoint, "gone")
        await place.remove("haechi-volume.json")
        with pytest.raises(Exception, match="not the one that was used so far"):
            await check_objects(stage.database, place)

    asyncio.run(look())
