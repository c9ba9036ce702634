"""What stands under the pointer on the timeline, in a real browser: the picture of that very time."""

import asyncio
import base64
import re
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.archive import FPS, GOP, Wish, add_silent_camera, days_ago, read_blocks, record
from tests.e2e.films import slider
from tests.e2e.stage import Stage, staged

START_MS = days_ago(2)
FRAME_MS = 1000 // FPS
GOP_MS = GOP * FRAME_MS
SPAN = 20_000
_CARD = """() => {
  const { dataset } = document.querySelector(".hc-hover"), canvas = document.querySelector(".hc-hover canvas");
  return [{ ...dataset }, canvas.toDataURL("image/png").split(",")[1]];
}"""
_SHOWN = """([source, from, to]) => {
  const told = document.querySelector(".hc-hover")?.dataset;
  return told?.source === source && from <= Number(told.src) && Number(told.src) <= to;
}"""


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_under_the_pointer_is_at_once_the_small_picture_of_its_time_and_soon_a_large_one(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            end_ms = await record(stage, camera, [Wish(count=600)], START_MS)
            middle_ms = (START_MS + end_ms) // 2
            await _sheets_serve_a_whole_view(stage, camera, middle_ms)
            await _large_ones_follow(stage, middle_ms)
            await _without_sheets_pictures_come_one_by_one(stage, camera, middle_ms)
            assert stage.problems == []

    asyncio.run(flow())


async def _refuse(route: Route) -> None:
    await route.abort()


async def _open(stage: Stage, camera: str, middle_ms: int) -> None:
    await stage.page.goto("about:blank")
    await stage.go(f"/playback?camera={camera}&t={middle_ms}&span={SPAN}")
    await expect(slider(stage.page)).to_have_attribute("data-playhead", str(middle_ms), timeout=20_000)
    await expect(slider(stage.page)).to_have_attribute("aria-valuetext", re.compile("recording"), timeout=20_000)


async def _point(page: Page, part: float) -> None:
    box = await slider(page).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * part, box["y"] + 60)


async def _sheets_serve_a_whole_view(stage: Stage, camera: str, middle_ms: int) -> None:
    page, asked = stage.page, list[str]()
    page.on("request", lambda one: asked.append(one.url) if "sheet.jpg" in one.url else None)
    await page.route("**/preview.jpg*", _refuse)
    await _open(stage, camera, middle_ms)
    assert asked == [], "nothing is fetched before a pointer comes"
    for part in (0.12, 0.3, 0.45, 0.62, 0.8, 0.93, 0.2):
        await _point(page, part)
        pointed_ms = middle_ms + (part - 0.5) * SPAN
        await page.wait_for_function(_SHOWN, arg=["sheet", pointed_ms - 1_020, pointed_ms + 20], timeout=30_000)
        told, encoded = await page.evaluate(_CARD)
        number = read_blocks(_pixels(base64.b64decode(encoded)))
        # The middle of a step stands for it: its picture is of the sync unit at or before that.
        assert number == (int(told["src"]) + 500 - START_MS) // GOP_MS * GOP
        assert told["unit"] == f"1:{number}"
        assert int(told["captured"]) == START_MS + number * FRAME_MS
    assert 1 <= len(asked) <= 2, "a view of 20 s lies in two sheets at most, and each is fetched once"


async def _large_ones_follow(stage: Stage, middle_ms: int) -> None:
    page = stage.page
    await page.unroute("**/preview.jpg*")
    for part in (0.35, 0.7):
        await _point(page, part)
        await _large_one(stage, middle_ms + (part - 0.5) * SPAN)


async def _without_sheets_pictures_come_one_by_one(stage: Stage, camera: str, middle_ms: int) -> None:
    page = stage.page
    await page.route("**/sheet.jpg*", _refuse)
    await _open(stage, camera, middle_ms)
    for part in (0.25, 0.66):
        await _point(page, part)
        await _large_one(stage, middle_ms + (part - 0.5) * SPAN)


async def _large_one(stage: Stage, pointed_ms: float) -> None:
    """It comes, and is of the sync unit at or before the end of the second that is pointed at."""
    await stage.page.wait_for_function(_SHOWN, arg=["picture", pointed_ms - 1_020, pointed_ms + 1_020], timeout=30_000)
    card = stage.page.locator(".hc-hover")
    asked_ms = int(await card.get_attribute("data-src") or 0)
    answer = await stage.house.http.get(str(await card.locator("img").get_attribute("src")))
    number = read_blocks(_pixels(answer.raise_for_status().content))
    assert number == (asked_ms - START_MS) // GOP_MS * GOP
    assert answer.headers["haechi-captured-ms"] == str(START_MS + number * FRAME_MS)


def _pixels(data: bytes) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels.astype(np.uint8)
