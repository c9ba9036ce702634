"""What people do with the events, done in a real browser against the real server."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from haechi.camera.virtual.server import VirtualCamera
from tests.e2e.stage import ROOM, Stage, add_camera, staged
from tests.server import House


@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_events_are_filtered_reviewed_by_keyboard_proved_and_taken_away(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM, "entrance"]) as stage:
            await _events_of(stage.house, stage.cameras)
            await _filter(stage)
            await _review(stage)
            await _prove(stage)
            await _take_away(stage)
            assert stage.problems == []

    asyncio.run(flow())


async def _events_of(house: House, cameras: VirtualCamera) -> None:
    """Add both cameras; wait until each has an event and the stock room's is over."""
    await add_camera(house, cameras, ROOM)
    await add_camera(house, cameras, "entrance")
    events: list[dict[str, object]] = []
    for _ in range(150):
        events = (await house.http.get("/api/events")).json()["events"]
        ended = {event["camera"] for event in events if event["has_clip"] and event["end_ms"] is not None}
        if len(ended) >= 1 and len({event["camera"] for event in events}) == 2:
            return
        await asyncio.sleep(0.5)
    pytest.fail(f"no events in 75 s: {events}")


async def _filter(stage: Stage) -> None:
    page, rows = stage.page, stage.page.locator(".hc-event-row")
    await stage.go("/events")
    await expect(rows.first).to_be_visible()
    assert await rows.count() >= 2
    await page.get_by_role("combobox", name="Camera").click()
    await page.get_by_role("option", name="Stock room").click()
    await expect(page).to_have_url(re.compile(r"camera=cam_"))
    await expect(rows.filter(has_text="Shop entrance")).to_have_count(0)
    await expect(rows.first).to_contain_text("Stock room")
    await page.reload()
    await expect(rows.first).to_contain_text("Stock room")
    await page.get_by_role("combobox", name="Object").click()
    await page.get_by_role("option", name="Truck").click()
    await expect(page.get_by_text("No event fits these filters")).to_be_visible()
    await page.get_by_role("button", name="Clear the filters").click()
    await expect(rows.filter(has_text="Shop entrance").first).to_be_visible()


async def _review(stage: Stage) -> None:
    page, rows = stage.page, stage.page.locator(".hc-event-row")
    await page.keyboard.press("j")
    await expect(rows.nth(0)).to_have_attribute("data-open", "true")
    await page.keyboard.press("j")
    await expect(rows.nth(1)).to_have_attribute("data-open", "true")
    await page.keyboard.press("k")
    await expect(rows.nth(0)).to_have_attribute("data-open", "true")
    first = await rows.nth(0).get_attribute("data-event")
    await page.keyboard.press("e")
    marked = page.locator(f".hc-event-row[data-event={first}]")
    await expect(marked).not_to_have_attribute("data-unread", "true")
    await expect(page.get_by_text("1 event marked reviewed.")).to_be_visible()
    assert (await stage.ask(f"/api/events/{first}"))["reviewed"] is True
    await page.get_by_role("button", name="Undo").click()
    await expect(marked).to_have_attribute("data-unread", "true")
    await page.wait_for_timeout(300)
    assert (await stage.ask(f"/api/events/{first}"))["reviewed"] is False
    await page.keyboard.press("x")
    await expect(page.get_by_text("1 selected")).to_be_visible()
    await page.get_by_role("toolbar").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("1 selected")).to_have_count(0)


async def _ended(stage: Stage) -> str:
    events = (await stage.house.http.get("/api/events")).json()["events"]
    return str(next(one["id"] for one in events if one["has_clip"] and one["end_ms"] is not None))


async def _prove(stage: Stage) -> None:
    page = stage.page
    await stage.go(f"/events?event={await _ended(stage)}")
    await page.get_by_role("button", name="Replay decision").click()
    await expect(page.locator(".hc-replay-progress")).to_be_visible()
    await expect(page.locator(".hc-replay-result")).to_be_visible(timeout=60_000)
    await expect(page.locator(".hc-replay-result")).to_have_attribute("data-identical", "true")
    await expect(page.locator(".hc-replay-result")).to_contain_text(re.compile(r"\d+ frames give the same"))


async def _take_away(stage: Stage) -> None:
    page = stage.page
    link = page.get_by_role("link", name="Download")
    async with page.expect_download() as waiting:
        await link.click()
    download = await waiting.value
    assert re.fullmatch(r"[\w().+-]+\.mp4", download.suggested_filename), download.suggested_filename
    assert await download.failure() is None
    answer = await page.request.get(stage.house.address + str(await link.get_attribute("href")))
    assert answer.headers["content-type"] == "video/mp4"
    assert (await answer.body())[4:8] == b"ftyp"
