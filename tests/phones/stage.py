"""A phone and a viewer: two real browsers on two hosts, the real server on a third, our real pages in them."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from haechi.app.settings import HttpSettings, Settings, TurnSettings
from tests.e2e.browser import CHROMIUM, FLAGS, HEARD
from tests.phones.nat import Kind, Router
from tests.phones.net import SERVER, Net, Place
from tests.phones.relay import SECRET
from tests.server import House, running, settings_for

T = TypeVar("T")
PATIENCE_S = 90
PATIENCE_MS = PATIENCE_S * 1000
ADDRESS = f"http://{SERVER}:8300"
TURN_PORT = 3478
PHONE_HZ, VIEWER_HZ = 700, 1300


def settings_at(folder: Path, *urls: str) -> Settings:
    """Of a server that all hosts reach."""
    turn = TurnSettings(urls=urls, secret=SECRET)
    base = settings_for(folder, vision=False)
    return base.model_copy(update={"http": HttpSettings(host="0.0.0.0", port=8300), "turn": turn})


def microphone(folder: Path, hertz: int) -> str:
    """A file with a tone that comes and goes, as a voice does: one that stays is taken for noise."""
    rate = 48_000
    at = np.arange(rate * 4) / rate
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * at)
    samples = (np.sin(2 * np.pi * hertz * at) * breath * 16_000).astype("<i2")
    path = folder / f"{hertz}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return str(path)


@asynccontextmanager
async def server_at(place: Place, settings: Settings) -> AsyncIterator[House]:
    """The whole server on a host of its own."""
    ready: Future[House] = Future()
    over: Future[asyncio.Event] = Future()

    async def hold() -> None:
        stop = asyncio.Event()
        over.set_result(stop)
        try:
            async with running(settings) as house:
                ready.set_result(house)
                await stop.wait()
        finally:
            if not ready.done():
                ready.cancel()

    held = place.host.submit(hold())
    try:
        house = await asyncio.wait_for(asyncio.wrap_future(ready), PATIENCE_S)
        yield house
    finally:
        stop = over.result(PATIENCE_S)
        place.host.submit(_set(stop)).result(PATIENCE_S)
        await asyncio.wait_for(asyncio.wrap_future(held), PATIENCE_S)


async def _set(event: asyncio.Event) -> None:
    event.set()


@asynccontextmanager
async def browser_at(place: Place, folder: Path, hertz: int) -> AsyncIterator[Browser]:
    """A browser on a host, with a camera and a microphone that are played to it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; make test installs it where it may")
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone(folder, hertz)}",
        f"--unsafely-treat-insecure-origin-as-secure={ADDRESS}",
    )
    async with async_playwright() as playwright:
        wrapper = place.wrapper(CHROMIUM, folder)
        browser = await playwright.chromium.launch(executable_path=wrapper, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


class Scene:
    """A phone on duty, and a viewer who is signed in."""

    def __init__(self, net: Net, house: House, phone: Page, viewer: Page) -> None:
        self.net = net
        self.house = house
        self.phone = phone
        self.viewer = viewer
        self.camera = ""

    async def pair(self) -> None:
        """Make the phone a camera, as a person would: the code's address, then one tap."""
        made = await self.ask("POST", "/api/phones/pairings", {"name": "Cat room"})
        page = await self.phone.goto(f"{ADDRESS}{made['url']}")
        assert page is not None
        assert page.ok, f"the page is not there ({page.status}); is the interface built? make ui"
        await expect(self.phone.locator("h1")).to_have_text("Cat room", timeout=PATIENCE_MS)
        await self.phone.locator("button[autofocus]").click(timeout=PATIENCE_MS)
        await expect(self.phone.locator("video")).to_be_visible(timeout=PATIENCE_MS)
        listed = await self.ask("GET", "/api/phones")
        self.camera = str(listed["phones"][0]["camera"])

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """A request of the administrator's."""
        asked = self.net.server.host.submit(self._request(method, path, body))
        return await asyncio.wait_for(asyncio.wrap_future(asked), PATIENCE_S)

    async def _request(self, method: str, path: str, body: object) -> Any:
        answer = await self.house.http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    async def sign_in(self) -> None:
        """Give the viewer's browser the administrator's session."""
        name, value = self.house.cookie.split("=", 1)
        await self.viewer.context.add_cookies([{"name": name, "value": value, "url": ADDRESS}])

    async def watch(self) -> None:
        """Open the phone's picture."""
        await self.viewer.goto(f"{ADDRESS}/watch/{self.camera}")

    async def sees(self, way: str) -> None:
        """Wait until the picture moves, by a way of this kind."""
        view = self.viewer.locator(".ph-view")
        await expect(view).to_have_attribute("data-phase", "live", timeout=PATIENCE_MS)
        await expect(view).to_have_attribute("data-way", way, timeout=PATIENCE_MS)
        before = await self.frames()
        await self._until(self.frames, lambda frames: frames >= before + 10)

    async def mark(self) -> None:
        """Note which stream is shown."""
        await self.viewer.locator("video").evaluate("video => { window.before = video.srcObject }")

    async def sees_another(self) -> None:
        """Wait until another stream than the noted one is shown."""
        video = self.viewer.locator("video")
        is_another = "video => video.srcObject !== null && video.srcObject !== window.before"
        await self._until(lambda: video.evaluate(is_another), lambda is_so: is_so)

    async def sees_after(self, place: Place) -> None:
        """Wait until pictures come by the router that stands before ``place`` now."""
        router = self.net.world.routers[place.number]
        await self._until(self._after(router), lambda carried: carried > 100)
        await self.sees("direct")

    def _after(self, router: Router) -> Callable[[], Awaitable[int]]:
        async def carried() -> int:
            return router.carried

        return carried

    async def frames(self) -> int:
        """Pictures that were decoded in this connection."""
        return int(await self.viewer.locator(".ph-view").get_attribute("data-frames") or 0)

    async def time(self) -> float:
        """Where the picture's element stands, in seconds."""
        return float(await self.viewer.locator("video").evaluate("video => video.currentTime"))

    async def is_taken_in(self, state: str) -> None:
        """Wait until the server says this of the camera: ``peer`` nothing comes in, ``live`` pictures do."""

        async def look() -> str:
            return str((await self.ask("GET", f"/api/cameras/{self.camera}"))["status"]["state"])

        await self._until(look, lambda seen: seen == state)

    async def hears(self, page: Page, element: str, hertz: int) -> None:
        """Wait until what an element of ``page`` plays is the other's tone."""
        player = page.locator(element)
        await self._until(lambda: player.evaluate(HEARD), lambda is_there: is_there)
        await self._until(lambda: page.evaluate("() => window.heardHz()"), lambda heard: abs(heard - hertz) < 60)

    async def _until(self, look: Callable[[], Awaitable[T]], is_so: Callable[[T], bool]) -> None:
        seen: list[T] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not seen or not is_so(seen[-1]):
                    seen.append(await look())
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it did not come to that: {seen[-20:]}") from None


@asynccontextmanager
async def scene(net: Net, folder: Path, kind: Kind, *urls: str) -> AsyncIterator[Scene]:
    """Everything, with a phone on duty; the viewer is signed in and watches nothing yet."""
    net.behind(kind)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(server_at(net.server, settings_at(folder, *urls)))
        phone = await stack.enter_async_context(browser_at(net.phone, folder, PHONE_HZ))
        viewer = await stack.enter_async_context(browser_at(net.viewer, folder, VIEWER_HZ))
        made = Scene(net, house, await phone.new_page(), await viewer.new_page())
        await made.pair()
        await made.sign_in()
        yield made
