"""A client that pushes, as a person adds it; its stream is a camera like any other: live, with one id everywhere."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.app.settings import PushSettings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, stream_of
from haechi.client.line import Place
from haechi.client.playing import Wish, place_of, playing
from haechi.media.access_unit import UnitRef
from tests.cameras import units_of, until
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.ingest.rtp_push.stage import Coded
from tests.server import House, running, settings_for
from tests.streams import h264_stream

PATIENCE_MS = 60_000
FRAMES, FPS = 1200, 10


async def add_client(page: Page, house: House, folder: Path) -> Place:
    """Add a client on the page; where it pushes, by what the page shows once."""
    await page.goto(f"{house.address}/settings?tab=clients")
    await page.get_by_role("button", name="Add a client").click()
    await page.get_by_role("textbox", name="Name").fill("Shed")
    await page.get_by_role("dialog").get_by_role("button", name="Add a client").click()
    shown = page.locator(".hc-copied code")
    await expect(shown).to_have_count(4, timeout=PATIENCE_MS)
    token, pin, _, command = [await one.inner_text() for one in await shown.all()]
    server = re.search(r"--server (\S+)", command)
    assert server is not None
    await page.get_by_role("button", name="Done").click()
    file = folder / "shed.token"
    file.write_text(f"{token}\n{pin}\n")
    return place_of(server[1], file)


async def watch(page: Page) -> CameraId:
    """Follow the list to the client's camera, and see it move."""
    await expect(page.get_by_text("Connected")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_text("shed.mp4")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_role("link", name="Shed").click()
    await expect(page).to_have_url(re.compile("/live/cam_"), timeout=PATIENCE_MS)
    moves = "() => [...document.querySelectorAll('video')].some(one => one.currentTime > 0.5)"
    await page.wait_for_function(moves, timeout=PATIENCE_MS)
    return CameraId(page.url.partition("/live/")[2].partition("?")[0])


@pytest.mark.slow
@pytest.mark.e2e
def test_a_pushed_stream_is_added_and_watched_with_the_ids_of_its_results(tmp_path: Path) -> None:
    push = PushSettings(enabled=True, port=0, host="127.0.0.1")
    settings = settings_for(tmp_path, vision=False).model_copy(update={"push": push})
    source = Coded(*h264_stream(FRAMES, fps=FPS, gop=FPS, size=(160, 120)), fps=FPS)
    seen: set[UnitRef] = set()

    async def run() -> None:
        async with running(settings) as house, chromium() as browser:
            page = await page_for(browser, house)
            page.set_default_timeout(PATIENCE_MS)
            place = await add_client(page, house, tmp_path)
            async with playing(place, source, Wish("echo"), SystemClock(), "shed.mp4") as link:

                async def collect() -> None:
                    async for one in link.results():
                        seen.add(one.ref)

                judged = asyncio.create_task(collect())
                camera = await watch(page)
                subscription = house.rooms.services.bus.watch(stream_of(camera))
                units = await units_of(subscription, 5, 60)
                subscription.close()
                await until(lambda: {unit.ref for unit in units} <= seen, 60)
                judged.cancel()
                await asyncio.gather(judged, return_exceptions=True)
            await page.goto(f"{house.address}/cameras/{camera}")
            await expect(page.get_by_text("A client pushes this camera")).to_be_visible(timeout=PATIENCE_MS)

    asyncio.run(run())
