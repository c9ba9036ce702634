"""Streams that are not as plain as most, in a real browser: reordered pictures, other sizes and codings on the way."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.media.access_unit import Codec
from tests.e2e.archive import FPS, GOP, Wish, add_silent_camera, days_ago, record
from tests.e2e.films import AT_REST, at_rest, numbers, playhead, slider
from tests.e2e.stage import Stage, staged

START_MS = days_ago(2)
FRAME_MS = 1000 // FPS
_PLAYHEAD_PAST = "ms => Number(document.querySelector('[role=slider]').dataset.playhead) {} ms"
_WIDTH = "() => document.querySelector('.hc-lane video').videoWidth"


async def _open(stage: Stage, camera: str, ms: int) -> int:
    await stage.page.goto("about:blank")
    await stage.go(f"/playback?camera={camera}&t={ms}&span=60000")
    (shown,) = await at_rest(stage.page)
    return shown


async def _step(stage: Stage, key: str) -> int:
    """The number after one key."""
    before = await slider(stage.page).get_attribute("data-playhead")
    await stage.page.keyboard.press(key)
    await expect(slider(stage.page)).not_to_have_attribute("data-playhead", str(before), timeout=15_000)
    (shown,) = await at_rest(stage.page)
    return shown


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_reordered_pictures_are_stepped_one_by_one_over_a_sync_unit_and_play_backwards_in_order(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            await record(stage, camera, [Wish(count=300, bframes=3)], START_MS)
            first = await _open(stage, camera, START_MS + 9_500)
            assert abs(first - 95) <= 4, "later than stamped by as much as is reordered, at most"
            seen = [first] + [await _step(stage, key) for key in ["."] * 9 + [","] * 12]
            assert seen == [first, *range(first + 1, first + 10), *range(first + 8, first - 4, -1)]
            assert any(number % GOP == 0 for number in seen[1:10]), "the way led over a sync unit"
            await _backwards(stage, camera)
            assert stage.problems == []

    asyncio.run(flow())


async def _backwards(stage: Stage, camera: str) -> None:
    page = stage.page
    await _open(stage, camera, START_MS + 24_000)
    await page.keyboard.press("j")
    seen = []
    for back_ms in range(500, 8_000, 500):
        await page.wait_for_function(_PLAYHEAD_PAST.format("<"), arg=START_MS + 24_000 - back_ms, timeout=30_000)
        (number,) = await numbers(page)
        seen.append(number)
    await page.keyboard.press("k")
    await page.wait_for_function(AT_REST, arg=1, timeout=30_000)
    steps = [after - before for before, after in pairwise(seen)]
    assert all(step <= 0 for step in steps), seen
    assert seen[0] - seen[-1] > 4 * FPS, seen
    (shown,) = await at_rest(page)
    assert abs(shown - (await playhead(page) - START_MS) / FRAME_MS) <= 4
    assert await _step(stage, ",") == shown - 1


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_a_camera_that_changes_its_size_and_then_its_coding_is_played_across_and_what_cannot_be_is_said(
    tmp_path: Path,
) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            films = [
                Wish(0, 100),
                Wish(100, 100, width_px=960, height_px=540),
                Wish(200, 60, Codec.H265),
                Wish(260, 100, width_px=480, height_px=270),
            ]
            await record(stage, camera, films, START_MS)
            await _plays_across(stage, camera)
            await _steps_across(stage, camera)
            await _what_cannot_be_shown_is_said(stage, camera)
            assert stage.problems == []

    asyncio.run(flow())


async def _plays_across(stage: Stage, camera: str) -> None:
    """The numbers go on, and the picture is as large as its stream."""
    page = stage.page
    assert await _open(stage, camera, START_MS + 7_000) == 70
    assert await page.evaluate(_WIDTH) == 640
    await page.keyboard.press(" ")
    await page.wait_for_function(_PLAYHEAD_PAST.format(">"), arg=START_MS + 12_000, timeout=40_000)
    await page.keyboard.press("k")
    (shown,) = await at_rest(page)
    assert shown == (await playhead(page) - START_MS) // FRAME_MS
    assert await page.evaluate(_WIDTH) == 960


async def _steps_across(stage: Stage, camera: str) -> None:
    assert await _open(stage, camera, START_MS + 9_850) == 98
    assert [await _step(stage, key) for key in (".", ".", ".", ",", ",", ",")] == [99, 100, 101, 100, 99, 98]


async def _is_drawn(page: Page) -> None:
    """A single picture stands for the video that the browser cannot play, and that is said."""
    await expect(page.locator(".hc-lane-note")).to_be_visible(timeout=30_000)
    await page.wait_for_function("() => document.querySelector('.hc-lane-drawn')?.naturalWidth > 0", timeout=30_000)


async def _what_cannot_be_shown_is_said(stage: Stage, camera: str) -> None:
    """This browser has no decoder for H.265: single pictures; before and behind it everything is shown all the same."""
    page = stage.page
    can = await page.evaluate("() => MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L60.90\"')")
    if not can:
        await page.goto("about:blank")
        await stage.go(f"/playback?camera={camera}&t={START_MS + 23_000}&span=60000")
        await _is_drawn(page)
    assert await _open(stage, camera, START_MS + 30_000) == 300
    assert await page.evaluate(_WIDTH) == 480
    box = await slider(page).bounding_box()
    assert box is not None
    begins = float(await slider(page).get_attribute("aria-valuemin") or 0) * 1_000
    for second, number in ((15, 150), (23, None), (31, 310), (5, 50)):
        x = box["x"] + box["width"] * (START_MS + second * 1_000 + 50 - begins) / 60_000
        await page.mouse.click(x, box["y"] + 60)
        if number is None:
            if not can:
                await _is_drawn(page)
            continue
        await expect(page.locator(".hc-lane-drawn, .hc-veil[data-kind=failed]")).to_have_count(0, timeout=30_000)
        (shown,) = await at_rest(page)
        assert shown == (await playhead(page) - START_MS) // FRAME_MS
        assert abs(shown - number) < 12
