"""A voice in a real Chromium's microphone is what the camera's loudspeaker says, for as long as the button is held."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from haechi.app.settings import WhipSettings
from haechi.base.clock import SystemClock
from haechi.base.ids import CameraId, UserId
from haechi.camera.dial.line import Server
from haechi.camera.virtual.ears import Ears
from haechi.camera.virtual.server import VirtualCamera
from haechi.live.transcode import TABLES
from haechi.media.access_unit import Codec
from tests.cameras import StreamFeed, until
from tests.dialling import dialling
from tests.e2e.browser import HEARD, chromium
from tests.e2e.stage import page_for
from tests.e2e.test_publishing import published_camera, until_state
from tests.server import PASSWORD, House, running, settings_for
from tests.streams import h264_stream

PATIENCE_S = 90
PATIENCE_MS = PATIENCE_S * 1000
TONE_HZ = 1000
ENOUGH_BYTES = 8_000
"""A second of speech."""


def microphone(folder: Path) -> list[str]:
    """Flags of a browser whose microphone hears a tone of 1 kHz that comes and goes, as a voice does."""
    rate = 48_000
    at = np.arange(rate * 4) / rate
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * at)
    samples = (np.sin(2 * np.pi * TONE_HZ * at) * breath * 16_000).astype("<i2")
    path = folder / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
        "--allow-loopback-in-peer-connection",
    ]


def voiced(ears: Ears) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What was heard, without silence."""
    samples = TABLES[ears.codec][np.frombuffer(bytes(ears.heard), np.uint8)].astype(float)
    pieces = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    spoken: np.ndarray[tuple[int], np.dtype[np.float64]] = pieces[np.abs(pieces).max(axis=1) > 300].ravel()
    return spoken


def loudest_hz(ears: Ears) -> float:
    """The frequency that is heard most."""
    samples = voiced(ears)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 8_000)[spectrum.argmax()])


async def heard(ears: Ears) -> None:
    """Wait until a second of voice was heard; it is the microphone's tone."""
    await until(lambda: len(voiced(ears)) >= ENOUGH_BYTES, PATIENCE_S)
    assert loudest_hz(ears) == pytest.approx(TONE_HZ, abs=15)


def film() -> StreamFeed:
    return StreamFeed(h264_stream(frames=30, fps=15, gop=15, size=(320, 240)), 15)


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[House, Browser]]:
    plain = settings_for(folder, vision=False)
    reverse = plain.reverse.model_copy(update={"port": 0})
    settings = plain.model_copy(update={"reverse": reverse, "whip": WhipSettings(port=0)})
    async with running(settings) as house, chromium(*microphone(folder)) as browser:
        yield house, browser


async def add(house: House, name: str, url: str) -> str:
    answer = await house.http.post("/api/cameras", json={"name": name, "url": url, "transport": "tcp"})
    return str(answer.raise_for_status().json()["id"])


async def opened(page: Page, house: House, camera: str) -> Locator:
    """The camera's page, with the button there."""
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(f"{house.address}/live/{camera}")
    button = page.locator(".hc-talk-button")
    await expect(button).to_have_attribute("data-talk", "idle", timeout=PATIENCE_MS)
    return button


async def vera(house: House, browser: Browser, camera: str) -> tuple[Page, str]:
    """A page of a viewer who may speak; her id."""
    wish = {"name": "Vera", "password": PASSWORD, "role": "viewer", "cameras": [camera], "may_speak": True}
    user = (await house.http.post("/api/users", json=wish)).raise_for_status().json()
    token = await house.rooms.services.auth.sessions.create(UserId(user["id"]))
    page = await page_for(browser, house)
    await page.context.add_cookies([{"name": "haechi_session", "value": token, "url": house.address}])
    return page, str(user["id"])


async def spoken_s(house: House, camera: str) -> list[str]:
    """What the audit log says of speaking."""
    answer = (await house.http.get("/api/audit", params={"action": "speak"})).raise_for_status().json()
    return [one["detail"] for one in answer["entries"] if one["object"] == camera]


async def speak_alone(page: Page, button: Locator, ears: Ears) -> None:
    await button.hover()
    await page.mouse.down()
    await expect(button).to_have_attribute("data-talk", "speaking", timeout=PATIENCE_MS)
    await expect(page.get_by_text("Everybody near the camera hears you.")).to_be_visible(timeout=PATIENCE_MS)
    await heard(ears)
    await expect(page.get_by_role("meter", name="How loud you are")).to_be_visible(timeout=PATIENCE_MS)


async def be_refused(page: Page, house: House, camera: str) -> None:
    theirs = await opened(page, house, camera)
    await theirs.hover()
    await page.mouse.down()
    await expect(page.get_by_text("admin is speaking to this camera")).to_be_visible(timeout=PATIENCE_MS)
    await page.mouse.up()


@pytest.mark.e2e
@pytest.mark.timeout(280)
def test_a_camera_hears_who_holds_the_button_one_at_a_time_and_only_who_may(tmp_path: Path) -> None:
    async def flow() -> None:
        ears = Ears(Codec.PCMA)
        device = VirtualCamera({"/main": film()})
        device.listen(ears)
        async with device, stage(tmp_path) as (house, browser):
            camera = await add(house, "Door", device.url())
            page = await page_for(browser, house)
            button = await opened(page, house, camera)
            await speak_alone(page, button, ears)
            other, user = await vera(house, browser, camera)
            await be_refused(other, house, camera)
            await page.bring_to_front()
            await page.mouse.up()
            await expect(button).to_have_attribute("data-talk", "idle", timeout=PATIENCE_MS)
            await until(lambda: device.connections == 1, PATIENCE_S)
            ears.heard.clear()
            await other.bring_to_front()
            await other.keyboard.down("t")
            await heard(ears)
            (await house.http.patch(f"/api/users/{user}", json={"may_speak": False})).raise_for_status()
            await expect(other.get_by_text("You may no longer speak to cameras")).to_be_visible(timeout=PATIENCE_MS)
            await until(lambda: device.connections == 1, PATIENCE_S)
            details = await spoken_s(house, camera)
            assert details.count("began") == 2
            assert sum(one.startswith("ended after") for one in details) == 2

    asyncio.run(flow())


@pytest.mark.e2e
@pytest.mark.timeout(280)
def test_a_camera_that_dialled_hears_who_holds_the_key_until_the_page_is_left(tmp_path: Path) -> None:
    async def flow() -> None:
        ears = Ears()
        async with stage(tmp_path) as (house, browser):
            camera = await add(house, "Yard", "reverse:")
            answer = (await house.http.post(f"/api/cameras/{camera}/dial/token")).raise_for_status().json()
            dial = answer["dial"]
            server = Server("127.0.0.1", dial["port"], bytes.fromhex(dial["pin"]))
            async with dialling(server, CameraId(camera), answer["token"], clock=SystemClock(), ears=ears):
                page = await page_for(browser, house)
                button = await opened(page, house, camera)
                await page.keyboard.down("t")
                await heard(ears)
                await page.evaluate("window.dispatchEvent(new Event('blur'))")
                await expect(button).to_have_attribute("data-talk", "idle", timeout=PATIENCE_MS)
                assert house.rooms.services.ingest.lines.connected() == 1, "the line goes on"

    asyncio.run(flow())


@pytest.mark.e2e
@pytest.mark.timeout(280)
def test_a_browser_that_publishes_hears_who_holds_the_button_unless_it_is_muted(tmp_path: Path) -> None:
    async def flow() -> None:
        async with stage(tmp_path) as (house, browser):
            camera, token = await published_camera(house, audio=False)
            phone = await (await browser.new_context(locale="en-GB")).new_page()
            phone.set_default_timeout(PATIENCE_MS)
            await phone.goto(f"{house.address}/publish/{camera}#{token}")
            assert await phone.locator("audio").count() == 0, (
                "the loudspeaker is opened by the tap on Start, not before"
            )
            await phone.get_by_role("button", name="Start the camera").click()
            await expect(phone.locator(".hc-publish-state[data-phase=live]")).to_be_visible(timeout=PATIENCE_MS)
            await until_state(house, camera, "live")

            page = await page_for(browser, house)
            await opened(page, house, camera)
            await page.keyboard.down("t")
            await expect(phone.get_by_text("Somebody is speaking to you.")).to_be_visible(timeout=PATIENCE_MS)
            await plays(phone, TONE_HZ)
            await phone.bring_to_front()
            await phone.get_by_role("switch", name="Loudspeaker").uncheck()
            assert await phone.locator("audio").evaluate("audio => audio.srcObject === null")

    asyncio.run(flow())


async def plays(page: Page, hertz: float) -> None:
    """Wait until what the page plays is this tone."""
    assert await page.locator("audio").evaluate(HEARD), "the page plays nothing"
    for _ in range(PATIENCE_S * 10):
        if abs(await page.evaluate("() => window.heardHz()") - hertz) < 60:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the tone was not heard")
