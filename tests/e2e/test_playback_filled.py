"""Footage that comes late, in a real browser: it appears on an open page, and is played on from what came live."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause, Run, RunEnded
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from tests.e2e.archive import FPS, Wish, add_silent_camera, coded, days_ago
from tests.e2e.films import at_rest, slider
from tests.e2e.stage import Stage, staged
from tests.streams import CodedUnit

START_MS = days_ago(2)
EDGE = EdgeRun(4711)
OFFSET_NS = 12 * 3600 * NS_PER_S
"""How far the camera's clock is behind."""
AWAY, BACK, END = 133, 180, 300
"""Pictures: the line breaks in the middle of a GOP."""
PARAMS, FILM = coded(Wish(count=END))


def taken_ns(number: int) -> int:
    return START_MS * NS_PER_MS + number * NS_PER_S // FPS


async def live(stage: Stage, stream: StreamId, run: int, first: int, end: int) -> None:
    """Some of the pictures, numbered by the camera, over a line that then breaks."""
    ground = stage.house.rooms.ground
    channel = ground.bus.channel(stream)
    ground.backfill.note_live(stream, run, 0, EdgeId(EDGE, first))
    channel.open_run(Run(stream, run, taken_ns(first), [PARAMS]))
    for number, unit in enumerate(FILM[first:end]):
        ref, ticks = UnitRef(stream, run, number), unit.dts - FILM[first].dts
        channel.publish(AccessUnit(ref, ticks, ticks, taken_ns(first + number), unit.is_sync, 0, unit.data))
        if number % 50 == 0:
            await asyncio.sleep(0)
    channel.close_run(RunEnded(stream, run, GapCause.UNREACHABLE, "", taken_ns(end)))


def remembered(number: int, unit: CodedUnit) -> EdgeUnit:
    """A picture out of the camera's memory."""
    wall_ns = taken_ns(number) - OFFSET_NS
    return EdgeUnit(EdgeId(EDGE, number), "main", unit.dts, unit.dts, wall_ns, unit.is_sync, PARAMS, unit.data)


async def until_held(stage: Stage, stream: StreamId, ranges: list[tuple[int, int]]) -> None:
    async with asyncio.timeout(60):
        while await stage.house.rooms.ground.backfill.held(stream, EDGE) != ranges:  # noqa: ASYNC110 - the disk says it
            await asyncio.sleep(0.1)


async def step(stage: Stage, key: str) -> int:
    """The number after one key."""
    before = await slider(stage.page).get_attribute("data-playhead")
    await stage.page.keyboard.press(key)
    await expect(slider(stage.page)).not_to_have_attribute("data-playhead", str(before), timeout=15_000)
    (shown,) = await at_rest(stage.page)
    return shown


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_footage_that_comes_late_appears_on_an_open_page_and_joins_what_came_live(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            stream = stream_of(CameraId(camera))
            await live(stage, stream, 1, 0, AWAY)
            await live(stage, stream, 2, BACK, END)
            await until_held(stage, stream, [(0, AWAY), (BACK, END)])
            await stage.go(f"/playback?camera={camera}&t={START_MS + 15_050}&span=60000")
            await expect(stage.page.locator(".hc-veil[data-kind=gap]")).to_be_visible(timeout=40_000)
            units = [remembered(number, FILM[number]) for number in range(120, BACK)]
            await stage.house.rooms.ground.backfill.store(stream, units, OFFSET_NS)
            await until_held(stage, stream, [(0, END)])
            assert await at_rest(stage.page) == [150], "without a reload"
            await stage.page.goto("about:blank")
            await stage.go(f"/playback?camera={camera}&t={START_MS + 13_050}&span=60000")
            assert await at_rest(stage.page) == [130]
            seen = [await step(stage, key) for key in ["."] * 6 + [","] * 4]
            assert seen == [131, 132, 133, 134, 135, 136, 135, 134, 133, 132], "over the break, within a GOP"
            assert stage.problems == []

    asyncio.run(flow())
