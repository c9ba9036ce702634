"""Previews with a real decode worker: recorded bytes in, a small JPEG out, quickly the second time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.bus.frames import FrameBus
from haechi.record.playback.previews import Preview, Previews
from haechi.record.playback.reel import Reel
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings
from tests.record.archive import MAIN, Archive
from tests.streams import START_NS, h264_stream, stamped

pytestmark = pytest.mark.slow


def test_a_recorded_moment_becomes_a_small_picture_of_that_moment(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    params, coded = h264_stream(frames=90, fps=15, gop=30, size=(640, 360))
    units = stamped(coded, MAIN)
    times_s: list[float] = []

    async def record() -> None:
        async with archive:
            archive.publish(params, units)

    async def ask(previews: Previews, at_ns: int) -> Preview:
        began = time.monotonic()
        found = await previews.at(MAIN, at_ns, 160)
        times_s.append(time.monotonic() - began)
        return found

    async def look() -> list[Preview]:
        settings = VisionSettings(workers=0, fetch_models=False)
        pool = VisionPool(FrameBus(), ModelStore(tmp_path / "models"), SystemClock(), settings)
        task = asyncio.ensure_future(pool.run())
        try:
            previews = Previews(Reel(archive.index, archive.playback.vault), pool.still, tmp_path / "shelf", 1 << 20)
            at_ns = START_NS + 3 * NS_PER_S
            return [await ask(previews, START_NS), await ask(previews, at_ns), await ask(previews, at_ns)]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(record())
    first, second, again = asyncio.run(look())
    archive.close()
    assert (second.captured_ns, again) == (units[30].captured_ns, second)
    pictures = [cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) for one in (first, second)]
    assert [picture.shape for picture in pictures if picture is not None] == [(90, 160), (90, 160)]
    assert times_s[2] < 1.0
