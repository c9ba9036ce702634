"""A camera for `bench.latency`: it codes as it goes, and burns the moment at which it takes each picture into it.

The time code (`haechi.camera.virtual.timecode`) carries the wall clock in milliseconds, modulo 2**24, so who shares the
clock knows the age of what it sees: coding is part of it, as it is in a camera.

    python -m bench.latency_camera --port 9554
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.camera.virtual.timecode import TimeCode, burn
from haechi.media.access_unit import TICKS_PER_S, Codec, CodecParams
from haechi.media.annexb import StreamUnit, UnitBuilder, dialect_for
from haechi.media.nal import split_annexb

FPS = 15
GOP_S = 2
BITRATE_BPS = 1_500_000
WIDTH_PX, HEIGHT_PX = 1280, 720
STEP_PX = 8
CLOCK_MS = 1 << 24


def now_ms() -> int:
    """The wall clock as a time code has it."""
    return time.time_ns() // 1_000_000 % CLOCK_MS


class LiveFeed:
    """720p15, a sync unit every 2 s, about 1.5 Mbit/s of a picture that moves sideways; see the module."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        coarse = rng.integers(40, 200, (HEIGHT_PX // 16, WIDTH_PX // 16), dtype=np.uint8)
        self._wall = coarse.repeat(16, 0).repeat(16, 1)
        self._coder = av.CodecContext.create("libx264", "w")
        self._coder.width, self._coder.height, self._coder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        self._coder.time_base, self._coder.framerate = Fraction(1, FPS), Fraction(FPS)
        self._coder.bit_rate = BITRATE_BPS
        gop = FPS * GOP_S
        self._coder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1",
        }
        self._builder = UnitBuilder(dialect_for(Codec.H264))
        self._number = 0
        self._first = self._coded()

    def tracks(self) -> tuple[CodecParams, ...]:
        """See `haechi.camera.virtual.server.Feed`."""
        assert self._first.params is not None
        return (self._first.params,)

    async def units(self) -> AsyncIterator[FeedUnit]:
        """See `haechi.camera.virtual.server.Feed`; each picture is taken when it is due."""
        began, first = time.monotonic(), True
        number = 0
        while True:
            await asyncio.sleep(max(0.0, began + number / FPS - time.monotonic()))
            unit = self._coded()
            if not first or unit.is_sync:
                first = False
                yield FeedUnit(0, unit.data, number * TICKS_PER_S // FPS, number / FPS, unit.is_sync, unit.params)
            number += 1

    def _coded(self) -> StreamUnit:
        picture = av.VideoFrame.from_ndarray(self._drawn(), format="yuv420p")
        picture.pts = self._number
        self._number += 1
        data = b"".join(map(bytes, self._coder.encode(picture)))
        units = [unit for nal in split_annexb(data) for unit in self._builder.add(nal)] + list(self._builder.finish())
        if len(units) != 1:
            raise SystemExit(f"bench.latency_camera: a picture became {len(units)} units")
        return units[0]

    def _drawn(self) -> npt.NDArray[np.uint8]:
        """Planar YUV 4:2:0, shape (1080, 1280), uint8."""
        picture = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
        picture[:HEIGHT_PX] = np.roll(self._wall, self._number * STEP_PX % WIDTH_PX, axis=1)
        burn(picture[:HEIGHT_PX], TimeCode(self._number & 0xFFFFFF, now_ms()))
        return picture


async def run(port: int) -> None:
    camera = VirtualCamera({"/0": LiveFeed()}, port=port)
    serving = asyncio.create_task(camera.run())
    await asyncio.sleep(0.5)
    print("ready", flush=True)
    await serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(run(parser.parse_args().port))


if __name__ == "__main__":
    main()
