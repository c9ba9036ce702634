"""Motion JPEG over HTTP: what we write is what we read, and a slow viewer gets the newest."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.live.mjpeg import BOUNDARY, END, MEDIA_TYPE, Pace, newest, part
from haechi.media.access_unit import AccessUnit, Codec, VideoParams
from haechi.media.motion_jpeg import MotionJpeg, boundary_of
from tests.streams import START_NS, h264_stream, mjpeg_stream, stamped

STREAM = StreamId("cam_a/main")


@given(cuts=st.lists(st.integers(1, 900), max_size=30))
def test_our_own_reader_finds_the_very_pictures_with_their_times(cuts: list[int]) -> None:
    _, coded = mjpeg_stream(frames=4, size=(64, 48))
    whole = b"".join(part(unit.data, START_NS + number * 1000) for number, unit in enumerate(coded)) + END
    assert boundary_of(MEDIA_TYPE) == BOUNDARY
    reader, seen, at = MotionJpeg(BOUNDARY), [], 0
    for size in (*cuts, len(whole)):
        seen += list(reader.feed(whole[at : at + size]))
        at += size
    assert [picture.data for picture in seen] == [unit.data for unit in coded]
    assert [picture.sent_us for picture in seen] == [START_NS // 1000 + number for number in range(4)]


def test_a_slow_viewer_gets_the_newest_picture_and_the_pace_is_kept() -> None:
    async def play() -> None:
        clock, bus = SimulatedClock(), FrameBus()
        params, coded = mjpeg_stream(frames=20, size=(64, 48))
        units = stamped(coded, STREAM, run=1)
        bus.channel(STREAM).open_run(Run(STREAM, 1, 0, [params]))
        subscription = bus.watch(STREAM)
        pictures = newest(subscription, Pace(2, clock))
        for unit in units[:6]:
            bus.channel(STREAM).publish(unit)
        assert await anext(pictures) is units[5]
        for unit in units[6:9]:
            bus.channel(STREAM).publish(unit)
        waiting: asyncio.Task[AccessUnit] = asyncio.create_task(anext(pictures))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.channel(STREAM).publish(units[9])
        clock.advance(NS_PER_S // 2)
        assert await asyncio.wait_for(waiting, 5) is units[9]
        subscription.close()
        assert [unit async for unit in pictures] == []

    asyncio.run(play())


def test_it_ends_when_the_camera_sends_something_else() -> None:
    async def play() -> None:
        bus = FrameBus()
        params, coded = h264_stream(frames=4)
        bus.channel(STREAM).open_run(Run(STREAM, 1, 0, [params, VideoParams(Codec.MJPEG, 64, 48)]))
        bus.channel(STREAM).publish(stamped(coded, STREAM, run=1)[0])
        assert [unit async for unit in newest(bus.watch(STREAM), Pace(0, SimulatedClock()))] == []

    asyncio.run(play())
