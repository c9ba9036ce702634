"""Every screen, by night and by day, on a desk and on a phone: axe finds nothing, nothing is wider than the screen."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from msgspec import Struct
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import chromium
from tests.e2e.stage import ROOM, Stage, add_camera, staged
from tests.server import House, running, settings_for

Scheme = Literal["dark", "light"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
DESK, PHONE, NARROW = (1440, 900), (390, 844), (360, 740)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
"""Newer than the copy in the Python wheel, which serves where the front end was built elsewhere."""
RUN_AXE = "rules => axe.run(document, { runOnly: rules }).then(found => found.violations)"
TOO_WIDE = "document.scrollingElement.scrollWidth - innerWidth"


class Screen(Struct, frozen=True):
    """A place in the application, and what must be there before it is looked at."""

    name: str
    path: str
    waits_for: str


def axe() -> str:
    """The source of axe. It is evaluated over the debugging protocol: the page's own policy forbids strange scripts."""
    if AXE.exists():
        return AXE.read_text()
    return files("axe_core_python").joinpath("axe.min.js").read_text()


def screens(camera: str, event: str) -> list[Screen]:
    """Every route for somebody who is logged in."""
    return [
        Screen("live", "/live", ".hc-tile[data-state=live]"),
        Screen("camera", f"/live/{camera}", ".hc-tile[data-state=live]"),
        Screen("playback", f"/playback?camera={camera}", "canvas:visible"),
        Screen("events", "/events", "main h1"),
        Screen("event", f"/events?event={event}", "main video"),
        Screen("cameras", "/cameras", "main h1"),
        Screen("new camera", "/cameras/new", "main form"),
        Screen("new film", "/cameras/new?way=film", ".hc-drop"),
        Screen("new site", "/cameras/new?way=site", "main form"),
        Screen("ai", f"/cameras/{camera}/ai", ".hc-scores-legend"),
        Screen("edit camera", f"/cameras/{camera}", "main form"),
        Screen("zones", f"/cameras/{camera}?tab=zones", "main svg"),
        Screen("rules", f"/cameras/{camera}?tab=rules", "main h1"),
        Screen("bookmarks", "/bookmarks", ".hc-mark"),
        Screen("exports", "/exports", ".hc-job[data-state=done]"),
        Screen("storage", "/storage", ".hc-tier"),
        Screen("policy", f"/storage?policy={camera}", ".hc-dry"),
        Screen("accounts", f"/live/{camera}?losses=1", ".hc-loss"),
        Screen("audit", "/audit", ".hc-audit"),
        Screen("users", "/users", "main h1"),
        Screen("settings", "/settings", "main h1"),
        Screen("recording", "/settings?tab=recording", "main h1"),
        Screen("models", "/settings?tab=models", "main h1"),
        Screen("about", "/settings?tab=about", "main h1"),
        Screen("nothing", "/nowhere", "h1, h2"),
    ]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_every_screen_is_accessible_in_both_schemes_at_both_sizes(tmp_path: Path) -> None:
    found = asyncio.run(_everything(tmp_path))
    assert found == [], "\n" + "\n".join(found)


async def _everything(folder: Path) -> list[str]:
    found: list[str] = []
    async with running(settings_for(folder / "new", vision=False), log_in=False) as house, chromium() as browser:
        token = await house.rooms.services.auth.setup.issue()
        entry = [Screen("set-up", f"/setup#token={token}", "form")]
        await _axe_finds_what_is_wrong(browser, house, entry[0])
        found += await _look(browser, house, entry, folder)
    async with staged(folder / "used", [ROOM]) as stage:
        camera = await add_camera(stage.house, stage.cameras, ROOM)
        event = await _event(stage)
        await _keep(stage, camera, event)
        found += await _look(stage.browser, stage.house, [Screen("log-in", "/login", "form")], folder)
        cookie = stage.house.http.cookies["haechi_session"]
        found += await _look(stage.browser, stage.house, screens(camera, event), folder, cookie)
    return found


async def _axe_finds_what_is_wrong(browser: Browser, house: House, screen: Screen) -> None:
    """A finding of nothing means something only where a fault would be found."""
    page = await browser.new_page()
    await _open(page, house.address, screen)
    await page.evaluate("document.querySelector('form').append(document.createElement('img'))")
    assert ["image-alt" in wrong for wrong in await _violations(page)] == [True]
    await page.context.close()


async def _event(stage: Stage) -> str:
    """The first event; its clip is there."""
    for _ in range(240):
        events = await stage.ask("/api/events")
        match events["events"]:
            case [{"id": str(name), "has_clip": True}, *_]:
                return name
            case _:
                await asyncio.sleep(0.5)
    raise AssertionError("nobody entered the forbidden zone within two minutes")


async def _keep(stage: Stage, camera: str, event: str) -> None:
    """A bookmark and an export, so that their pages have something to show."""
    clip = (await stage.ask(f"/api/events/{event}"))["clip"]
    assert isinstance(clip, dict)
    wish: dict[str, object] = {"camera": camera, "start_ms": clip["start_ms"], "end_ms": clip["end_ms"]}
    note = {**wish, "note": "Somebody came in", "keep": True}
    (await stage.house.http.post("/api/bookmarks", json=note)).raise_for_status()
    (await stage.house.http.post("/api/exports", json={**wish, "name": "Evidence"})).raise_for_status()


async def _look(browser: Browser, house: House, screens: Sequence[Screen], folder: Path, cookie: str = "") -> list[str]:
    """What is wrong with these screens; leaves a picture of each, in both schemes at both sizes."""
    context = await browser.new_context(color_scheme=SCHEMES[0], locale="en-GB", reduced_motion="reduce")
    if cookie:
        await context.add_cookies([{"name": "haechi_session", "value": cookie, "url": house.address}])
    page = await context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("console", lambda line: said.append(f"console: {line.text}") if line.type == "error" else None)
    found = []
    for screen in screens:
        await _open(page, house.address, screen)
        for size, (width, height) in {"desk": DESK, "phone": PHONE}.items():
            await page.set_viewport_size({"width": width, "height": height})
            found += [f"{screen.name}, {size}, {wrong}" for wrong in await _in_both_schemes(page, folder, screen, size)]
        await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        await page.wait_for_timeout(100)
        wide_px = await page.evaluate(TOO_WIDE)
        found += [f"{screen.name}: {wide_px} px too wide at {NARROW[0]} px"] if wide_px > 0 else []
        found += [f"{screen.name}: {line}" for line in said if not _is_expected(line, cookie)]
        said.clear()
    await context.close()
    return found


async def _in_both_schemes(page: Page, folder: Path, screen: Screen, size: str) -> list[str]:
    """All rules by night; by day those about colours: nothing else differs between the schemes."""
    found = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
        await page.wait_for_timeout(250)
        await page.screenshot(path=folder / f"{screen.name}-{scheme}-{size}.png")
        only = RULES if scheme == SCHEMES[0] else COLOUR_RULES
        found += [f"{scheme}: {wrong}" for wrong in await _violations(page, only)]
    return found


def _is_expected(line: str, cookie: str) -> bool:
    """Before the log-in the page asks who is logged in, and Chromium calls the answer an error."""
    return not cookie and "401" in line


async def _open(page: Page, address: str, screen: Screen) -> None:
    await page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    await page.goto("about:blank")
    await page.goto(address + screen.path)
    await expect(page.locator(screen.waits_for).first).to_be_visible(timeout=20_000)
    await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=20_000)
    await page.evaluate(axe())


async def _violations(page: Page, rules: Sequence[str] = RULES) -> list[str]:
    wrong = []
    for rule in await page.evaluate(RUN_AXE, list(rules)):
        places = "; ".join(str(node["target"][0]) for node in rule["nodes"][:3])
        wrong.append(f"{rule['impact']} {rule['id']} ({rule['help']}): {places}")
    return wrong
