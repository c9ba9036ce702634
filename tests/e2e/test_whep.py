"""A real Chromium watches by WebRTC: the camera's own packets, and each picture has its name; and what comes else."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
from msgspec import Struct
from playwright.async_api import Page, expect

from haechi.app.settings import WhipSettings
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.scene import scene
from haechi.camera.virtual.timecode import read_timecode
from haechi.media.access_unit import AccessUnit
from tests.cameras import until
from tests.e2e.browser import chromium
from tests.e2e.stage import ROOM, Stage, add_camera, page_for, scenes
from tests.server import PASSWORD, running, settings_for

PATIENCE_MS = 90_000
PATIENCE_S = 90
LOOPBACK = "--allow-loopback-in-peer-connection"
_READ = """() => new Promise(resolve => {
  const video = document.querySelector(".hc-tile video");
  video.requestVideoFrameCallback((_, meta) => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    const known = () => document.querySelector(".hc-tile").dataset.seq ?? null;
    queueMicrotask(() => resolve([meta.rtpTimestamp, known(), canvas.toDataURL("image/png").split(",")[1]]));
  });
})"""
_HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@asynccontextmanager
async def staged(folder: Path, whip: WhipSettings) -> AsyncIterator[tuple[Stage, CameraId]]:
    """A camera that is live, the server, and a page of its administrator."""
    settings = settings_for(folder, vision=False).model_copy(update={"whip": whip})
    async with scenes([ROOM]) as cameras, running(settings) as house, chromium(LOOPBACK) as browser:
        camera = CameraId(await add_camera(house, cameras, ROOM))
        await until(lambda: bool(house.rooms.services.bus.channel(stream_of(camera)).gop()), PATIENCE_S)
        yield Stage(house, cameras, browser, await page_for(browser, house)), camera


async def shown(page: Page, rung: str) -> None:
    """The picture moves, in this way, and says so."""
    tile = page.locator(f".hc-tile[data-rung={rung}][data-state=live]")
    await expect(tile).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator(f".hc-way[data-rung={rung}]")).to_be_visible(timeout=PATIENCE_MS)


async def chosen(page: Page, name: str) -> None:
    await page.get_by_role("button", name="How the picture comes").click()
    await page.get_by_role("menuitemradio", name=name).click()


async def guest_of(stage: Stage, camera: CameraId) -> tuple[str, Page]:
    """A user who may see this camera, and a page of theirs."""
    person = {"name": "vera", "password": PASSWORD, "role": "viewer", "cameras": [camera]}
    added = (await stage.house.http.post("/api/users", json=person)).raise_for_status().json()
    address = stage.house.address
    async with httpx2.AsyncClient(base_url=address, headers={"Origin": address}, timeout=60) as http:
        (await http.post("/api/session", json={"name": "vera", "password": PASSWORD})).raise_for_status()
        cookie = http.cookies["haechi_session"]
    context = await stage.browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    await context.add_cookies([{"name": "haechi_session", "value": cookie, "url": address}])
    return added["id"], await context.new_page()


class Reading(Struct, frozen=True):
    """A picture on screen: its RTP timestamp, which unit the page says it is, and the number that is burned in."""

    timestamp: int
    seq: int
    frame: int


async def reading(page: Page) -> Reading:
    """The next picture that the page knows by name."""
    for _ in range(100):
        timestamp, seq, encoded = await page.evaluate(_READ)
        if seq is None:
            continue
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        return Reading(timestamp, int(seq), read_timecode(pixels.astype(np.uint8)).frame)
    raise AssertionError("the page never knows which picture it shows")


async def names_of(stage: Stage, camera: CameraId, names: dict[int, int]) -> None:
    """What the server calls each unit, by the timestamp of its packets."""
    live = stage.house.rooms.services.live
    packets = live.packets.of(stream_of(camera))
    subscription = live.bus.watch(stream_of(camera))
    async for item in subscription:
        if isinstance(item, AccessUnit):
            names[packets.timestamp(item, subscription.params_of(item))] = item.ref.seq


@pytest.mark.slow
@pytest.mark.e2e
def test_a_browser_watches_by_webrtc_and_each_picture_has_its_name(tmp_path: Path) -> None:
    async def run() -> None:
        async with staged(tmp_path, WhipSettings(port=0)) as (stage, camera):
            names: dict[int, int] = {}
            listening = asyncio.create_task(names_of(stage, camera, names))
            page = stage.page
            await stage.go(f"/live/{camera}")
            await shown(page, "webrtc")
            readings = [await reading(page) for _ in range(7)]
            listening.cancel()
            assert [names[one.timestamp] for one in readings] == [one.seq for one in readings]
            # The picture may change between the moment that is told and the one that is drawn, so most of them count.
            frames = scene(ROOM).frames
            offsets = Counter((one.seq - one.frame) % frames for one in readings)
            usual, _ = offsets.most_common(1)[0]
            assert sum(offsets[(usual + step) % frames] for step in (-1, 0, 1)) >= 5, readings
            assert stage.house.rooms.services.whep.count == 1

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.e2e
def test_the_way_can_be_chosen_and_a_hidden_tab_or_a_lost_right_ends_the_stream(tmp_path: Path) -> None:
    async def run() -> None:
        async with staged(tmp_path, WhipSettings(port=0)) as (stage, camera):
            viewers, page = stage.house.rooms.services.whep, stage.page
            await stage.go(f"/live/{camera}")
            await shown(page, "webrtc")
            await page.evaluate(_HIDE, True)
            await until(lambda: viewers.count == 0, PATIENCE_S)
            await page.evaluate(_HIDE, False)
            await shown(page, "webrtc")
            await chosen(page, "MSE")
            await shown(page, "mse")
            await until(lambda: viewers.count == 0, PATIENCE_S)
            await page.reload()
            await shown(page, "mse")
            await chosen(page, "HLS")
            await shown(page, "hls")
            await page.close()

            vera, guest = await guest_of(stage, camera)
            await guest.goto(f"{stage.house.address}/live/{camera}")
            await shown(guest, "webrtc")
            (await stage.house.http.patch(f"/api/users/{vera}", json={"cameras": []})).raise_for_status()
            await until(lambda: viewers.count == 0, PATIENCE_S)
            await expect(guest.locator(".hc-tile[data-state=live]")).to_have_count(0, timeout=PATIENCE_MS)

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.e2e
def test_where_udp_does_not_come_through_the_picture_comes_by_mse(tmp_path: Path) -> None:
    async def run() -> None:
        nowhere = WhipSettings.model_validate({"port": 0, "addresses": ["192.0.2.1"]})  # RFC 5737: nobody is there
        async with staged(tmp_path, nowhere) as (stage, camera):
            await stage.go(f"/live/{camera}")
            await shown(stage.page, "mse")
            await until(lambda: stage.house.rooms.services.whep.count == 0, PATIENCE_S)

    asyncio.run(run())
