"""What is on screen while recordings play, picture by picture, and what ought to be there."""

import asyncio
import base64
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Locator, Page

from haechi.base.clock import NS_PER_MS
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, stream_of
from haechi.camera.virtual.scene import scene
from haechi.camera.virtual.timecode import read_timecode
from haechi.media.access_unit import VideoParams
from haechi.vision.decode import GopDecoder
from tests.e2e.stage import Stage

FRAME_MS = 1_000 / 15
_GRAB = """() => [...document.querySelectorAll(".hc-lane")].map(lane => {
  const video = lane.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = video.videoWidth || 2; canvas.height = video.videoHeight || 2;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}).map(canvas => canvas.toDataURL("image/jpeg", 0.9).split(",")[1])"""
_BOXES = """() => [...document.querySelectorAll(".hc-lane video")].map(video => {
  const box = video.getBoundingClientRect();
  const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
  const width = video.videoWidth * scale, height = video.videoHeight * scale;
  return [box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height];
})"""
AT_REST = """count => {
  if (document.querySelector(".hc-playback")?.dataset.rests === undefined) return false;
  const lanes = [...document.querySelectorAll(".hc-lane")];
  return lanes.length === count && lanes.every(lane => {
    const video = lane.querySelector("video");
    return lane.dataset.state === "shown" && video.readyState >= 2 && !video.seeking && video.paused;
  });
}"""
PAST = "ms => Number(document.querySelector('.hc-lane video').dataset.clockMs) > ms"
MOVES = """() => {
  const page = document.querySelector(".hc-playback"), video = document.querySelector(".hc-lane video");
  return page?.dataset.playing && !page.dataset.waiting && video && !video.paused && video.readyState >= 3;
}"""


@dataclass
class Film:
    """A camera's recording: its pictures' times, and the number that is burned into the first.

    Attributes:
        times_ms: When each picture was captured, in order and without holes in their numbers.
    """

    camera: str
    scene: str
    first: int
    times_ms: list[float]

    def number_at(self, ms: float) -> int:
        """The number burned into the picture that was the newest at a moment."""
        place = bisect_right(self.times_ms, ms + 0.002) - 1
        return (self.first + place) % scene(self.scene).frames

    def time_of(self, number: int, near_ms: float) -> float:
        """When the picture with this number was captured; numbers come again, so one near a moment is meant."""
        frames = scene(self.scene).frames
        places = range((number - self.first) % frames, len(self.times_ms), frames)
        return min((self.times_ms[place] for place in places), key=lambda ms: abs(ms - near_ms), default=-1.0)


async def film_of(stage: Stage, camera: str, name: str, start_ms: int, end_ms: int) -> Film:
    """The recording of a stretch without a gap."""
    answer = await stage.house.http.get(f"/api/cameras/{camera}/units", params={"start_ms": start_ms, "end_ms": end_ms})
    times_ms = [row[0] / 1_000 for row in answer.raise_for_status().json()]
    assert times_ms == sorted(times_ms)
    steps = [after - before for before, after in pairwise(times_ms)]
    # What comes late and in one go is stamped close together: one that has room around it tells the number.
    alone = next(place for place, step in enumerate(steps) if place > 5 and 0.9 * FRAME_MS < step < 1.1 * FRAME_MS)
    number = await picture_at(stage, camera, times_ms[alone] + steps[alone] / 2)
    return Film(camera, name, (number - alone) % scene(name).frames, times_ms)


async def picture_at(stage: Stage, camera: str, ms: float) -> int:
    """Number of the picture that was the newest at this time, read from the recorded bytes."""
    playback = stage.house.rooms.services.playback
    held = await playback.unit_at(stream_of(CameraId(camera)), round(ms * NS_PER_MS))
    assert isinstance(held.params, VideoParams)
    decoder = GopDecoder(held.params)
    frames = [one for number, unit in enumerate(held.units) for one in decoder.feed(number, unit.pts, unit.data)]
    frames += decoder.drain()
    last = next(one for one in frames if one.index == len(held.units) - 1)
    return read_timecode(last.frame.grey(1280)).frame


async def recorded_span(stage: Stage, camera: str, seconds: float) -> tuple[int, int]:
    """The camera's newest recorded span, once it is this long."""
    spans: list[tuple[int, int]] = []
    for _ in range(120):
        now_ms = stage.house.rooms.services.clock.wall_ns() // NS_PER_MS
        line = await stage.house.http.get(
            f"/api/cameras/{camera}/timeline", params={"start_ms": now_ms - 600_000, "end_ms": now_ms}
        )
        spans = [(span["start_ms"], span["end_ms"]) for span in line.json()["spans"]]
        if spans and spans[-1][1] - spans[-1][0] > seconds * 1_000:
            return spans[-1]
        await asyncio.sleep(0.5)
    pytest.fail(f"not {seconds} s recorded in a minute: {spans}")


async def numbers(page: Page) -> list[int]:
    """The numbers in all pictures, each in full size, one after the other; -1 where none can be read."""
    return [_number(_decoded(base64.b64decode(one))) for one in await page.evaluate(_GRAB)]


async def numbers_on_screen(page: Page) -> list[int]:
    """The numbers in all pictures of one and the same screen, as a person sees it; -1 where none can be read."""
    boxes = await page.evaluate(_BOXES)
    screen = _decoded(await page.screenshot())
    return [_number(screen[round(y) : round(y + h), round(x) : round(x + w)]) for x, y, w, h in boxes]


def _decoded(data: bytes) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels.astype(np.uint8)


def _number(picture: npt.NDArray[np.uint8]) -> int:
    try:
        return read_timecode(picture).frame
    except Invalid:
        return -1


async def at_rest(page: Page, count: int = 1) -> list[int]:
    """The numbers on screen, once all pictures stand."""
    await page.wait_for_function(AT_REST, arg=count, timeout=40_000)
    return await numbers(page)


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Time")


async def playhead(page: Page) -> int:
    return int(await slider(page).get_attribute("data-playhead") or "0")
