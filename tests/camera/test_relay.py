"""A relay: another camera's stream, passed on as it is, across that camera's own breaks."""

import asyncio
from collections.abc import Sequence

import pytest

from haechi.base.clock import NS_PER_MS, SimulatedClock, SystemClock
from haechi.base.errors import Invalid, Unavailable
from haechi.camera.dial import relay
from haechi.camera.dial.relay import MOST_UNITS, RelayFeed
from haechi.camera.virtual.server import FeedUnit, VirtualCamera
from haechi.ingest.source import Track
from haechi.media.access_unit import Codec, RawUnit
from tests.cameras import StreamFeed, until
from tests.streams import h264_stream, h265_stream

VIDEO = Track(Codec.H264, 90_000)
PARAMS = h264_stream(frames=1)[0]


def relay_with(tracks: Sequence[Track] = (VIDEO,)) -> RelayFeed:
    feed = RelayFeed("rtsp://192.0.2.1/", SimulatedClock())
    asyncio.run(feed.opened(tracks))
    return feed


def offer(feed: RelayFeed, number: int, *, is_sync: bool = False, ticks: int | None = None) -> None:
    raw = RawUnit(number * 3000 if ticks is None else ticks, is_sync, b"%d" % number, PARAMS if number == 0 else None)
    feed.unit(0, raw, number * 33 * NS_PER_MS)


def taken(feed: RelayFeed, count: int) -> list[FeedUnit]:
    async def take() -> list[FeedUnit]:
        found = []
        async for unit in feed.units():
            found.append(unit)
            if len(found) == count:
                break
        return found

    return asyncio.run(take())


def test_it_begins_at_a_sync_unit_and_keeps_order_and_spacing() -> None:
    feed = relay_with()
    for number in range(5):
        offer(feed, number, is_sync=number in (0, 3))
    units = taken(feed, 5)
    assert [unit.data for unit in units] == [b"0", b"1", b"2", b"3", b"4"]
    assert [unit.rtp_ticks for unit in units] == [0, 3000, 6000, 9000, 12000]
    assert [unit.is_sync for unit in units] == [True, False, False, True, False]
    assert units[0].params == PARAMS


def test_media_time_goes_on_by_the_clock_when_the_camera_begins_anew() -> None:
    feed = relay_with()
    offer(feed, 0, is_sync=True, ticks=5_000_000)
    asyncio.run(feed.opened((VIDEO,)))
    offer(feed, 30, is_sync=True, ticks=7)
    offer(feed, 31, ticks=3007)
    assert [unit.rtp_ticks for unit in taken(feed, 3)] == [0, 30 * 33 * 90, 30 * 33 * 90 + 3000]


def test_what_a_slow_connection_does_not_take_is_left_out_up_to_a_sync_unit() -> None:
    feed = relay_with()
    for number in range(MOST_UNITS + 50):
        offer(feed, number, is_sync=number % 100 == 0)
    units = taken(feed, MOST_UNITS)
    for number in range(MOST_UNITS + 50, MOST_UNITS + 200):
        offer(feed, number, is_sync=number % 100 == 0)
    after = taken(feed, 1)[0]
    assert [int(unit.data) for unit in units] == list(range(MOST_UNITS))
    assert after.is_sync
    assert int(after.data) == 600


def test_damaged_units_are_not_passed_on() -> None:
    feed = relay_with()
    offer(feed, 0, is_sync=True)
    feed.unit(0, RawUnit(3000, False, b"x", damaged=True), 33 * NS_PER_MS)
    offer(feed, 2)
    assert [unit.data for unit in taken(feed, 2)] == [b"0", b"2"]


def test_another_codec_ends_the_relay_with_a_word() -> None:
    feed = relay_with()
    offer(feed, 0, is_sync=True)
    feed.unit(0, RawUnit(3000, True, b"x", h265_stream(frames=1)[0]), 33 * NS_PER_MS)
    with pytest.raises(Invalid) as caught:
        taken(feed, 2)
    assert caught.value.code == "source-changed"


def test_a_camera_that_sends_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "OPEN_S", 0.05)
    feed = RelayFeed("rtsp://192.0.2.1/", SimulatedClock())
    with pytest.raises(Unavailable) as caught:
        asyncio.run(feed.open())
    assert caught.value.code == "source-silent"


def test_a_real_camera_is_relayed_unit_by_unit_also_after_it_cut_the_connection() -> None:
    async def run() -> list[FeedUnit]:
        async with VirtualCamera({"/live": StreamFeed(h264_stream(frames=30, fps=15, gop=5), 30)}) as camera:
            feed = RelayFeed(camera.url(), SystemClock())
            pull = asyncio.create_task(feed.run())
            await feed.open()
            units: list[FeedUnit] = []
            async for unit in feed.units():
                units.append(unit)
                if len(units) == 10:
                    camera.drop_connections()
                    await until(lambda: camera.accepted >= 2, 60)
                if len(units) >= 40:
                    break
            pull.cancel()
            await asyncio.gather(pull, return_exceptions=True)
            return units

    units = asyncio.run(run())
    ticks = [unit.rtp_ticks for unit in units]
    assert ticks == sorted(set(ticks))
    assert units[0].is_sync
