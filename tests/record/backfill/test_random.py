"""D7 and D9 for any outages, orders, losses and clocks: nothing lost, nothing twice, nothing over one another."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.media.reverse.edge import EdgeRun
from haechi.record.index.ranges import joined, without
from tests.record.backfill.camera import GOP, OFFSET_NS, Camera, Site, sound

Live = tuple[int, int, frozenset[int]]
"""First, end, and what was lost on the line."""


@st.composite
def connections(draw: st.DrawFn) -> list[Live]:
    """What came over the line of one edge run: stretches with outages between them, which begin anywhere."""
    found: list[Live] = []
    at = draw(st.integers(0, 50))
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.integers(1, 120))
        lost = draw(st.frozensets(st.integers(at + 1, at + length), max_size=3)) if length > 1 else frozenset()
        found.append((at, at + length, frozenset(one for one in lost if at < one < at + length - 1)))
        at += length + draw(st.integers(1, 150))
    return found


def there(live: list[Live]) -> list[tuple[int, int]]:
    """Numbers that came live."""
    return joined((seq, seq + 1) for first, end, lost in live for seq in range(first, end) if seq not in lost)


def requests(draw: random.Random, first: int, end: int, there: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Whole GOPs as a camera sends them: what holds something that is missing, in stretches of any length and order."""
    wanted = sorted({seq // GOP for a, b in without([(first, end)], there) for seq in range(a, b)})
    stretches: list[tuple[int, int]] = []
    while wanted:
        count = draw.randint(1, 4)
        some, wanted = wanted[:count], wanted[count:]
        stretches += [(a * GOP, b * GOP) for a, b in joined((one, one + 1) for one in some)]
    if draw.random() < 0.3:
        draw.shuffle(stretches)
    if draw.random() < 0.3:
        stretches += draw.sample(stretches, len(stretches) // 2)
    return [(max(a, first), min(b, end)) for a, b in stretches]


@given(live=connections(), seed=st.integers(0, 1 << 30), error_s=st.sampled_from([0, 0, 0.2, -0.2, 90, -90]))
@settings(max_examples=12, deadline=None)
def test_d7_d9_nothing_is_lost_or_twice_or_overlaps(
    tmp_path_factory: pytest.TempPathFactory, live: list[Live], seed: int, error_s: float
) -> None:
    draw = random.Random(seed)
    site = Site(tmp_path_factory.mktemp("site"))
    camera = Camera(EdgeRun(draw.randint(1, 1 << 62)))
    first, end = live[0][0], live[-1][1]
    came = there(live)

    async def connect(some: list[Live]) -> None:
        for one in some:
            await site.live(camera, one[0], one[1], lost=sorted(one[2]))
        await site.until_acknowledged(sum(b - a for a, b in there(some)))

    async def fill(some: list[tuple[int, int]]) -> None:
        for a, b in some:
            await site.fill(camera, a, b, OFFSET_NS + int(error_s * NS_PER_S))

    async def play() -> None:
        wanted = requests(draw, first, end, came)
        cut = draw.randint(0, len(wanted))
        async with site:
            await connect(live)
            assert await site.held(camera) == came
            await fill(wanted[:cut])
        async with site:
            await fill(wanted[cut:])
            assert await site.held(camera) == [(first, end)]

    asyncio.run(play())
    assert [data for _, data in site.footage()] == [camera.unit(seq).data for seq in range(first, end)]
    sound(site)
    site.close()
