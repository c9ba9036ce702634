"""D9, the recording side: what came late lies in its gap, once, in order, and durable before it is called held."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from haechi.record.repair.check import CheckLevel, check
from tests.record.archive import MAIN
from tests.record.backfill.camera import Camera, Site, payloads

CAMERA = Camera()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def sound(site: Site) -> None:
    """What holds whatever happened: D6, D7, and what is listed is what is there."""
    stamps = [at for at, _ in site.footage()]
    assert all(a < b for a, b in pairwise(stamps))
    rows = [row for row in site.recordings() if row.stream == MAIN]
    assert all(a.end_ns <= b.start_ns for a, b in pairwise(rows))

    async def tiles() -> None:
        spans, gaps = await site.spans(), await site.gaps()
        pieces = sorted([(s.start_ns, s.end_ns) for s in spans] + [(g.start_ns, g.end_ns) for g in gaps])
        assert all(a[1] == b[0] for a, b in pairwise(pieces)), pieces
        assert (await check(site.index, site.volume, CheckLevel.HASH)).is_sound

    asyncio.run(tiles())


def test_d9_what_an_outage_kept_away_is_put_into_its_gap(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 105)
            await site.live(CAMERA, 740, 900)
            await site.until_acknowledged(105 + 160)
            assert await site.held(CAMERA) == [(0, 105), (740, 900)]
            await site.fill(CAMERA, 100, 740)
            assert await site.held(CAMERA) == [(0, 900)]
        gaps = await site.gaps()
        assert all(gap.start_ns > CAMERA.taken_ns(899) for gap in gaps)

    asyncio.run(play())
    footage = site.footage()
    assert [data for _, data in footage] == payloads(CAMERA, range(900))
    assert [at for at, _ in footage] == [CAMERA.taken_ns(seq) for seq in range(900)]
    sound(site)
    site.close()


def test_what_is_sent_in_parts_becomes_files_of_a_minute(site: Site) -> None:
    async def play() -> None:
        async with site:
            await site.live(CAMERA, 0, 40)
            await site.live(CAMERA, 2040, 2080)
            await site.until_acknowledged(80)
            for first in range(40, 2040, 40):
                await site.fill(CAMERA, first, first + 40)
            assert await site.held(CAMERA) == [(0, 2080)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == payloads(CAMERA, range(2080))
    lengths = [row.last_seq - row.first_seq + 1 for row in site.recordings()]
    assert lengths == [40, 600, 600, 600, 200, 40]
    assert not any(row.is_open for row in site.recordings())
    sound(site)
    site.close()
