"""A wall of many cameras: each has a picture, no more move than may, and a hidden page takes nothing."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed, until
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.server import House, running, settings_for
from tests.streams import h264_stream, h265_stream

pytestmark = pytest.mark.e2e

CAMERAS = 30
MOST_MOVING = 25
PATIENCE_MS = 90_000
SMALL = h264_stream(20, 5, 10, (320, 240))


FULL = """([cameras, most]) => {
  const shown = (state) => document.querySelectorAll(`.hc-tile[data-state=${state}]`).length;
  const limit = Number(document.querySelector(".hc-wall")?.dataset.mostMoving ?? -1);
  return limit <= most && shown("live") === limit && shown("stills") === cameras - limit;
}"""
"""Every tile has a picture, and as many move as may: fewer than at the start on a machine that drops pictures."""


def watched(house: House) -> Counter[str]:
    """What is made for somebody, by its kind."""
    return Counter(row.kind for row in house.rooms.services.live.renditions.report().renditions if row.viewers)


async def cameras_added(house: House, yard: VirtualCamera, count: int) -> None:
    for number in range(count):
        body = {"name": f"Camera {number}", "url": yard.url("/main"), "transport": "tcp"}
        (await house.http.post("/api/cameras", json=body)).raise_for_status()


def tiles(page: Page, state: str = "") -> str:
    return f".hc-tile[data-state={state}]" if state else ".hc-tile"


def test_every_tile_of_a_wall_has_a_picture_and_no_more_move_than_may(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            VirtualCamera({"/main": StreamFeed(SMALL, 5)}) as yard,
            running(settings_for(tmp_path, vision=False)) as house,
            chromium() as browser,
        ):
            await cameras_added(house, yard, CAMERAS)
            page = await page_for(browser, house)
            await page.goto(f"{house.address}/live?layout=36")
            await page.wait_for_function(FULL, arg=[CAMERAS, MOST_MOVING], timeout=PATIENCE_MS)
            still = page.locator(tiles(page, "stills"))
            await expect(still.first).to_contain_text("Stills")
            await page.wait_for_function(
                """() => {
                  window.first ??= new Map();
                  const shown = [...document.querySelectorAll(".hc-tile[data-state=stills]")];
                  for (const { dataset } of shown) {
                    if (!window.first.has(dataset.camera)) window.first.set(dataset.camera, Number(dataset.seq));
                  }
                  return shown.every(({ dataset }) => Number(dataset.seq) > window.first.get(dataset.camera));
                }""",
                timeout=PATIENCE_MS,
            )
            await until(lambda: sum(watched(house).values()) == CAMERAS, 90)
            assert watched(house)["tile"] <= MOST_MOVING
            await hide(page, hidden=True)
            await until(lambda: not watched(house), 90)
            await hide(page, hidden=False)
            await page.wait_for_function(FULL, arg=[CAMERAS, MOST_MOVING], timeout=PATIENCE_MS)

    asyncio.run(work())


async def hide(page: Page, *, hidden: bool) -> None:
    """As if the page's tab went to the back, or to the front."""
    await page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_what_the_browser_does_not_play_is_made_into_what_it_plays_and_the_tile_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            VirtualCamera({"/main": StreamFeed(h265_stream(30, 15, 15), 15)}) as yard,
            running(settings_for(tmp_path, vision=False)) as house,
            chromium() as browser,
        ):
            await cameras_added(house, yard, 1)
            page = await page_for(browser, house)
            await page.goto(f"{house.address}/live")
            tile = page.locator(tiles(page, "live"))
            await expect(tile).to_have_count(1, timeout=PATIENCE_MS)
            await expect(tile).to_contain_text("H.264 made here")
            (row,) = house.rooms.services.live.renditions.report().renditions
            assert (row.kind, row.codec, row.is_passed) == ("h264", "h265", False)

    asyncio.run(work())
