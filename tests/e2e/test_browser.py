"""The first minute of a new user, in a real browser: set up, watch, be told, look at the proof."""

import asyncio
import itertools
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.app.demo import furnish
from haechi.camera.virtual.feed import SceneFeed, default_cache_dir
from haechi.camera.virtual.render import Box, scene_truth
from haechi.camera.virtual.scene import demo_cameras, scene
from haechi.camera.virtual.server import VirtualCamera
from haechi.fleet.cameras import Camera
from tests.e2e.browser import chromium, timecode_of
from tests.server import PASSWORD, House, running, settings_for

ROOM = "stock-room"


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_the_first_minute_of_a_new_user(tmp_path: Path) -> None:
    asyncio.run(_first_minute(tmp_path))


async def _first_minute(folder: Path) -> None:
    feeds = {f"/{wish.scene}": SceneFeed(wish.scene, default_cache_dir()) for wish in demo_cameras()}
    for feed in feeds.values():
        feed.start()
    try:
        async with VirtualCamera(feeds) as cameras, running(settings_for(folder), log_in=False) as house:
            token = await house.rooms.services.auth.setup.issue()
            added = await furnish(house.rooms.services, cameras.port)
            async with chromium() as browser:
                page = await browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
                problems: list[str] = []
                page.on("pageerror", lambda error: problems.append(str(error)))
                await _set_up(page, house, token)
                offset = await _pictures_move(page, added)
                event = await _event_with_clip(page, house)
                await _boxes_are_where_people_are(page, house, event, offset)
                assert problems == []
    finally:
        for feed in feeds.values():
            feed.close()


async def _set_up(page: Page, house: House, token: str) -> None:
    await page.goto(f"{house.address}/setup#token={token}")
    await page.locator("input[name=username]").fill("owner")
    for field in await page.locator("input[type=password]").all():
        await field.fill(PASSWORD)
    await page.locator("button[type=submit]").click()
    await expect(page.locator(".hc-tile")).to_have_count(4)


async def _pictures_move(page: Page, cameras: list[Camera]) -> int:
    """All tiles go live, the time code on screen runs in real time, and the screen knows which unit it shows.

    Returns how far ``seq`` of the forbidden room's stream is ahead of its picture number.
    """
    await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(4, timeout=20_000)
    room = next(c for c in cameras if c.redacted_url.endswith(ROOM))
    tile = page.locator(f".hc-tile[data-camera={room.id}]")
    readings = []
    await page.wait_for_timeout(3_000)
    for _ in range(3):
        video = await tile.locator("video").element_handle()
        assert video is not None
        began_s = time.monotonic()
        code, shown = await timecode_of(video)
        readings.append((began_s, code.frame, shown))
        await page.wait_for_timeout(1_500)
    frames = scene(ROOM).frames
    steps = [((b[1] - a[1]) % frames) / 15 / (b[0] - a[0]) for a, b in itertools.pairwise(readings)]
    assert all(0.6 < step < 1.4 for step in steps), readings
    offsets = [(shown - frame) % frames for _, frame, shown in readings]
    assert max(offsets) - min(offsets) <= 2, readings
    return offsets[0]


async def _event_with_clip(page: Page, house: House) -> str:
    """Somebody enters the forbidden zone: the event shows up by itself; its clip plays."""
    await page.goto(f"{house.address}/events")
    entry = page.get_by_text("Stock room").first
    arrived = page.get_by_role("button", name="new")
    for _ in range(120):
        if await entry.is_visible():
            break
        if await arrived.is_visible():
            await arrived.click()
        await page.wait_for_timeout(500)
    await entry.click()
    video = page.locator("video").first
    await expect(video).to_be_visible(timeout=60_000)
    for _ in range(150):
        if await video.evaluate("v => v.currentTime > 0.5 && v.videoWidth === 1280"):
            break
        await page.wait_for_timeout(200)
    assert await video.evaluate("v => v.currentTime") > 0.5
    return page.url.rstrip("/").rpartition("/")[2].partition("?")[0]


async def _boxes_are_where_people_are(page: Page, house: House, event: str, offset: int) -> None:
    """Every stored box of the event lies on the person that the scene drew in that very picture."""
    events = await (await page.request.get(f"{house.address}/api/events")).json()
    found = next(one for one in events["events"] if one["rule"] == "Forbidden zone")
    detail = await (await page.request.get(f"{house.address}/api/events/{found['id']}")).json()
    frames = scene(ROOM).frames
    compared = 0
    for look in detail["detections"]:
        frame = (int(look["ref"].rpartition(":")[2]) - offset) % frames
        people = [box for box in look["boxes"] if box["label"] == "person"]
        truth = scene_truth(ROOM, frame)
        for box in people:
            compared += 1
            assert max((overlap(truth_box, box["box"]) for truth_box in truth), default=0.0) > 0.4, (frame, box, truth)
    assert compared >= 5


def overlap(truth: Box, box: list[float]) -> float:
    """Intersection over union; boxes as left, top, width, height."""
    x, y, w, h = box
    tx, ty, tw, th = truth.x, truth.y, truth.w, truth.h
    width = max(0.0, min(x + w, tx + tw) - max(x, tx))
    height = max(0.0, min(y + h, ty + th) - max(y, ty))
    shared = width * height
    return shared / (w * h + tw * th - shared)
