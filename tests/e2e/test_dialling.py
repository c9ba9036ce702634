"""A camera that dials out, as a person adds it: the page hands out what it needs, and waits for it."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.app.reverse_settings import ReverseSettings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId
from haechi.camera.dial.line import Server
from tests.cameras import StreamFeed
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.memories import Device, remembering
from tests.server import running, settings_for
from tests.streams import h264_stream

PATIENCE_MS = 60_000


@pytest.mark.slow
@pytest.mark.e2e
def test_a_camera_behind_nat_is_added_with_what_the_page_shows_once(tmp_path: Path) -> None:
    async def run() -> None:
        settings = settings_for(tmp_path, vision=False).model_copy(update={"reverse": ReverseSettings(port=0)})
        async with running(settings) as house, chromium() as browser:
            page = await page_for(browser, house)
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"{house.address}/cameras/new")
            await page.get_by_role("radio", name="It dials out to us").check()
            await page.get_by_role("textbox", name="Name").fill("Container yard")
            await page.get_by_role("button", name="Make its token").click()
            await expect(page.get_by_text("Waiting for the camera to dial")).to_be_visible(timeout=PATIENCE_MS)
            shown = [await one.inner_text() for one in await page.locator(".hc-copied code").all()]
            token, pin, command = shown[0], shown[1], shown[-1]
            place = re.search(r"--server (\S+) --camera (\S+) .*--pin (\S+)", command)
            assert place is not None
            assert place[3] == pin
            server, camera = Server.parse(place[1], pin), CameraId(place[2])
            feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 30)
            device = Device(feed, tmp_path / "memory", 64_000_000, SystemClock())
            async with remembering(device, server, camera, token, SystemClock()):
                await expect(page.get_by_text("The camera is here.")).to_be_visible(timeout=PATIENCE_MS)
                await page.goto(f"{house.address}/cameras/{camera}")
                await expect(page.get_by_text("Connected from 127.0.0.1")).to_be_visible(timeout=PATIENCE_MS)
                await expect(page.get_by_text("The camera's own memory: ")).to_be_visible(timeout=PATIENCE_MS)
                await expect(page.get_by_text(token)).to_have_count(0)
                await page.get_by_role("button", name="New token").click()
                await page.get_by_role("button", name="Replace").click()
                await expect(page.locator(".hc-copied code").first).to_be_visible(timeout=PATIENCE_MS)
                assert await page.locator(".hc-copied code").first.inner_text() != token
                await expect(page.locator(".hc-pill[data-state=waiting]")).to_be_visible(timeout=PATIENCE_MS)

    asyncio.run(run())
