"""A layout of the wall: arranged without a mouse and with one, kept, and there on another device."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.camera.virtual.server import VirtualCamera
from tests.cameras import StreamFeed
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.server import House, running, settings_for
from tests.streams import h264_stream

pytestmark = pytest.mark.e2e

NAMES = ("Door", "Yard", "Hall", "Shed")
PATIENCE_MS = 60_000


async def stands(page: Page, *names: str) -> None:
    await expect(page.locator(".hc-wall-slot .hc-tile-caption span")).to_have_text(list(names), timeout=PATIENCE_MS)


async def choose(page: Page, name: str) -> None:
    """Something in the menu of layouts."""
    await page.get_by_role("button", name="Layout of the wall").click()
    await page.get_by_role("menuitem", name=name).click()


async def drag(page: Page, camera: str, onto: str) -> None:
    start, end = (page.locator(".hc-wall-slot", has_text=name) for name in (camera, onto))
    first, second = await start.bounding_box(), await end.bounding_box()
    assert first is not None
    assert second is not None
    await page.mouse.move(first["x"] + first["width"] / 2, first["y"] + 24)
    await page.mouse.down()
    await page.mouse.move(second["x"] + second["width"] / 2, second["y"] + 30, steps=4)
    await page.mouse.up()


async def wall_of(house: House, yard: VirtualCamera) -> None:
    for name in NAMES:
        body = {"name": name, "url": yard.url("/main"), "transport": "tcp"}
        (await house.http.post("/api/cameras", json=body)).raise_for_status()


async def arrange(page: Page) -> None:
    """Door, Yard, Hall, Shed become Hall, Door (large), Shed: by a button, by keys, by the mouse."""
    await page.keyboard.press("a")
    await page.get_by_role("button", name="Move Shed forward").click()
    await stands(page, "Door", "Yard", "Shed", "Hall")
    await page.locator(".hc-wall-open").first.focus()
    await page.keyboard.press("Shift+ArrowRight")
    await stands(page, "Yard", "Door", "Shed", "Hall")
    await drag(page, "Hall", "Yard")
    await stands(page, "Hall", "Yard", "Door", "Shed")
    await page.get_by_role("button", name="Take Yard out").click()
    await page.get_by_role("button", name="Enlarge Door").click()
    await page.get_by_role("button", name="Done").click()


async def keep(page: Page, name: str) -> None:
    await choose(page, "Save as a new layout")
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Save").click()
    opened = page.get_by_role("button", name=f"Layout of the wall: {name}")
    await expect(opened).to_be_visible(timeout=PATIENCE_MS)


def test_a_layout_is_arranged_kept_and_opened_on_another_device(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            VirtualCamera({"/main": StreamFeed(h264_stream(10, 5, 5, (320, 240)), 5)}) as yard,
            running(settings_for(tmp_path, vision=False)) as house,
            chromium() as browser,
        ):
            await wall_of(house, yard)
            page = await page_for(browser, house)
            await page.goto(f"{house.address}/live")
            await stands(page, *NAMES)
            await arrange(page)
            await keep(page, "Night shift")
            await choose(page, "Open by default")
            await page.get_by_role("button", name="Layout of the wall").click()
            await expect(page.get_by_role("menuitem", name="Do not open by default")).to_be_visible(timeout=PATIENCE_MS)
            await stands(page, "Hall", "Door", "Shed")

            other = await page_for(browser, house)
            await other.goto(f"{house.address}/live")
            await stands(other, "Hall", "Door", "Shed")
            await expect(other.locator(".hc-wall-slot[data-large]")).to_contain_text("Door")
            await choose(other, "Delete the layout")
            await stands(other, *NAMES)
            await other.get_by_role("button", name="Undo").click()
            await stands(other, "Hall", "Door", "Shed")
            (kept,) = (await house.http.get("/api/layouts")).json()["layouts"]
            assert (kept["name"], kept["is_default"], len(kept["cameras"])) == ("Night shift", True, 3)

    asyncio.run(work())
