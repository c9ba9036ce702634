"""Films without a camera: coded in a moment and written straight into a server's archive, at whatever time.

Every picture carries its number twice: as the time code that the virtual cameras burn in, and as large blocks that can
still be read from a picture of 160 pixels.
"""

import asyncio
import time
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import av
import cv2
import numpy as np
import numpy.typing as npt
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause, Run, RunEnded
from haechi.camera.virtual.timecode import TimeCode, burn
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, UnitRef, VideoParams
from tests.e2e.stage import Stage
from tests.streams import CodedUnit, split_annexb

FPS = 10
GOP = 20
COLUMNS, ROWS = 8, 4
_BITS = COLUMNS * ROWS // 2
_SETS = {Codec.H264: ({6, 9}, {7, 8}), Codec.H265: ({35, 39}, {32, 33, 34})}


class Wish(Struct, frozen=True):
    """A film: ``count`` pictures, numbered from ``first`` on."""

    first: int = 0
    count: int = 300
    codec: Codec = Codec.H264
    width_px: int = 640
    height_px: int = 360
    bframes: int = 0


def drawn(number: int, width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """The luma plane of a picture."""
    bits = [number >> bit & 1 for bit in range(_BITS)]
    blocks = np.array(bits + [1 - bit for bit in bits], np.uint8).reshape(ROWS, COLUMNS) * 170 + 40
    luma = np.full((height_px, width_px), 90, np.uint8)
    luma[: height_px * 3 // 4] = cv2.resize(blocks, (width_px, height_px * 3 // 4), interpolation=cv2.INTER_NEAREST)
    burn(luma, TimeCode(number, number * 1000 // FPS))
    return luma


def read_blocks(picture: npt.NDArray[np.uint8]) -> int:
    """The number in a picture of any size; -1 when it cannot be read with certainty."""
    grey = picture[..., :3].mean(axis=2) if picture.ndim == 3 else picture
    high, wide = grey.shape[0] * 3 / 4 / ROWS, grey.shape[1] / COLUMNS
    levels = [
        grey[
            round((row + 0.3) * high) : round((row + 0.7) * high), round((one + 0.3) * wide) : round((one + 0.7) * wide)
        ]
        for row in range(ROWS)
        for one in range(COLUMNS)
    ]
    bits = [int(float(level.mean()) > 125) for level in levels]
    if any(bit == other for bit, other in zip(bits[:_BITS], bits[_BITS:], strict=True)):
        return -1
    return sum(bit << place for place, bit in enumerate(bits[:_BITS]))


@lru_cache(maxsize=8)
def coded(wish: Wish) -> tuple[VideoParams, tuple[CodedUnit, ...]]:
    """The film as a camera would send it; 10 pictures a second, a sync unit every two seconds."""
    context = av.CodecContext.create("libx264" if wish.codec is Codec.H264 else "libx265", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = wish.width_px, wish.height_px, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.gop_size, context.thread_count = GOP, 1
    name = "x264-params" if wish.codec is Codec.H264 else "x265-params"
    more = "" if wish.codec is Codec.H264 else ":log-level=none:no-open-gop=1"
    steady = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes={wish.bframes}:b-adapt=0{more}"
    context.options = {"preset": "veryfast" if wish.bframes else "ultrafast", name: steady}
    context.flags |= av.codec.context.Flags.global_header
    packets = [packet for number in range(wish.count) for packet in context.encode(_frame(wish, number))]
    packets += context.encode(None)
    dropped, sets = _SETS[wish.codec]
    kept = tuple(nal for nal in split_annexb(bytes(context.extradata or b"")) if _kind(wish, nal) in sets)
    text = f"avc1.{kept[0][1:4].hex()}" if wish.codec is Codec.H264 else "hvc1.1.6.L60.90"
    first = min(packet.dts or 0 for packet in packets)
    ticks = TICKS_PER_S // FPS
    units = []
    for packet in packets:
        nals = [nal for nal in split_annexb(bytes(packet)) if _kind(wish, nal) not in dropped | sets]
        data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
        pts, dts = ((packet.pts or 0) - first) * ticks, ((packet.dts or 0) - first) * ticks
        units.append(CodedUnit(data, pts, dts, packet.is_keyframe))
    return VideoParams(wish.codec, wish.width_px, wish.height_px, kept, text), tuple(units)


def _kind(wish: Wish, nal: bytes) -> int:
    return nal[0] & 31 if wish.codec is Codec.H264 else nal[0] >> 1 & 63


def _frame(wish: Wish, number: int) -> av.VideoFrame:
    luma = drawn(wish.first + number, wish.width_px, wish.height_px)
    frame = av.VideoFrame(wish.width_px, wish.height_px, "yuv420p")
    for index, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size), 128, np.uint8)
        if index == 0:
            rows[:, : plane.width] = luma
        plane.update(rows.tobytes())
    frame.pts = number
    return frame


def days_ago(days: int) -> int:
    """A full hour so long ago (ms): within what is kept."""
    return int(time.time()) // 3600 * 3_600_000 - days * 86_400_000


async def add_silent_camera(stage: Stage, name: str) -> str:
    """A camera that is switched off, so that nobody but the test writes into its archive; its id."""
    wish = {"name": name, "url": "rtsp://127.0.0.1:9/none", "transport": "tcp", "enabled": False}
    answer = await stage.house.http.post("/api/cameras", json=wish)
    return str(answer.raise_for_status().json()["id"])


async def record(stage: Stage, camera: str, wishes: Sequence[Wish], start_ms: int, run: int = 1) -> int:
    """Write films into a camera's archive, one after the other in one run; when they end (ms), once they are there."""
    stream, channel = stream_of(CameraId(camera)), stage.house.rooms.services.bus.channel(stream_of(CameraId(camera)))
    films = [coded(wish) for wish in wishes]
    channel.open_run(Run(stream, run, start_ms * NS_PER_MS, [params for params, _ in films]))
    units: list[AccessUnit] = []
    for index, (_, film) in enumerate(films):
        units += _stamped(film, stream, run, index, units, start_ms)
    for number, unit in enumerate(units):
        channel.publish(unit)
        if number % 50 == 0:
            await asyncio.sleep(0)
    end_ns = units[-1].captured_ns + NS_PER_S // FPS
    channel.close_run(RunEnded(stream, run, GapCause.DISABLED, "", end_ns))
    end_ms = end_ns // NS_PER_MS
    for _ in range(1200):
        answer = await stage.ask(f"/api/cameras/{camera}/timeline?start_ms={start_ms - 1}&end_ms={end_ms + 1}")
        match answer["spans"]:
            case [*_, {"end_ms": int(end)}] if end >= end_ms - 1000 // FPS - 1:
                return end_ms
            case _:
                await asyncio.sleep(0.1)
    raise AssertionError("the footage did not arrive")


def _stamped(
    film: Sequence[CodedUnit], stream: StreamId, run: int, params: int, before: Sequence[AccessUnit], start_ms: int
) -> list[AccessUnit]:
    """Units after others: captured when they are decoded."""
    shift = before[-1].dts + TICKS_PER_S // FPS - film[0].dts if before else -film[0].dts
    first = AccessUnit(UnitRef(stream, run, len(before)), 0, 0, 0, True, params, b"")
    return [
        structs.replace(
            first,
            ref=UnitRef(stream, run, len(before) + number),
            pts=unit.pts + shift,
            dts=unit.dts + shift,
            captured_ns=start_ms * NS_PER_MS + (unit.dts + shift) * NS_PER_S // TICKS_PER_S,
            is_sync=unit.is_sync,
            data=unit.data,
        )
        for number, unit in enumerate(film)
    ]
