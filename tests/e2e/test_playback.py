"""The recording in a real browser: what is on screen is the picture of the time that was asked for."""

import asyncio
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.async_api import expect

from haechi.base.clock import NS_PER_MS
from haechi.camera.virtual.timecode import read_timecode
from tests.e2e.browser import timecode_of
from tests.e2e.films import FRAME_MS, MOVES, at_rest, picture_at, playhead, slider
from tests.e2e.stage import ROOM, Stage, add_camera, staged


@pytest.mark.e2e
@pytest.mark.timeout(200)
def test_a_recording_is_sought_stepped_skipped_marked_and_left_for_live(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            await _gap(stage, camera)
            await _click_seeks(stage, camera)
            await _keys(stage)
            await _shuttle(stage)
            await _zoom(stage)
            await _previews(stage, camera)
            await _gap_is_named_and_skipped(stage, camera)
            await _marks(stage, camera)
            await _jump(stage)
            await _live_again(stage)
            assert stage.problems == []

    asyncio.run(flow())


async def _spans(stage: Stage, camera: str) -> list[tuple[int, int]]:
    now_ms = stage.house.rooms.services.clock.wall_ns() // NS_PER_MS
    line = await stage.house.http.get(
        f"/api/cameras/{camera}/timeline", params={"start_ms": now_ms - 600_000, "end_ms": now_ms}
    )
    return [(span["start_ms"], span["end_ms"]) for span in line.json()["spans"]]


async def _gap(stage: Stage, camera: str) -> None:
    """Twelve seconds of recording, four seconds switched off, and some more recording."""
    spans: list[tuple[int, int]] = []
    for _ in range(60):
        spans = await _spans(stage, camera)
        if spans and spans[0][1] - spans[0][0] > 12_000:
            break
        await asyncio.sleep(0.5)
    await stage.house.http.patch(f"/api/cameras/{camera}", json={"enabled": False})
    await asyncio.sleep(4)
    await stage.house.http.patch(f"/api/cameras/{camera}", json={"enabled": True})
    for _ in range(60):
        spans = await _spans(stage, camera)
        if len(spans) == 2 and spans[1][1] - spans[1][0] > 4_000:
            return
        await asyncio.sleep(0.5)
    pytest.fail(f"no gap in the recording: {spans}")


async def _shown(stage: Stage) -> int:
    """Number of the picture on screen, once it stands."""
    return (await at_rest(stage.page))[0]


async def _open(stage: Stage, camera: str, ms: int, span: int = 20_000) -> None:
    await stage.go(f"/playback?camera={camera}&t={ms}&span={span}")
    await expect(slider(stage.page)).to_have_attribute("data-playhead", str(ms), timeout=15_000)


async def _click_seeks(stage: Stage, camera: str) -> None:
    """The picture after a click on the timeline is the one of that time."""
    page = stage.page
    first_ms, end_ms = (await _spans(stage, camera))[0]
    centre_ms = (first_ms + end_ms) // 2
    await _open(stage, camera, centre_ms)
    assert await _shown(stage) == await picture_at(stage, camera, centre_ms)
    box = await slider(page).bounding_box()
    assert box is not None
    for part in (0.3, 0.45, 0.62, 0.38):
        await page.mouse.click(box["x"] + box["width"] * part, box["y"] + 60)
        shown = await _shown(stage)
        asked_ms = await playhead(page)
        assert abs(asked_ms - (centre_ms + (part - 0.5) * 20_000)) < 3 * 20_000 / box["width"]
        assert shown == await picture_at(stage, camera, asked_ms), part
        await expect(page).to_have_url(re.compile(rf"[?&]t={asked_ms}\b"))


async def _keys(stage: Stage) -> None:
    page = stage.page
    await slider(page).focus()
    before = await _shown(stage)
    for key, change in ((".", 1), (".", 2), (".", 3), (",", 2), (",", 1)):
        at_ms = await playhead(page)
        await page.keyboard.press(key)
        await expect(slider(page)).not_to_have_attribute("data-playhead", str(at_ms))
        assert await _shown(stage) == before + change
    await expect(slider(page)).to_have_attribute(
        "aria-valuetext", re.compile(r"\d\d:\d\d:\d\d, Stock room.*, recording")
    )
    at_ms = await playhead(page)
    await page.keyboard.press("ArrowLeft")
    await expect(slider(page)).to_have_attribute("data-playhead", str(at_ms - 10_000))
    await page.keyboard.press("ArrowRight")
    await expect(slider(page)).to_have_attribute("data-playhead", str(at_ms))


async def _shuttle(stage: Stage) -> None:
    """``j``, ``k`` and ``l``, and the space bar."""
    page = stage.page
    await page.keyboard.press("l")
    await page.wait_for_function(MOVES, timeout=10_000)
    await page.keyboard.press("l")
    await expect(page.get_by_label("Speed")).to_have_value("2")
    await page.keyboard.press("k")
    await _shown(stage)
    await page.keyboard.press("j")
    await expect(page.get_by_label("Speed")).to_have_value("-1")
    turned_ms = await playhead(page)
    await page.wait_for_function(
        "was => Number(document.querySelector('[role=slider]').dataset.playhead) < was - 300", arg=turned_ms
    )
    await page.keyboard.press("k")
    await expect(page.get_by_label("Speed")).to_have_value("1")
    await page.keyboard.press(" ")
    await page.wait_for_function(MOVES, timeout=10_000)
    await page.keyboard.press(" ")
    await _shown(stage)


async def _span(stage: Stage) -> int:
    return int(await slider(stage.page).get_attribute("data-span") or "0")


async def _zoom(stage: Stage) -> None:
    """From ten seconds to 31 days and back, by keys and by the wheel; the playhead stays where it is."""
    page = stage.page
    at_ms = await playhead(page)
    for _ in range(20):
        await page.keyboard.press("-")
    assert await _span(stage) == 31 * 86_400_000
    box = await slider(page).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    for _ in range(10):
        await page.mouse.wheel(0, -1_000)
    assert await _span(stage) < 86_400_000
    for _ in range(20):
        await page.keyboard.press("+")
    assert await _span(stage) == 10_000
    await page.keyboard.press("-")
    assert await _span(stage) == 20_000
    assert await playhead(page) == at_ms
    await expect(page).to_have_url(re.compile(r"[?&]span=20000\b"))


async def _previews(stage: Stage, camera: str) -> None:
    """Under the pointer is the picture of that time; with the keyboard the one of the playhead."""
    page = stage.page
    first_ms, end_ms = (await _spans(stage, camera))[0]
    await _open(stage, camera, (first_ms + end_ms) // 2)
    await _shown(stage)
    box = await slider(page).bounding_box()
    assert box is not None
    left_ms = (first_ms + end_ms) // 2 - 10_000
    card = page.locator(".hc-hover")
    for part in (0.4, 0.55):
        await page.mouse.move(box["x"] + box["width"] * part, box["y"] + 60)
        pointed_ms = left_ms + part * 20_000
        await expect(card.locator("img")).to_be_visible(timeout=10_000)
        await page.wait_for_function(
            "([ms]) => Math.abs(Number(document.querySelector('.hc-hover').dataset.src) - ms) < 1500",
            arg=[pointed_ms],
            timeout=10_000,
        )
        at_ms = int(await card.get_attribute("data-src") or "0")
        code = await _code_of(stage, await card.locator("img").get_attribute("src") or "")
        assert abs(code - await picture_at(stage, camera, at_ms)) <= 2_000 / FRAME_MS
    await page.mouse.move(box["x"], box["y"] - 300)
    await expect(card).to_have_count(0)
    await page.get_by_role("button", name="Export").focus()
    await page.keyboard.press("Tab")
    await expect(slider(page)).to_be_focused()
    await expect(card.locator("img")).to_be_visible(timeout=10_000)


async def _code_of(stage: Stage, address: str) -> int:
    """The number in a preview: asked for anew in a size in which it can be read."""
    answer = await stage.house.http.get(re.sub(r"width=\d+", "width=640", address))
    pixels = cv2.imdecode(np.frombuffer(answer.raise_for_status().content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return read_timecode(pixels.astype(np.uint8)).frame


async def _gap_is_named_and_skipped(stage: Stage, camera: str) -> None:
    page = stage.page
    (_, gap_ms), (back_ms, _) = await _spans(stage, camera)
    await _open(stage, camera, (gap_ms + back_ms) // 2, 60_000)
    veil = page.locator(".hc-veil[data-kind=gap]")
    await expect(veil).to_contain_text(re.compile(r"No recording \d\d:\d\d–\d\d:\d\d \(camera switched off\)"))
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("no recording: camera switched off"))
    listed = page.get_by_role("complementary", name="In view").get_by_role("button", name="camera switched off")
    await expect(listed).to_be_visible()
    await page.get_by_role("button", name="Skip to").first.click()
    await expect(veil).to_have_count(0)
    assert await _shown(stage) == await picture_at(stage, camera, await playhead(page))
    assert await playhead(page) >= back_ms - FRAME_MS
    # Playing into the gap shows the card for a moment and goes on behind it by itself.
    await _open(stage, camera, gap_ms - 700, 60_000)
    await _shown(stage)
    await page.keyboard.press(" ")
    await expect(veil).to_be_visible(timeout=10_000)
    await page.wait_for_function(
        "back => Number(document.querySelector('[role=slider]').dataset.playhead) >= back", arg=back_ms - FRAME_MS
    )
    await page.keyboard.press("k")


async def _marks(stage: Stage, camera: str) -> None:
    """``i`` and ``o`` mark a stretch, which is in the address, is what export and bookmark begin with."""
    page = stage.page
    first_ms, _ = (await _spans(stage, camera))[0]
    for ms, key in ((first_ms + 3_000, "i"), (first_ms + 7_000, "o")):
        query = page.url.partition("?")[2]
        kept = "&".join(part for part in query.split("&") if part.startswith(("from=", "to=")))
        await page.goto("about:blank")
        await stage.go(f"/playback?camera={camera}&t={ms}&span=20000&{kept}")
        await _shown(stage)
        await page.keyboard.press(key)
        await expect(page).to_have_url(re.compile(rf"[?&]{'from' if key == 'i' else 'to'}={ms}\b"))
    await expect(page.get_by_role("button", name="Export 0:04")).to_be_visible()
    for key in ("e", "b"):
        await page.keyboard.press(key)
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


async def _jump(stage: Stage) -> None:
    """Words are understood; a time without footage says so."""
    page = stage.page
    await page.get_by_role("button", name="Jump to").click()
    await page.get_by_role("textbox", name="Jump to").fill("yesterday 3pm")
    await page.keyboard.press("Enter")
    await expect(page.locator(".hc-veil[data-kind=gap]")).to_contain_text("Nothing recorded here", timeout=10_000)
    await expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r" 15:00:00, Stock room"))


async def _live_again(stage: Stage) -> None:
    await stage.page.get_by_role("button", name="LIVE").click()
    await expect(stage.page.locator(".hc-tile[data-state=live]")).to_be_visible(timeout=10_000)
    assert not re.search(r"[?&]t=", stage.page.url)


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_the_boxes_of_a_clip_lie_on_the_very_pictures_they_were_computed_from(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM]) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            event = await _ended_event(stage)
            await _boxes_are_exact(stage, camera, event)
            await _its_picture_is_as_wide_as_is_asked(stage, event)
            assert stage.problems == []

    asyncio.run(flow())


async def _ended_event(stage: Stage) -> str:
    """The first event, once all of its clip is recorded: the page gets the clip as it is when it begins to look."""
    for _ in range(240):
        events = (await stage.house.http.get("/api/events")).json()["events"]
        if events and events[-1]["has_clip"] and events[-1]["end_ms"] is not None:
            event = events[-1]
            clip = (await stage.house.http.get(f"/api/events/{event['id']}")).json()["clip"]
            if (await _spans(stage, event["camera"]))[-1][1] > clip["end_ms"] + 500:
                return str(event["id"])
        await asyncio.sleep(0.5)
    pytest.fail("nothing happened in two minutes")


async def _its_picture_is_as_wide_as_is_asked(stage: Stage, event: str) -> None:
    address = f"/api/events/{event}/snapshot.jpg"
    for width in (240, 640):
        answer = await stage.house.http.get(f"{address}?width={width}")
        pixels = cv2.imdecode(np.frombuffer(answer.raise_for_status().content, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert pixels.shape[:2] == (width * 9 // 16, width)
    for width in (5, 9_999):
        assert (await stage.house.http.get(f"{address}?width={width}")).status_code == 422


async def _boxes_are_exact(stage: Stage, camera: str, event: str) -> None:
    page = stage.page
    await stage.go(f"/events?event={event}")
    video = page.locator(".hc-clip video")
    await expect(video).to_be_visible(timeout=15_000)
    await page.wait_for_function("() => document.querySelector('.hc-clip video')?.currentTime > 0.3", timeout=15_000)
    await page.keyboard.press(" ")
    detail = (await stage.house.http.get(f"/api/events/{event}")).json()
    looks = [look for look in detail["detections"] if any(box["score"] >= 0.5 for box in look["boxes"])]
    assert len(looks) >= 3
    handle = await video.element_handle()
    assert handle is not None
    for look in (looks[0], looks[len(looks) // 2], looks[-1]):
        await video.evaluate("(v, s) => { v.currentTime = s; }", look["clip_s"] + 0.01)
        overlay = page.locator(".hc-clip .hc-overlay")
        await expect(overlay).to_have_attribute("data-captured-ns", look["captured_ns"])
        await expect(overlay).to_have_attribute("data-exact", "true")
        await page.wait_for_timeout(150)
        code, _ = await timecode_of(handle)
        assert code.frame == await picture_at(stage, camera, int(look["captured_ns"]) / NS_PER_MS + 0.5)
