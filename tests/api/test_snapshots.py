"""Pictures of events in the width that is asked for: with a real worker, and what happens when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from haechi.api.snapshots import MOST_BYTES, Snapshots
from haechi.base.clock import SystemClock
from haechi.base.errors import Invalid, NotFound, Unavailable
from haechi.base.ids import EventId
from haechi.bus.frames import FrameBus
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings

EVENT = EventId("evt_abcdefgh")


def stored(seed: int = 0) -> bytes:
    """A picture as an event keeps it."""
    noise = np.random.default_rng(seed).integers(0, 255, (45, 80, 3), np.uint8)
    large = cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


class Centre:
    """Has the picture of an event, until it has not."""

    def __init__(self) -> None:
        self.jpeg: bytes | None = stored()[:4000]

    async def snapshot(self, event: EventId) -> bytes:
        if self.jpeg is None:
            raise NotFound("the event has no picture", code="snapshot-missing", event=event)
        return self.jpeg


class Pool:
    """Says what it was asked; fails when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.error: Exception | None = None

    async def laid_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        self.asked.append(cell_px)
        if self.error is not None:
            raise self.error
        return b"%d " % cell_px[0] + pictures[0][:2000]


def shelf(centre: Centre, pool: object) -> Snapshots:
    return Snapshots(cast("Any", SimpleNamespace(events=centre, vision=pool)))


@pytest.mark.slow
def test_a_picture_is_as_wide_as_is_asked_and_never_wider_than_it_is_stored(tmp_path: Path) -> None:
    centre = Centre()
    centre.jpeg = stored()

    async def look() -> list[bytes]:
        settings = VisionSettings(workers=0, fetch_models=False)
        pool = VisionPool(FrameBus(), ModelStore(tmp_path / "models"), SystemClock(), settings)
        task = asyncio.ensure_future(pool.run())
        try:
            kept = shelf(centre, pool)
            return [await kept.of(EVENT, width) for width in (None, 16, 240, 640, 1280, 3840)]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    found = asyncio.run(look())
    shapes = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in found]
    assert [one.shape[:2] for one in shapes if one is not None] == [
        (720, 1280), (9, 16), (135, 240), (360, 640), (720, 1280), (720, 1280)
    ]  # fmt: skip
    assert found[0] == found[4] == found[5] == centre.jpeg
    assert len(found[2]) < len(found[0]) / 8


def test_it_is_made_once_for_each_width_and_anew_when_the_stored_one_is_another() -> None:
    centre, pool = Centre(), Pool()
    kept = shelf(centre, pool)
    first = [asyncio.run(kept.of(EVENT, width)) for width in (240, 240, 320, 240)]
    assert first[0] == first[1] == first[3] != first[2]
    assert pool.asked == [(240, 0), (320, 0)]
    centre.jpeg = stored(7)
    assert asyncio.run(kept.of(EVENT, 240)) != first[0]
    centre.jpeg = None
    with pytest.raises(NotFound):
        asyncio.run(kept.of(EVENT, 240))


@pytest.mark.parametrize("error", [Unavailable("busy", code="vision-busy"), Invalid("no", code="undecodable")])
def test_where_nobody_can_make_it_smaller_it_is_shown_as_it_is_and_tried_again(error: Exception) -> None:
    centre, pool = Centre(), Pool()
    kept = shelf(centre, pool)
    pool.error = error
    assert asyncio.run(kept.of(EVENT, 240)) == centre.jpeg
    pool.error = None
    assert asyncio.run(kept.of(EVENT, 240)).startswith(b"240 ")


def test_what_is_held_in_memory_is_bounded() -> None:
    kept = shelf(Centre(), Pool())

    async def look_at_many() -> None:
        for number in range(MOST_BYTES // 2000 + 100):
            await kept.of(EventId(f"evt_{number:08d}"), 240)

    asyncio.run(look_at_many())
    assert sum(map(len, kept._made.values())) == kept._total <= MOST_BYTES
