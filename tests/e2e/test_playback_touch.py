"""The timeline under fingers and under the mouse, in a real browser: pinch, wheel, a drag that goes on at the rim."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Page, expect

from tests.e2e.archive import Wish, add_silent_camera, days_ago, record
from tests.e2e.films import at_rest, playhead, slider
from tests.e2e.stage import Stage, page_for, staged

START_MS = days_ago(2)
FINGERS_Y = 60
_SPAN_WITHIN = """([low, high]) => {
  const span = Number(document.querySelector("[role=slider]").dataset.span);
  return low <= span && span <= high;
}"""


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_two_fingers_zoom_where_they_are_one_pans_and_the_time_on_screen_stays(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            await record(stage, camera, [Wish(count=300)], START_MS)
            stage.page = await page_for(stage.browser, stage.house, has_touch=True)
            fingers = await stage.page.context.new_cdp_session(stage.page)
            await _open(stage, camera, START_MS + 15_000, 3_600_000)
            await _pinch(stage.page, fingers)
            await _pan(stage.page, fingers)
            await _a_drag_that_becomes_a_pinch_leaves_the_time_it_came_to(stage.page, fingers)
            assert stage.problems == []

    asyncio.run(flow())


async def _open(stage: Stage, camera: str, ms: int, span: int) -> None:
    await stage.go(f"/playback?camera={camera}&t={ms}&span={span}")
    await at_rest(stage.page)
    assert await playhead(stage.page) == ms


async def _axis(page: Page) -> tuple[float, float]:
    """Where the axis begins and how long it is, seconds; the former to the second."""
    begins = float(await slider(page).get_attribute("aria-valuemin") or 0)
    return begins, float(await slider(page).get_attribute("data-span") or 0) / 1_000


async def _touch(page: Page, fingers: CDPSession, kind: str, parts: list[float]) -> None:
    """Fingers at these parts of the timeline's width."""
    box = await slider(page).bounding_box()
    assert box is not None
    points = [
        {"x": box["x"] + box["width"] * part, "y": box["y"] + FINGERS_Y, "id": number}
        for number, part in enumerate(parts)
    ]
    await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


async def _pinch(page: Page, fingers: CDPSession) -> None:
    """From a tenth of the width to four tenths: a quarter of the time, around the middle between the fingers."""
    at_ms = await playhead(page)
    begins, long = await _axis(page)
    await _touch(page, fingers, "touchStart", [0.55])
    await _touch(page, fingers, "touchStart", [0.55, 0.65])
    for step in range(1, 16):
        await _touch(page, fingers, "touchMove", [0.55 - 0.01 * step, 0.65 + 0.01 * step])
    await _touch(page, fingers, "touchEnd", [])
    # Chromium may keep the last movement to itself when the fingers are taken away.
    await page.wait_for_function(_SPAN_WITHIN, arg=[0.23 * long * 1_000, 0.29 * long * 1_000], timeout=10_000)
    after, span = await _axis(page)
    assert abs((after + 0.6 * span) - (begins + 0.6 * long)) < 15, "what lies between the fingers stays there"
    assert await playhead(page) == at_ms
    assert await page.locator(".hc-hover").count() == 0


async def _pan(page: Page, fingers: CDPSession) -> None:
    at_ms = await playhead(page)
    begins, span = await _axis(page)
    await _touch(page, fingers, "touchStart", [0.2])
    for step in range(1, 11):
        await _touch(page, fingers, "touchMove", [0.2 + 0.03 * step])
    await _touch(page, fingers, "touchEnd", [])
    await page.wait_for_function(
        "was => Number(document.querySelector('[role=slider]').getAttribute('aria-valuemin')) < was", arg=begins - 100
    )
    after, still = await _axis(page)
    assert still == span
    assert abs(begins - after - 0.3 * span) < 10
    assert await playhead(page) == at_ms


async def _a_drag_that_becomes_a_pinch_leaves_the_time_it_came_to(page: Page, fingers: CDPSession) -> None:
    begins, span = await _axis(page)
    head = (await playhead(page) / 1_000 - begins) / span
    assert 0 < head < 1
    await _touch(page, fingers, "touchStart", [head])
    for step in range(1, 6):
        await _touch(page, fingers, "touchMove", [head - 0.01 * step])
    await _touch(page, fingers, "touchStart", [head - 0.05, head - 0.15])
    await _touch(page, fingers, "touchMove", [head - 0.04, head - 0.16])
    await _touch(page, fingers, "touchEnd", [])
    dragged_ms = (begins + (head - 0.05) * span) * 1_000
    # Nothing is recorded there, and that is said only once nothing is dragged any more.
    await expect(page.locator(".hc-veil[data-kind=gap]")).to_be_visible(timeout=15_000)
    assert abs(await playhead(page) - dragged_ms) < 3_000
    await page.keyboard.press("ArrowRight")
    await page.wait_for_function(
        "ms => Math.abs(Number(document.querySelector('[role=slider]').dataset.playhead) - ms) < 3000",
        arg=dragged_ms + 10_000,
        timeout=10_000,
    )


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_the_wheel_zooms_under_the_pointer_and_a_drag_to_the_rim_goes_on_as_long_as_it_is_held(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [], vision=False) as stage:
            camera = await add_silent_camera(stage, "Yard")
            await record(stage, camera, [Wish(count=600)], START_MS)
            await _open(stage, camera, START_MS + 15_000, 3_600_000)
            await _wheel(stage.page)
            await _open(stage, camera, START_MS + 5_000, 20_000)
            await _past_the_rim(stage.page)
            assert stage.problems == []

    asyncio.run(flow())


async def _wheel(page: Page) -> None:
    """Up and down zooms where the pointer is, sideways (or with shift) pans; both leave the time on screen alone."""
    at_ms = await playhead(page)
    box = await slider(page).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60)
    begins, long = await _axis(page)
    await page.mouse.wheel(0, -700)
    await page.wait_for_function(
        "was => Number(document.querySelector('[role=slider]').dataset.span) < was", arg=long * 500
    )
    after, span = await _axis(page)
    assert abs((after + 0.25 * span) - (begins + 0.25 * long)) < 2
    for held in (False, True):
        begins, span = await _axis(page)
        if held:
            await page.keyboard.down("Shift")
        await page.mouse.wheel(*((0, 300) if held else (300, 0)))
        await page.wait_for_function(
            "was => Number(document.querySelector('[role=slider]').getAttribute('aria-valuemin')) > was", arg=begins + 1
        )
        if held:
            await page.keyboard.up("Shift")
        after, still = await _axis(page)
        assert still == span
        assert abs(after - begins - 300 / box["width"] * span) < 3
    assert await playhead(page) == at_ms


async def _past_the_rim(page: Page) -> None:
    """Held at the right rim without moving, the playhead runs on and so does the axis; let go, the picture is there."""
    box = await slider(page).bounding_box()
    assert box is not None
    begins, _ = await _axis(page)
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60, steps=4)
    await page.mouse.move(box["x"] + box["width"] - 6, box["y"] + 60, steps=4)
    for further in (8, 16):
        await page.wait_for_function(
            "ms => Number(document.querySelector('[role=slider]').getAttribute('aria-valuemin')) > ms",
            arg=begins + further,
            timeout=20_000,
        )
    await page.mouse.up()
    (shown,) = await at_rest(page)
    let_go_ms = await playhead(page)
    assert let_go_ms > START_MS + 15_000 + 16_000 - 6_000
    assert shown == (let_go_ms - START_MS) // 100
    standing = await _axis(page)
    await page.wait_for_timeout(300)
    assert await _axis(page) == standing, "nothing moves any more once it is let go"
