"""What people do with the screens, done in a real browser against the real server."""

import asyncio
import re
import time
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.browser import chromium
from tests.e2e.stage import ROOM, Stage, add_camera, page_for, scenes, staged
from tests.server import PASSWORD, running, settings_for

HIDEABLE = """
let hidden = false;
Object.defineProperty(Document.prototype, "visibilityState", { get: () => hidden ? "hidden" : "visible" });
Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
window.hideTab = value => { hidden = value; document.dispatchEvent(new Event("visibilitychange")); };
"""
ALL_FRESH = """() => [...document.querySelectorAll(".hc-tile")].every(
  tile => Date.now() - Number(tile.dataset.capturedNs) / 1e6 < 1500)"""
FIRST_PAINT = """requestAnimationFrame(() => {
  window.firstPaint = getComputedStyle(document.documentElement).backgroundColor;
});"""


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_camera_is_tested_added_given_a_zone_and_a_rule_renamed_and_deleted(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM]) as stage:
            camera = await _add_by_wizard(stage)
            await _draw_zone(stage, camera)
            await _write_rule(stage, camera)
            await _rename(stage, camera)
            await _delete(stage)
            assert stage.problems == []

    asyncio.run(flow())


async def _add_by_wizard(stage: Stage) -> str:
    page = stage.page
    await stage.go("/cameras/new")
    await page.get_by_label("Address of the stream").fill(stage.cameras.url(f"/{ROOM}"))
    await page.get_by_role("button", name="Test connection").click()
    await expect(page.locator(".hc-probe-still img")).to_be_visible(timeout=15_000)
    hops = page.locator(".hc-probe li")
    assert await hops.count() >= 6
    for hop in await hops.all():
        await expect(hop).to_have_attribute("data-ok", "true")
        await expect(hop).to_contain_text(re.compile(r"\d+ ms"))
    assert await page.locator(".hc-probe-still img").evaluate("i => i.naturalWidth") > 100
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Name").fill("Back door")
    await page.get_by_role("button", name="Add this camera").click()
    await expect(page.locator(".hc-tile[data-state=live]")).to_be_visible(timeout=20_000)
    return page.url.rpartition("/")[2]


async def _drag(page: Page, handle: Locator, dx: float, dy: float) -> None:
    box = await handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + dx / 2, y + dy / 2)
    await page.mouse.move(x + dx, y + dy)
    await page.mouse.up()


async def _coordinates(page: Page) -> list[str]:
    return [await field.input_value() for field in await page.locator(".hc-points input").all()]


async def _draw_zone(stage: Stage, camera: str) -> None:
    page = stage.page
    await stage.go(f"/cameras/{camera}?tab=zones")
    await page.get_by_role("button", name="New zone").click()
    points = page.locator(".hc-zone-point")
    await expect(points).to_have_count(4)
    drawn = await _coordinates(page)
    await _drag(page, points.nth(0).locator(".hc-zone-hit"), -90, -60)
    dragged = await _coordinates(page)
    assert dragged != drawn
    assert dragged[2:] == drawn[2:]
    await points.nth(2).focus()
    for _ in range(3):
        await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("ArrowUp")
    nudged = await _coordinates(page)
    assert nudged[:4] + nudged[6:] == dragged[:4] + dragged[6:]
    assert nudged[4] != dragged[4]
    await _undo_and_redo(page, nudged, dragged)
    await points.nth(1).focus()
    await page.keyboard.press("Enter")
    await expect(points).to_have_count(5)
    await page.keyboard.press("Delete")
    await expect(points).to_have_count(4)
    assert await _coordinates(page) == nudged, "Delete takes away the point that Enter has just added"
    await _crossing_is_refused(page, points)
    await _save_zone(stage, camera)


async def _undo_and_redo(page: Page, after: list[str], before: list[str]) -> None:
    """Four steps led from ``before`` to ``after``."""
    for _ in range(4):
        await page.get_by_role("button", name="Undo").click()
    assert await _coordinates(page) == before
    for _ in range(4):
        await page.get_by_role("button", name="Redo").click()
    assert await _coordinates(page) == after


async def _save_zone(stage: Stage, camera: str) -> None:
    page = stage.page
    await page.get_by_label("Name of the zone").fill("Doormat")
    await page.get_by_role("button", name="Save drawing").click()
    await expect(page.get_by_text("Zones and lines saved.")).to_be_visible()
    shown = await _coordinates(page)
    zones = (await stage.house.http.get(f"/api/cameras/{camera}/zones")).json()["zones"]
    assert [(zone["name"], len(zone["points"])) for zone in zones] == [("Doormat", 4)]
    stored = [f"{round(axis * 1_000) / 10:g} %" for point in zones[0]["points"] for axis in point]
    assert stored == shown
    await page.reload()
    await expect(page.locator(".hc-zone-point")).to_have_count(4)
    assert await _coordinates(page) == shown


async def _crossing_is_refused(page: Page, points: Locator) -> None:
    before = await _coordinates(page)
    box = await page.locator(".hc-zone-canvas").bounding_box()
    assert box is not None
    await _drag(page, points.nth(0).locator(".hc-zone-hit"), box["width"] * 0.6, box["height"] * 0.1)
    await expect(page.get_by_text("The outline crosses itself")).to_be_visible()
    assert await page.locator(".hc-zone-cross").count() >= 2
    await expect(page.get_by_role("button", name="Save drawing")).to_be_disabled()
    await page.get_by_role("button", name="Undo").click()
    assert await _coordinates(page) == before


async def _write_rule(stage: Stage, camera: str) -> None:
    page = stage.page
    await page.get_by_role("tab", name="Rules").click()
    await page.get_by_role("button", name="Add rule").click()
    await page.get_by_label("Name").fill("Somebody at the door")
    await page.get_by_label("Zone", exact=True).select_option("Doormat")
    await page.get_by_label("At least").fill("4")
    await expect(page.locator(".hc-sentence")).to_have_text(
        "When a Person stays in Doormat for at least 4 s, raise an event (Alert), then wait 30 s."
    )
    await page.get_by_role("button", name="Save rules").click()
    await expect(page.get_by_text("Rules saved.")).to_be_visible()
    rules = (await stage.house.http.get(f"/api/cameras/{camera}/rules")).json()["rules"]
    assert [(rule["name"], rule["label"], rule["min_duration_s"]) for rule in rules] == [
        ("Somebody at the door", "person", 4)
    ]
    assert rules[0]["zone"] is not None


async def _rename(stage: Stage, camera: str) -> None:
    page = stage.page
    await page.get_by_role("tab", name="General").click()
    await page.get_by_label("Name", exact=False).first.fill("Rear entrance")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("heading", name="Rear entrance")).to_be_visible()
    assert (await stage.ask(f"/api/cameras/{camera}"))["name"] == "Rear entrance"


async def _delete(stage: Stage) -> None:
    page = stage.page
    await page.get_by_role("button", name="Delete camera").click()
    dialog = page.get_by_role("dialog")
    sure = dialog.get_by_role("button", name="Delete camera")
    await expect(sure).to_be_disabled()
    await dialog.get_by_role("textbox").fill("Rear entrance")
    await sure.click()
    await expect(page.get_by_text("No cameras yet")).to_be_visible(timeout=10_000)
    assert (await stage.ask("/api/cameras"))["cameras"] == []


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_people_sign_in_and_out_see_what_they_may_and_have_it_their_way(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM, "entrance"], vision=False) as stage:
            room = await add_camera(stage.house, stage.cameras, ROOM)
            entrance = await add_camera(stage.house, stage.cameras, "entrance")
            await _add_viewer(stage)
            await _viewer_sees_one_camera(stage, entrance, room)
            await _everything_by_keyboard(stage, room)
            await _languages(stage)
            await _theme(stage)
            await _hidden_tab(stage)
            assert stage.problems == []

    asyncio.run(flow())


async def _add_viewer(stage: Stage) -> None:
    page = stage.page
    await stage.go("/users")
    await page.get_by_role("button", name="Add viewer").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("ann")
    await dialog.locator("input[type=password]").fill(PASSWORD)
    await dialog.get_by_label("Stock room").uncheck()
    await dialog.get_by_role("button", name="Add viewer").click()
    await expect(page.get_by_role("row", name="ann")).to_contain_text("Shop entrance")


async def _log_in(page: Page, name: str) -> None:
    await page.locator("input[name=username]").fill(name)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


async def _viewer_sees_one_camera(stage: Stage, granted: str, other: str) -> None:
    context = await stage.browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{stage.house.address}/live/{granted}")
    await expect(page).to_have_url(re.compile("/login"))
    await _log_in(page, "ann")
    await expect(page).to_have_url(re.compile(f"/live/{granted}"))
    await page.goto(f"{stage.house.address}/live")
    await expect(page.locator(".hc-tile")).to_have_count(1)
    await expect(page.get_by_role("link", name="Users")).to_have_count(0)
    for path in (f"/live/{other}", f"/cameras/{other}", f"/playback?camera={other}", f"/events?camera={other}"):
        await page.goto(stage.house.address + path)
        await expect(page.locator("h1")).to_be_visible()
        await expect(page.get_by_text("Stock room")).to_have_count(0)
    await page.goto(f"{stage.house.address}/live/{other}")
    await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert (await page.request.get(f"{stage.house.address}/api/cameras/{other}")).status == 404
    await page.get_by_role("button", name="ann").click()
    await page.get_by_role("menuitem", name="Log out").click()
    await expect(page).to_have_url(re.compile("/login"))
    assert (await page.request.get(f"{stage.house.address}/api/session")).status == 401
    await _log_in(page, "ann")
    await expect(page.locator(".hc-tile")).to_have_count(1)
    await context.close()


async def _everything_by_keyboard(stage: Stage, room: str) -> None:
    page = stage.page
    await stage.go("/live")
    await expect(page.locator(".hc-tile")).to_have_count(2)
    for keys, place in {"e": "events", "p": "playback", "c": "cameras", "s": "settings", "l": "live"}.items():
        await page.keyboard.press("g")
        await page.keyboard.press(keys)
        await expect(page).to_have_url(re.compile(f"/{place}"))
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.get_by_placeholder("Camera, event, place or action").fill("stock")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/live/{room}"))
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def _languages(stage: Stage) -> None:
    page = stage.page
    await stage.go("/settings")
    await page.evaluate("window.sameDocument = true")
    for language, heading in {"ko": "설정", "ja": "設定", "en": "Settings"}.items():
        await page.locator("select").select_option(language)
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert await page.evaluate("document.documentElement.lang") == language
    assert await page.evaluate("window.sameDocument") is True


async def _theme(stage: Stage) -> None:
    page = await page_for(stage.browser, stage.house, color_scheme="light")
    await page.add_init_script(FIRST_PAINT)
    await page.goto(f"{stage.house.address}/settings")
    await page.get_by_role("button", name="admin").click()
    await page.get_by_role("menuitem", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    await page.reload()
    await page.wait_for_function("() => window.firstPaint !== undefined")
    assert await page.evaluate("window.firstPaint") == "rgb(13, 20, 29)"
    await page.context.close()


async def _hidden_tab(stage: Stage) -> None:
    """A hidden tab drops its streams; shown again it is live, not behind, within three seconds."""
    page = await page_for(stage.browser, stage.house)
    await page.add_init_script(HIDEABLE)
    async with page.expect_websocket(lambda socket: socket.url.endswith("/api/live")) as opening:
        await page.goto(f"{stage.house.address}/live")
    socket = await opening.value
    live = page.locator(".hc-tile[data-state=live]")
    await expect(live).to_have_count(2, timeout=20_000)
    async with socket.expect_event("close", timeout=10_000):
        await page.evaluate("hideTab(true)")
    began_s = time.monotonic()
    await page.evaluate("hideTab(false)")
    await page.wait_for_function(ALL_FRESH, timeout=5_000)
    await expect(live).to_have_count(2)
    assert time.monotonic() - began_s < 3
    await page.context.close()


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_server_that_goes_away_is_told_of_and_everything_is_live_again_when_it_is_back(tmp_path: Path) -> None:
    asyncio.run(_lost_and_back(tmp_path))


async def _lost_and_back(folder: Path) -> None:
    settings = settings_for(folder, vision=False)
    async with scenes([ROOM]) as cameras, chromium() as browser:
        async with running(settings) as house:
            await add_camera(house, cameras, ROOM)
            page = await page_for(browser, house)
            await page.goto(f"{house.address}/live")
            await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(1, timeout=20_000)
        banner = page.locator(".hc-banner")
        await expect(banner).to_be_visible(timeout=15_000)
        await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(0, timeout=10_000)
        await expect(banner).to_contain_text(re.compile(r"\d"))
        port = httpx2.URL(house.address).port
        again = settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})
        async with running(again) as back:
            assert back.address == house.address
            await expect(banner).to_have_count(0, timeout=20_000)
            await expect(page.locator(".hc-tile[data-state=live]")).to_have_count(1, timeout=20_000)
