"""A camera that was added by its stream is linked to its ONVIF device; its clock is set; what it notices by itself
becomes an event with a picture and a clip. By hand in a real browser.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from haechi.base.clock import NS_PER_MS, SystemClock
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
def test_what_a_linked_camera_notices_by_itself_becomes_an_event(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            stage.cameras.policy = ServerPolicy(username=USER, password=SECRET)
            port = free_udp_port()
            stage.house.rooms.services.onvif.targets = [("127.0.0.1", port)]
            uri = stage.cameras.url(f"/{ROOM}")
            device = VirtualOnvif(
                [VirtualProfile("sub", f"{uri}-small", width_px=640, height_px=360), VirtualProfile("main", uri)],
                users=Users(USER, SECRET),
                quirks=Quirks(clock_off_s=-7205),
                identity=Identity(name="Stock room", model="<b>V-1</b>"),
                listening=Listening(discovery_port=port),
            )
            async with device:
                camera = await _added(stage, uri)
                await _link(stage, camera)
                await _set_the_clock(stage.page, device)
                await _listen(stage, camera)
                await _notice(stage, device, camera)
                await _unlink(stage, camera)
            assert stage.problems == []

    asyncio.run(flow())


async def _added(stage: Stage, uri: str) -> str:
    body = {"name": "Stock room", "url": uri, "username": USER, "password": SECRET, "transport": "tcp"}
    answer = await stage.house.http.post("/api/cameras", json=body)
    return str(answer.raise_for_status().json()["id"])


async def _link(stage: Stage, camera: str) -> None:
    page = stage.page
    await stage.go(f"/cameras/{camera}")
    panel = page.get_by_role("region", name="ONVIF")
    look = panel.get_by_role("button", name="Find the device")
    await look.click(timeout=PATIENCE_MS)
    alert = panel.get_by_role("alert")
    ours = panel.locator(".hc-stream-card", has_text="the stream of this camera")
    for _ in range(SEARCHES):
        await expect(ours.or_(alert).first).to_be_visible(timeout=PATIENCE_MS)
        if await ours.is_visible():
            break
        await look.click()  # questions to the network get lost on a busy machine
        await expect(alert).to_have_count(0, timeout=PATIENCE_MS)
    await expect(ours).to_have_attribute("data-checked", "true", timeout=PATIENCE_MS)
    await panel.get_by_role("button", name="Link", exact=True).click()
    await expect(panel).to_contain_text("<b>V-1</b>", timeout=PATIENCE_MS)
    await expect(panel).to_contain_text("640×360 · H264", timeout=PATIENCE_MS)


async def _set_the_clock(page: Page, device: VirtualOnvif) -> None:
    await expect(page.locator(".hc-clock-notice")).to_contain_text(re.compile(r"2 hrs? behind"), timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Set its clock").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("The camera gets the time of this server", timeout=PATIENCE_MS)
    await dialog.get_by_role("button", name="Set its clock").click()
    await expect(dialog).to_contain_text("The camera's clock is right now", timeout=PATIENCE_MS)
    assert abs(device.model.clock_off_ns) < PATIENCE_S * 1_000_000_000
    await dialog.get_by_role("button", name="Close", exact=True).last.click()
    await expect(page.locator(".hc-clock-notice")).to_have_count(0, timeout=PATIENCE_MS)


async def _listen(stage: Stage, camera: str) -> None:
    page = stage.page
    await page.get_by_role("tab", name="Rules").click()
    panel = page.get_by_role("region", name="What the camera itself reports")
    await expect(panel.get_by_text(re.compile("LineDetector"))).to_be_visible(timeout=PATIENCE_MS)
    await panel.get_by_role("switch", name="Make events of it").check()
    await panel.get_by_role("checkbox", name="Tampering").uncheck()
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_role("status")).to_contain_text("Listening", timeout=PATIENCE_MS)
    kept = await stage.ask(f"/api/cameras/{camera}/reports")
    assert kept["enabled"]
    assert "tamper" not in str(kept["kinds"])


async def _notice(stage: Stage, device: VirtualOnvif, camera: str) -> None:
    page = stage.page
    await _until_recorded(stage, camera)
    device.notice(is_on=True)
    await stage.go("/events")
    row = page.locator(".hc-event-row", has_text="Motion")
    await expect(row).to_be_visible(timeout=PATIENCE_MS)
    await expect(row).to_contain_text("the camera itself", timeout=PATIENCE_MS)
    device.notice(is_on=False)
    await row.get_by_role("button", name=re.compile("Motion")).click()
    view = page.get_by_role("article")
    await expect(view).to_contain_text("IsMotion: true", timeout=PATIENCE_MS)
    await expect(view.get_by_role("link", name="Download")).not_to_have_attribute(
        "data-disabled", "true", timeout=PATIENCE_MS
    )
    await expect(row.locator("img")).to_be_visible(timeout=PATIENCE_MS)
    page_of_events: Any = await stage.ask("/api/events")
    (event,) = page_of_events["events"]
    clip = await stage.house.http.get(f"/api/events/{event['id']}/clip.mp4")
    assert clip.raise_for_status().content[4:8] == b"ftyp"


async def _until_recorded(stage: Stage, camera: str) -> None:
    """There is footage to cut a clip from."""
    clock = SystemClock()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            now_ms = clock.wall_ns() // NS_PER_MS
            found = await stage.ask(f"/api/cameras/{camera}/timeline?start_ms={now_ms - 600_000}&end_ms={now_ms}")
            if found["spans"]:
                return
            await clock.sleep(0.2)


async def _unlink(stage: Stage, camera: str) -> None:
    page = stage.page
    await stage.go(f"/cameras/{camera}")
    panel = page.get_by_role("region", name="ONVIF")
    await panel.get_by_role("button", name="Unlink").click(timeout=PATIENCE_MS)
    await page.get_by_role("dialog").get_by_role("button", name="Unlink").click(timeout=PATIENCE_MS)
    await expect(panel).to_contain_text("not linked", timeout=PATIENCE_MS)
    await until(lambda: stage.house.rooms.services.reports.listening() == 0, PATIENCE_S)
