"""A server with rendered cameras and a logged-in page in a real Chromium: where the browser's tests begin."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page

from haechi.camera.virtual.feed import SceneFeed, default_cache_dir
from haechi.camera.virtual.scene import DemoCamera, demo_cameras
from haechi.camera.virtual.server import VirtualCamera
from tests.e2e.browser import chromium
from tests.server import House, running, settings_for

ROOM = "stock-room"


@dataclass
class Stage:
    """What a test needs to act.

    Attributes:
        problems: Errors that the page did not catch.
    """

    house: House
    cameras: VirtualCamera
    browser: Browser
    page: Page
    problems: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        await self.page.goto(self.house.address + path)

    async def ask(self, path: str) -> dict[str, object]:
        """What the API says."""
        answer = await self.house.http.get(path)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found


@asynccontextmanager
async def scenes(names: Sequence[str]) -> AsyncIterator[VirtualCamera]:
    """Cameras on loopback that play these scenes."""
    feeds = {f"/{name}": SceneFeed(name, default_cache_dir()) for name in names}
    for feed in feeds.values():
        feed.start()
    try:
        async with VirtualCamera(feeds) as cameras:
            yield cameras
    finally:
        for feed in feeds.values():
            feed.close()


@asynccontextmanager
async def staged(folder: Path, names: Sequence[str], *, vision: bool = True) -> AsyncIterator[Stage]:
    """Cameras that play the scenes ``names`` (not added), the server, a browser with the administrator in it."""
    async with scenes(names) as cameras, running(settings_for(folder, vision=vision)) as house, chromium() as browser:
        page = await page_for(browser, house)
        stage = Stage(house, cameras, browser, page)
        page.on("pageerror", lambda error: stage.problems.append(str(error)))
        yield stage


async def page_for(browser: Browser, house: House, **options: object) -> Page:
    """A page of a context of its own, with the session of the house's administrator."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", **options)  # type: ignore[arg-type]
    await context.add_cookies(
        [{"name": "haechi_session", "value": house.http.cookies["haechi_session"], "url": house.address}]
    )
    return await context.new_page()


async def add_camera(house: House, cameras: VirtualCamera, scene: str) -> str:
    """Add the camera of a scene with its zone and rule, over HTTP; its id."""
    wish: DemoCamera = next(one for one in demo_cameras() if one.scene == scene)
    camera = {"name": wish.name, "url": cameras.url(f"/{scene}"), "transport": "tcp"}
    added = (await house.http.post("/api/cameras", json=camera)).raise_for_status().json()
    one, watch = f"/api/cameras/{added['id']}", wish.watch
    zone = {"name": watch.zone_name, "points": watch.zone, "colour": "#f0682a"}
    answer = await house.http.put(f"{one}/zones", json={"zones": [zone]})
    rule = {
        "name": watch.name,
        "zone": answer.raise_for_status().json()["zones"][0]["id"],
        "label": watch.label,
        "min_score": 0.5,
        "min_duration_s": watch.min_duration_s,
        "cooldown_s": 5,
        "severity": "detection" if watch.severity == "info" else "alert",
        "enabled": True,
    }
    (await house.http.put(f"{one}/rules", json={"rules": [rule]})).raise_for_status()
    return str(added["id"])
