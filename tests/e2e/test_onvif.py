"""A camera is found on the network, logged in to, added and moved, all by hand in a real browser."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from haechi.camera.virtual.onvif.model import Identity, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.media.rtsp.server import ServerPolicy
from tests.cameras import until
from tests.e2e.stage import ROOM, Stage, staged
from tests.fleet.onvif.test_discovery import free_udp_port

USER, SECRET = "operator", "canary-onvif-password"
PATIENCE_S = 60
PATIENCE_MS = PATIENCE_S * 1000
SEARCHES = 8


@pytest.mark.e2e
@pytest.mark.timeout(280)
def test_a_camera_is_found_logged_in_to_added_watched_and_moved(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            stage.cameras.policy = ServerPolicy(username=USER, password=SECRET)
            port = free_udp_port()
            stage.house.rooms.services.onvif.targets = [("127.0.0.1", port)]
            uri = stage.cameras.url(f"/{ROOM}")
            device = VirtualOnvif(
                [VirtualProfile("sub", uri, width_px=640, height_px=360), VirtualProfile("main", uri)],
                users=Users(USER, SECRET),
                quirks=Quirks(clock_off_s=7205, ignores_limit=True),
                identity=Identity(name="Stock room", model="<b>V-1</b>"),
                listening=Listening(discovery_port=port),
            )
            async with device:
                await _find(stage)
                await _log_in(stage.page)
                await _add(stage.page)
                await _move_by_mouse_and_keys(stage.page, device)
                await _keep_a_place(stage.page, device)
                await _leave_while_it_moves(stage, device)
            assert stage.problems == []

    asyncio.run(flow())


async def _find(stage: Stage) -> None:
    """Questions to the network get lost on a busy machine; a person then searches again."""
    page = stage.page
    await stage.go("/cameras/new")
    await page.get_by_role("button", name="Search", exact=True).click()
    row, again = page.get_by_role("button", name="Stock room"), page.get_by_role("button", name="Search again")
    for _ in range(SEARCHES):
        await expect(row.or_(again).first).to_be_visible(timeout=PATIENCE_MS)
        if await row.is_visible():
            break
        await again.click()
    await expect(row).to_contain_text("<b>V-1</b>", timeout=PATIENCE_MS)
    await row.click()


async def _log_in(page: Page) -> None:
    await page.get_by_label("Camera's user").fill(USER)
    password = page.get_by_label("Camera's password", exact=True)
    await password.fill("wrong")
    await page.get_by_role("button", name="Show its streams").click()
    await expect(page.get_by_role("alert")).to_contain_text("onvif-unauthorized", timeout=PATIENCE_MS)
    await password.fill(SECRET)
    await page.get_by_role("button", name="Show its streams").click()
    streams = page.locator(".hc-stream-card")
    await expect(streams).to_have_count(2, timeout=PATIENCE_MS)
    await expect(streams.first).to_contain_text("1280×720 · H264", timeout=PATIENCE_MS)
    await expect(page.locator(".hc-clock-notice")).to_contain_text(re.compile(r"2 hrs? ahead"), timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Use this stream").click()


async def _add(page: Page) -> None:
    await expect(page.get_by_role("button", name="Next")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_label("Name")).to_have_value("Stock room", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Add this camera").click()
    await expect(page.locator(".hc-tile[data-state=live]")).to_be_visible(timeout=PATIENCE_MS)


async def _move_by_mouse_and_keys(page: Page, device: VirtualOnvif) -> None:
    head = device.model.head
    await expect(page.locator(".hc-clock-notice")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_text("Move", exact=True).click()
    pad = page.get_by_role("region", name="Move")
    await expect(pad).to_be_visible(timeout=PATIENCE_MS)
    await pad.get_by_role("button", name="Right", exact=True).hover()
    await page.mouse.down()
    await until(lambda: head.position[0] > 0, PATIENCE_S)
    await page.mouse.up()
    await until(lambda: not head.is_moving, PATIENCE_S)
    here = page.url
    for key, axis, sign in (("ArrowLeft", 0, -1), ("ArrowUp", 1, 1), ("+", 2, 1)):
        before = head.position[axis]
        await page.keyboard.down(key)
        await until(lambda axis=axis, sign=sign, before=before: (head.position[axis] - before) * sign > 0, PATIENCE_S)  # type: ignore[misc]
        await page.keyboard.up(key)
        await until(lambda: not head.is_moving, PATIENCE_S)
    assert page.url == here, "an arrow key left the page"


async def _keep_a_place(page: Page, device: VirtualOnvif) -> None:
    head = device.model.head
    kept = head.position
    await page.get_by_label("Remember this place as").fill("Gate")
    await page.get_by_role("button", name="Remember this place").click()
    gate = page.get_by_role("button", name="Gate")
    await expect(gate).to_be_visible(timeout=PATIENCE_MS)
    head.go((0.9, -0.9, 0.0))
    await gate.click()
    await until(lambda: head.position == pytest.approx(kept), PATIENCE_S)


async def _leave_while_it_moves(stage: Stage, device: VirtualOnvif) -> None:
    """The page is gone before it could say stop: the server says it, for this camera heeds no limit."""
    await stage.page.keyboard.down("ArrowDown")
    await until(lambda: device.model.head.is_moving, PATIENCE_S)
    await stage.page.close()
    await until(lambda: not device.model.head.is_moving, PATIENCE_S)
