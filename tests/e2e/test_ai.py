"""The AI page of a camera: a module of somebody else is given hours, draws its scores, and is switched off by a key."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.camera.virtual.server import VirtualCamera
from tests.app.test_module_template import installed_template, one_named
from tests.cameras import StreamFeed
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.server import running, settings_for
from tests.streams import h264_stream

pytestmark = pytest.mark.e2e
__all__ = ["installed_template"]
SOON_MS = 60_000
DRAWN = re.compile(r"^M[\d.]+ [\d.]+h1L")
"""A line that begins somewhere and goes on."""


def test_a_module_is_given_hours_draws_its_scores_and_is_switched_off(tmp_path: Path, installed_template: Path) -> None:
    async def scenario() -> None:
        feeds = {"/yard": StreamFeed(h264_stream(60, fps=15, size=(320, 180)), 15)}
        async with (
            VirtualCamera(feeds) as cameras,
            running(settings_for(tmp_path, vision=False)) as house,
            chromium() as browser,
        ):
            camera = {"name": "Yard", "url": cameras.url("/yard"), "transport": "tcp"}
            added = (await house.http.post("/api/cameras", json=camera)).raise_for_status().json()
            one = f"/api/cameras/{added['id']}"
            page = await page_for(browser, house)
            page.set_default_timeout(SOON_MS)
            await page.goto(f"{house.address}/live/{added['id']}")
            await page.get_by_role("link", name="AI", exact=True).click()
            module = page.locator(".hc-module", has_text="daylight")
            switch = module.get_by_role("switch", name="daylight at this camera")
            await switch.focus()
            await page.keyboard.press("Space")
            await expect(module).to_have_attribute("data-state", "running", timeout=SOON_MS)
            await expect(page.get_by_role("button", name="darkness daylight")).to_be_visible(timeout=SOON_MS)
            await expect(page.locator(".hc-scores-area path").first).to_have_attribute("d", DRAWN, timeout=SOON_MS)

            await module.get_by_role("button", name="Change the hours of daylight").click()
            await module.get_by_text("Outside them", exact=True).click()
            for day in ("Saturday", "Sunday"):
                await module.get_by_role("button", name=day).click()
            await module.get_by_label("from").fill("00:00")
            await module.get_by_label("to", exact=True).fill("00:00")
            await module.get_by_role("button", name="Save").click()
            await expect(module).to_contain_text("Except Mon–Sun 00:00–00:00", timeout=SOON_MS)
            await one_named(house, f"{one}/modules", "modules", name="daylight", state="resting")
            await expect(module).to_have_attribute("data-state", "resting", timeout=SOON_MS)

            await switch.focus()
            await page.keyboard.press("Space")
            await one_named(house, f"{one}/modules", "modules", name="daylight", state="off")

    asyncio.run(scenario())
