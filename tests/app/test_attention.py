"""A real detector behind the result socket: known pictures go in, boxes come back for the units that showed them."""

import asyncio
from pathlib import Path

import pytest

from haechi.app.attention import DetectModule
from haechi.base.clock import SystemClock
from haechi.client.playing import Wish
from haechi.vision.feed import FeedSettings
from haechi.vision.settings import VisionSettings
from tests.ingest.rtp_push.stage import Coded, push_server
from tests.vision.scenes import WIDTH_PX, encoded, models, shop, shop_with

STEP_PX = 12
FRAMES = 24
EVERY_PICTURE = FeedSettings(fps=1_000_000, gated=False, slow_wait_s=120, most_wait_s=120, most_in_flight=10_000)


def left_px(number: int) -> int:
    """Where the astronaut stands in a picture; the photograph is 270 px wide, and its person a good part of that."""
    return 20 + number * STEP_PX


@pytest.mark.slow
def test_boxes_come_back_for_the_units_that_show_what_is_in_them(tmp_path: Path) -> None:
    store = models("picodet-s")
    pictures = [shop() if number < 4 else shop_with("astronaut", left_px(number), 90, 270) for number in range(FRAMES)]
    params, units = encoded(pictures, fps=10, gop=12)

    async def scenario() -> None:
        detect = DetectModule(store, SystemClock(), VisionSettings(feed=EVERY_PICTURE))
        working = asyncio.create_task(detect.run())
        try:
            async with (
                push_server(tmp_path, {"detect": detect}) as stage,
                stage.playing(Coded(params, units), Wish("detect", fast=True)) as link,
            ):
                seen = [one async for one in link.results()]
                assert link.stream is not None
                passed = link.stream.left_out.get("not-looked", 0)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        assert len(seen) + passed == FRAMES
        assert len(seen) >= FRAMES - 2  # what the decoder holds back at the end is not looked at
        seqs = [one.ref.seq for one in seen]
        assert seqs == sorted(seqs)
        for one in seen:
            assert one.ticks == units[one.ref.seq].pts
            people = [box for box in one.boxes if box.label == "person" and box.score > 0.5]
            assert bool(people) == (one.ref.seq >= 4)
            for box in people:
                middle_px = (box.x + box.w / 2) * WIDTH_PX
                assert abs(middle_px - (left_px(one.ref.seq) + 135)) < 60

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_client_that_goes_and_comes_again_is_looked_at_again(tmp_path: Path) -> None:
    store = models("picodet-s")
    params, units = encoded([shop_with("astronaut", 100, 90, 270)] * 12, fps=10, gop=6)

    async def scenario() -> None:
        detect = DetectModule(store, SystemClock(), VisionSettings(feed=EVERY_PICTURE))
        working = asyncio.create_task(detect.run())
        try:
            async with push_server(tmp_path, {"detect": detect}) as stage:
                for run in (1, 2):
                    async with stage.playing(Coded(params, units), Wish("detect", fast=True)) as link:
                        async for one in link.results():
                            assert one.ref.run == run
                            assert any(box.label == "person" for box in one.boxes)
                            break
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    asyncio.run(scenario())
