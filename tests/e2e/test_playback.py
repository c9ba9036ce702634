"""The recording in a real browser: what is on screen is the picture of the time that was asked for."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.async_api import Locator, expect

from haechi.base.clock import NS_PER_MS
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.timecode import read_timecode
from haechi.media.access_unit import VideoParams
from haechi.vision.decode import GopDecoder
from tests.e2e.browser import timecode_of
from tests.e2e.stage import ROOM, Stage, add_camera, staged

FRAME_MS = 1_000 / 15
AT_REST = """() => { const v = document.querySelector(".hc-playback-stage > video");
  return v && v.readyState >= 2 && !v.seeking && v.paused; }"""
MOVES = """() => { const v = document.querySelector(".hc-playback-stage > video");
  return v && !v.paused && v.currentTime > 0 && v.readyState >= 3; }"""


@dataclass
class Recorded:
    """Ties picture numbers, which are burned in, to the times of capture that the recorder stored."""

    stage: Stage
    camera: str

    async def picture_at(self, ms: float) -> int:
        """Number of the picture that was the newest at this time, read from the recorded bytes."""
        playback = self.stage.house.rooms.services.playback
        held = await playback.unit_at(stream_of(CameraId(self.camera)), round(ms * NS_PER_MS))
        assert isinstance(held.params, VideoParams)
        decoder = GopDecoder(held.params)
        frames = [one for number, unit in enumerate(held.units) for one in decoder.feed(number, unit.pts, unit.data)]
        frames += decoder.drain()
        last = next(one for one in frames if one.index == len(held.units) - 1)
        return read_timecode(last.frame.grey(1280)).frame


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_a_recording_is_sought_stepped_skipped_exported_and_left_for_live(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM], vision=False) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            await _gap(stage, camera)
            recorded = Recorded(stage, camera)
            await _click_seeks(recorded)
            await _keys(recorded)
            await _shuttle(stage)
            await _gap_is_named_and_skipped(stage, camera)
            await _export(recorded)
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


def _slider(stage: Stage) -> Locator:
    return stage.page.get_by_role("slider", name="Time")


async def _playhead(stage: Stage) -> int:
    return int(await _slider(stage).get_attribute("data-playhead") or "0")


async def _shown(stage: Stage) -> int:
    """Number of the picture on screen, once it stands."""
    await stage.page.wait_for_function(AT_REST, timeout=10_000)
    await stage.page.wait_for_timeout(250)
    video = await stage.page.locator(".hc-playback-stage > video").element_handle()
    assert video is not None
    code, _ = await timecode_of(video)
    return code.frame


async def _click_seeks(recorded: Recorded) -> None:
    """The picture after a click on the timeline is the one of that time, or its neighbour."""
    stage, page = recorded.stage, recorded.stage.page
    first_ms, end_ms = (await _spans(stage, recorded.camera))[0]
    centre_ms = (first_ms + end_ms) // 2
    await stage.go(f"/playback?camera={recorded.camera}&t={centre_ms}&span=20000")
    await page.wait_for_function(MOVES, timeout=15_000)
    await page.keyboard.press("k")
    box = await _slider(stage).bounding_box()
    assert box is not None
    for part in (0.3, 0.45, 0.62, 0.38):
        await page.mouse.click(box["x"] + box["width"] * part, box["y"] + 70)
        asked_ms = int(re.search(r"[?&]t=(\d+)", await _settled(stage)).group(1))  # type: ignore[union-attr]
        assert abs(asked_ms - (centre_ms + (part - 0.5) * 20_000)) < 3 * 20_000 / box["width"]
        assert abs(await _shown(stage) - await recorded.picture_at(asked_ms)) <= 1, part


async def _settled(stage: Stage) -> str:
    """The address, once a seek has reached it."""
    for _ in range(50):
        found = re.search(r"[?&]t=(\d+)", stage.page.url)
        if found and abs(int(found.group(1)) - await _playhead(stage)) <= 2 * FRAME_MS:
            break
        await stage.page.wait_for_timeout(50)
    return stage.page.url


async def _keys(recorded: Recorded) -> None:
    stage, page = recorded.stage, recorded.stage.page
    await _slider(stage).focus()
    before = await _shown(stage)
    for _ in range(3):
        await page.keyboard.press(".")
        await page.wait_for_timeout(200)
    assert await _shown(stage) == before + 3
    for _ in range(2):
        await page.keyboard.press(",")
        await page.wait_for_timeout(200)
    assert await _shown(stage) == before + 1
    at_ms = await _playhead(stage)
    span = int(await _slider(stage).get_attribute("data-span") or "0")
    await page.keyboard.press("+")
    await expect(_slider(stage)).to_have_attribute("data-span", str(span // 2))
    await page.keyboard.press("-")
    await expect(_slider(stage)).to_have_attribute("data-span", str(span))
    assert abs(await _playhead(stage) - at_ms) < 2
    await expect(_slider(stage)).to_have_attribute(
        "aria-valuetext", re.compile(r"\d\d:\d\d:\d\d, Stock room.*recording")
    )
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_timeout(600)
    assert await _playhead(stage) < at_ms


async def _shuttle(stage: Stage) -> None:
    """``j``, ``k`` and ``l``, and the space bar."""
    page = stage.page
    await page.keyboard.press("l")
    await page.wait_for_function(MOVES, timeout=10_000)
    await page.keyboard.press("l")
    await expect(page.get_by_label("Speed")).to_have_value("2")
    await page.keyboard.press("k")
    await page.wait_for_function(AT_REST, timeout=5_000)
    await page.keyboard.press(" ")
    await page.wait_for_function(MOVES, timeout=5_000)
    await page.wait_for_timeout(2_500)
    await page.keyboard.press("j")
    await page.wait_for_timeout(500)
    turned_ms = await _playhead(stage)
    await page.wait_for_timeout(1_000)
    assert await _playhead(stage) < turned_ms
    await page.keyboard.press("k")


async def _gap_is_named_and_skipped(stage: Stage, camera: str) -> None:
    page = stage.page
    (_, gap_ms), (back_ms, _) = await _spans(stage, camera)
    await stage.go(f"/playback?camera={camera}&t={(gap_ms + back_ms) // 2}&span=60000")
    veil = page.locator(".hc-veil[data-kind=gap]")
    await expect(veil).to_contain_text("camera switched off", timeout=10_000)
    await expect(_slider(stage)).to_have_attribute("aria-valuetext", re.compile("no recording: camera switched off"))
    await page.get_by_role("button", name="Skip to").click()
    await expect(veil).to_have_count(0)
    await page.wait_for_function(MOVES, timeout=10_000)
    assert await _playhead(stage) >= back_ms - FRAME_MS


async def _export(recorded: Recorded) -> None:
    """What is between the marks is in the file, frame by frame."""
    stage, page = recorded.stage, recorded.stage.page
    first_ms, _ = (await _spans(stage, recorded.camera))[0]
    marks = (first_ms + 3_000, first_ms + 7_000)
    await stage.go(f"/playback?camera={recorded.camera}&t={marks[0]}&span=20000")
    await page.wait_for_function(MOVES, timeout=15_000)
    await page.keyboard.press("k")
    await _seek(stage, marks[0], "i")
    await _seek(stage, marks[1], "o")
    await page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    link = dialog.get_by_role("link", name="Download")
    asked = dict(re.findall(r"(start_ms|end_ms)=(\d+)", await link.get_attribute("href") or ""))
    async with page.expect_download() as waiting:
        await link.click()
    download = await waiting.value
    assert download.suggested_filename.endswith(".mp4")
    with av.open(str(await download.path())) as film:
        pictures = [read_timecode(frame.to_ndarray(format="gray").astype(np.uint8)) for frame in film.decode(video=0)]
    expected = (int(asked["end_ms"]) - int(asked["start_ms"])) / FRAME_MS
    assert abs(len(pictures) - expected) <= 1
    numbers = [code.frame for code in pictures]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert abs(numbers[0] - await recorded.picture_at(int(asked["start_ms"]))) <= 1


async def _seek(stage: Stage, ms: int, mark: str) -> None:
    box = await _slider(stage).bounding_box()
    start_s = int(await _slider(stage).get_attribute("aria-valuemin") or "0")
    span = int(await _slider(stage).get_attribute("data-span") or "1")
    assert box is not None
    x = box["x"] + box["width"] * (ms - start_s * 1_000) / span
    await stage.page.mouse.click(x, box["y"] + 70)
    await _settled(stage)
    await stage.page.wait_for_function(AT_REST, timeout=10_000)
    await stage.page.keyboard.press(mark)


async def _live_again(stage: Stage) -> None:
    await stage.page.get_by_role("button", name="LIVE").click()
    await expect(stage.page.locator(".hc-tile[data-state=live]")).to_be_visible(timeout=10_000)
    assert "t=" not in stage.page.url.partition("?")[2].replace("layout=", "")


@pytest.mark.e2e
@pytest.mark.timeout(150)
def test_the_boxes_of_a_clip_lie_on_the_very_pictures_they_were_computed_from(tmp_path: Path) -> None:
    async def flow() -> None:
        async with staged(tmp_path, [ROOM]) as stage:
            camera = await add_camera(stage.house, stage.cameras, ROOM)
            event = await _ended_event(stage)
            await _boxes_are_exact(Recorded(stage, camera), event)
            assert stage.problems == []

    asyncio.run(flow())


async def _ended_event(stage: Stage) -> str:
    for _ in range(160):
        events = (await stage.house.http.get("/api/events")).json()["events"]
        if events and events[-1]["has_clip"] and events[-1]["end_ms"] is not None:
            clip = f"/api/events/{events[-1]['id']}/clip.mp4"
            # Seeking needs ranges, and those there are when the last of the clip is recorded.
            if (await stage.house.http.get(clip, headers={"Range": "bytes=0-99"})).status_code == 206:
                return str(events[-1]["id"])
        await asyncio.sleep(0.5)
    pytest.fail("nothing happened in 80 s")


async def _boxes_are_exact(recorded: Recorded, event: str) -> None:
    stage, page = recorded.stage, recorded.stage.page
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
        assert code.frame == await recorded.picture_at(int(look["captured_ns"]) / NS_PER_MS + 0.5)
