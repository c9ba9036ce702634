"""A real Chromium publishes its camera: what its encoder made is what is recorded, and what another page shows."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from haechi.app.settings import WhipSettings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, stream_of
from haechi.media.access_unit import Codec
from haechi.media.annexb import split_units
from haechi.media.fmp4.reader import scan
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.server import House, running, settings_for

PATIENCE_MS = 90_000
PATIENCE_S = 90
CAMERA_FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
]
_KEEP_WHAT_THE_ENCODER_MADE = """
window.made = {video: [], audio: []};
const Plain = RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(options) { super({...options, encodedInsertableStreams: true}); }
  addTransceiver(track, options) {
    const transceiver = super.addTransceiver(track, options);
    const {readable, writable} = transceiver.sender.createEncodedStreams();
    const keep = new TransformStream({transform(frame, out) {
      window.made[track.kind].push(new Uint8Array(frame.data.slice(0)));
      out.enqueue(frame);
    }});
    readable.pipeThrough(keep).pipeTo(writable);
    return transceiver;
  }
};
"""
_READ_BACK = """kind => window.made[kind].map(data => {
  let text = "";
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return btoa(text);
})"""


_NO_H264 = """const all = RTCRtpSender.getCapabilities.bind(RTCRtpSender);
RTCRtpSender.getCapabilities = kind => ({codecs: all(kind).codecs.filter(one => one.mimeType !== "video/H264")});
"""
_ONLY_AV1 = "RTCRtpSender.getCapabilities = () => ({codecs: [{mimeType: 'video/AV1', clockRate: 90000}]})"
_NO_LEAVE = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[House, Browser]]:
    settings = settings_for(folder, vision=False).model_copy(update={"whip": WhipSettings(port=0)})
    async with running(settings) as house, chromium(*CAMERA_FLAGS) as browser:
        yield house, browser


async def published_camera(house: House, *, audio: bool) -> tuple[CameraId, str]:
    """A camera that waits to be published, and its token."""
    added = await house.http.post("/api/cameras", json={"name": "Phone", "url": "whip:", "audio": audio})
    camera = CameraId(added.json()["id"])
    made = await house.http.post(f"/api/cameras/{camera}/publish/token")
    return camera, made.json()["token"]


async def status_of(house: House, camera: CameraId) -> dict[str, object]:
    status: dict[str, object] = (await house.http.get(f"/api/cameras/{camera}")).json()["status"]
    return status


async def until_state(house: House, camera: CameraId, state: str) -> dict[str, object]:
    status = await status_of(house, camera)
    for _ in range(PATIENCE_S * 5):
        if status["state"] == state:
            return status
        await asyncio.sleep(0.2)
        status = await status_of(house, camera)
    raise AssertionError(f"{status['state']}, not {state}: {status['error']}")


def recorded(house: House, camera: CameraId, role: str) -> list[bytes]:
    """Every unit on the disk, in order."""
    units: list[bytes] = []
    stream = stream_of(camera, role)
    for path in sorted(house.rooms.settings.record_dir.rglob("*.mp4")):
        data = path.read_bytes()
        found = scan(data)
        if found.init.source is None or found.init.source.stream != stream:
            continue
        for fragment in found.fragments:
            units += [data[one.sample.offset : one.sample.offset + one.sample.size] for one in fragment.units]
    return units


async def made(page: Page, kind: str) -> list[bytes]:
    """What the browser's encoder made."""
    return [base64.b64decode(text) for text in await page.evaluate(_READ_BACK, kind)]


async def opened(browser: Browser, script: str = "") -> Page:
    """A page of somebody who is not logged in."""
    page = await (await browser.new_context(locale="en-GB")).new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.add_init_script(script)
    return page


async def until_recorded(house: House, camera: CameraId) -> None:
    deadline_ns = SystemClock().monotonic_ns() + PATIENCE_S * 10**9
    while len(recorded(house, camera, "main")) < 60 or len(recorded(house, camera, "audio")) < 100:
        assert SystemClock().monotonic_ns() < deadline_ns, "not recorded in time"
        await asyncio.sleep(0.5)


async def crashed(page: Page) -> None:
    """The page is gone in the middle of a word: no good-bye by anybody."""
    crash = await page.context.new_cdp_session(page)
    asking = asyncio.ensure_future(crash.send("Page.crash"))
    await page.wait_for_event("crash")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def refused(page: Page, address: str, words: str) -> None:
    """Start on this page, and be told why not."""
    await page.goto(address)
    await page.get_by_role("button", name="Start the camera").click()
    await expect(page.get_by_text(words)).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_role("button", name="Start the camera")).to_be_visible(timeout=PATIENCE_MS)


def runs_through(part: Sequence[bytes], whole: Sequence[bytes]) -> bool:
    """Whether ``part`` is a piece of ``whole``, without a hole."""
    starts = [index for index, one in enumerate(whole) if one == part[0]]  # silence is coded alike each time
    return any(list(part) == list(whole[start : start + len(part)]) for start in starts)


@pytest.mark.slow
@pytest.mark.e2e
def test_what_a_browsers_encoder_made_is_recorded_byte_for_byte_and_shown_to_others(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            camera, token = await published_camera(house, audio=True)
            await house.http.put(f"/api/cameras/{camera}/retention", json={"audio": True})
            phone = await opened(browser, _KEEP_WHAT_THE_ENCODER_MADE)
            await phone.goto(f"{house.address}/publish/{camera}#{token}")
            await phone.get_by_role("switch", name="Send sound").check()
            await phone.get_by_role("button", name="Start the camera").click()
            await expect(phone.locator(".hc-publish-state[data-phase=live]")).to_be_visible(timeout=PATIENCE_MS)
            await expect(phone.get_by_text("kbit/s")).to_be_visible(timeout=PATIENCE_MS)

            watcher = await page_for(browser, house)
            await watcher.goto(f"{house.address}/live")
            tile = watcher.locator(f".hc-tile[data-camera={camera}][data-state=live]")
            await expect(tile).to_be_visible(timeout=PATIENCE_MS)
            shown = await tile.get_attribute("data-seq")
            await expect(tile).not_to_have_attribute("data-seq", shown or "", timeout=PATIENCE_MS)

            await until_recorded(house, camera)
            pictures, sounds = recorded(house, camera, "main"), recorded(house, camera, "audio")
            frames = [unit.data for unit in split_units(b"".join(await made(phone, "video")), Codec.H264)]
            assert runs_through(pictures, frames)
            assert runs_through(sounds, await made(phone, "audio"))

            await crashed(phone)
            after = await until_state(house, camera, "waiting")
            assert isinstance(after["error"], dict)
            assert after["error"]["code"] == "publisher-lost"

    asyncio.run(run())


async def is_shown_from_a_phone_without_h264(house: House, browser: Browser, camera: CameraId, address: str) -> None:
    """It sends VP8; others see that by WebRTC as it comes, and a still is made of it."""
    phone = await opened(browser, _NO_H264)
    await phone.goto(address)
    await phone.get_by_role("button", name="Start the camera").click()
    await expect(phone.locator(".hc-publish-state[data-phase=live]")).to_be_visible(timeout=PATIENCE_MS)
    status = await until_state(house, camera, "live")
    assert status["codec"] == "vp8"
    watcher = await page_for(browser, house)
    await watcher.goto(f"{house.address}/live/{camera}")
    tile = watcher.locator(f".hc-tile[data-camera={camera}][data-state=live]")
    await expect(tile).to_be_visible(timeout=PATIENCE_MS)
    for _ in range(100):
        if (await house.http.get(f"/api/cameras/{camera}/latest.jpg")).status_code == 200:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("no still was made of it")


@pytest.mark.slow
@pytest.mark.e2e
def test_the_page_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        async with stage(tmp_path) as (house, browser):
            camera, token = await published_camera(house, audio=False)
            place = f"{house.address}/publish/{camera}"
            await refused(await opened(browser), f"{place}#hwt_wrong", "This link does not publish this camera")
            await refused(await opened(browser, _ONLY_AV1), f"{place}#{token}", "This browser offers neither H.264 nor")
            await refused(await opened(browser, _NO_LEAVE), f"{place}#{token}", "The camera may not be used")

            logged_out = await opened(browser)
            await logged_out.goto(place)
            await expect(logged_out).to_have_url(
                f"{house.address}/login?next=%2Fpublish%2F{camera}", timeout=PATIENCE_MS
            )

            admin = await page_for(browser, house)
            admin.set_default_timeout(PATIENCE_MS)
            await admin.goto(f"{house.address}/publish/{camera}")
            await admin.get_by_role("button", name="Start the camera").click()
            await expect(admin.locator(".hc-publish-state[data-phase=live]")).to_be_visible()
            await until_state(house, camera, "live")
            await admin.get_by_role("button", name="Stop").click()
            await until_state(house, camera, "waiting")
            await is_shown_from_a_phone_without_h264(house, browser, camera, f"{place}#{token}")

    asyncio.run(run())
