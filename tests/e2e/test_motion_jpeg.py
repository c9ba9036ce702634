"""A camera that sends Motion JPEG, from its socket to the screen: the very pictures, each under its own name."""

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.async_api import ElementHandle, Page, expect

from haechi.camera.virtual.timecode import TimeCode, burn, read_timecode
from tests.e2e.browser import chromium
from tests.e2e.stage import page_for
from tests.server import House, running, settings_for
from tests.web import Site

pytestmark = pytest.mark.e2e

WIDTH_PX, HEIGHT_PX, FPS = 640, 360, 10
PATIENCE_MS = 60_000
TYPE = "multipart/x-mixed-replace; boundary=--frame"
_GRAB = """element => {
  const canvas = document.createElement("canvas");
  canvas.width = element.naturalWidth ?? element.width; canvas.height = element.naturalHeight ?? element.height;
  canvas.getContext("2d").drawImage(element, 0, 0);
  return [canvas.toDataURL("image/png").split(",")[1], Number(element.closest("[data-seq]")?.dataset.seq ?? "-1")];
}"""


def picture(number: int) -> bytes:
    luma = np.full((HEIGHT_PX, WIDTH_PX), 70 + number % 60, np.uint8)
    cv2.circle(luma, (60 + number * 9 % 520, 150), 40, 220, -1)
    burn(luma, TimeCode(number, number * 1000 // FPS))
    done, data = cv2.imencode(".jpg", luma)
    assert done
    return data.tobytes()


async def film(writer: asyncio.StreamWriter, _request: str) -> None:
    """Picture 0, 1, 2 ... to each who asks."""
    writer.write(f"HTTP/1.0 200 OK\r\nContent-Type: {TYPE}\r\n\r\n".encode())
    loop = asyncio.get_running_loop()
    began_s, number = loop.time(), 0
    while True:
        data = picture(number)
        writer.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n")
        await writer.drain()
        number += 1
        await asyncio.sleep(max(0.0, began_s + number / FPS - loop.time()))


def code_in(data: bytes) -> int:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return read_timecode(pixels.astype(np.uint8)).frame


async def grabbed(element: ElementHandle) -> tuple[int, int]:
    """The number in the picture on screen, and the number that the page says it has."""
    encoded, told = await element.evaluate(_GRAB)
    return code_in(base64.b64decode(encoded)), int(told)


async def until(ask: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await ask():  # noqa: ASYNC110 (what is waited for happens in another process)
            await asyncio.sleep(0.2)


async def shown(page: Page, house: House, camera: str) -> None:
    """Live: the picture with number n is on screen as the unit with seq n, and they go on."""
    await page.goto(f"{house.address}/")
    tile = page.locator(f'.hc-tile[data-camera="{camera}"]')
    await expect(tile).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    canvas = await tile.locator("canvas").element_handle()
    assert canvas is not None
    first, told = await grabbed(canvas)
    assert first == told

    async def later() -> bool:
        number, seq = await grabbed(canvas)
        assert number == seq
        return number >= first + 10

    await until(later)
    await expect(tile.locator(".hc-tile-note")).to_have_count(0)


async def played(page: Page, house: House, camera: str, at_ms: int) -> None:
    """Playback: pictures of the moment, which go on, and a word that they are single ones."""
    await page.goto(f"{house.address}/playback?camera={camera}&t={at_ms}")
    drawn = page.locator(f'.hc-lane[data-camera="{camera}"] img.hc-lane-drawn')
    await expect(drawn).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator(".hc-lane-note")).to_be_visible()
    element = await drawn.element_handle()
    assert element is not None

    async def is_there() -> bool:
        width: int = await element.evaluate("image => image.complete ? image.naturalWidth : 0")
        return width == WIDTH_PX

    await until(is_there)
    stood, _ = await grabbed(element)
    await page.keyboard.press("Space")

    async def goes_on() -> bool:
        return (await grabbed(element))[0] >= stood + 5

    await until(goes_on)


def test_a_jpeg_camera_is_shown_recorded_played_and_exported_as_it_is(tmp_path: Path) -> None:
    async def play() -> None:
        site = Site({"/video": film})
        async with site.open(), running(settings_for(tmp_path, vision=False)) as house, chromium() as browser:
            added = await house.http.post("/api/cameras", json={"name": "Gate", "url": f"{site.base}/video"})
            camera = added.json()["id"]
            page = await page_for(browser, house)
            await shown(page, house, camera)
            latest = await house.http.get(f"/api/cameras/{camera}/latest.jpg")
            assert latest.content == picture(code_in(latest.content))
            spans: list[dict[str, int]] = []

            async def recorded() -> bool:
                status = (await house.http.get(f"/api/cameras/{camera}")).json()["status"]
                around = {"start_ms": status["since_ms"] - 60_000, "end_ms": status["since_ms"] + 600_000}
                spans[:] = (await house.http.get(f"/api/cameras/{camera}/timeline", params=around)).json()["spans"]
                return bool(spans) and spans[0]["end_ms"] - spans[0]["start_ms"] > 4_000

            await until(recorded)
            span = {"start_ms": spans[0]["start_ms"] + 500, "end_ms": spans[0]["start_ms"] + 2_500}
            clip = await house.http.get(f"/api/cameras/{camera}/clip.mp4", params=span)
            numbers = [code_in(data) for data in packets_of(clip.content)]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert len(numbers) >= 15
            assert list(packets_of(clip.content)) == [picture(number) for number in numbers]
            await played(page, house, camera, span["start_ms"])

    asyncio.run(play())


def packets_of(clip: bytes) -> list[bytes]:
    """What an MP4 holds, as libav reads it."""
    with av.open(io.BytesIO(clip), mode="r", format="mp4") as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "mjpeg"
        return [bytes(packet) for packet in container.demux(stream) if packet.size]
