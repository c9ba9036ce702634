import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Conflict
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams

STREAM = StreamId("cam_a/main")
PARAMS = VideoParams(Codec.H264, 640, 360)


def unit(seq: int, *, sync: bool = False, run: int = 1, size: int = 10) -> AccessUnit:
    return AccessUnit(UnitRef(STREAM, run, seq), seq * 6_000, seq * 6_000, 1_000 + seq, sync, 0, bytes(size))


def opened(bus: FrameBus, run: int = 1) -> None:
    bus.channel(STREAM).open_run(Run(STREAM, run, 0, [PARAMS]))


def test_every_subscriber_gets_the_very_same_object() -> None:
    bus = FrameBus()
    opened(bus)
    one, two = bus.watch(STREAM), bus.record(STREAM)
    sent = unit(0, sync=True)
    bus.channel(STREAM).publish(sent)
    assert one.take() is sent
    assert two.take() is sent


def test_a_late_viewer_starts_at_the_last_sync_unit() -> None:
    bus = FrameBus()
    opened(bus)
    for seq in range(25):
        bus.channel(STREAM).publish(unit(seq, sync=seq % 10 == 0))
    late = bus.watch(STREAM)
    assert [item.ref.seq for item in iter(late.take, None) if isinstance(item, AccessUnit)] == [20, 21, 22, 23, 24]


@given(limit=st.integers(1, 9), gop=st.integers(1, 7), reads=st.lists(st.integers(0, 3), max_size=60))
def test_memory_is_bounded_what_survives_is_decodable_and_losses_are_counted(
    limit: int, gop: int, reads: list[int]
) -> None:
    bus = FrameBus()
    opened(bus)
    subscription = bus.channel(STREAM).subscribe(limit_units=limit)
    got: list[AccessUnit] = []
    for seq, count in enumerate(reads):
        bus.channel(STREAM).publish(unit(seq, sync=seq % gop == 0))
        assert subscription.pending() <= limit
        for _ in range(count):
            item = subscription.take()
            if isinstance(item, AccessUnit):
                got.append(item)
    got += [item for item in iter(subscription.take, None) if isinstance(item, AccessUnit)]
    assert len(got) + subscription.dropped == len(reads)
    for before, after in itertools.pairwise(got):
        assert after.is_sync or after.ref.seq == before.ref.seq + 1


def test_the_end_of_a_run_reaches_even_a_full_subscriber() -> None:
    bus = FrameBus()
    opened(bus)
    slow = bus.channel(STREAM).subscribe(limit_units=1)
    for seq in range(5):
        bus.channel(STREAM).publish(unit(seq, sync=True))
    ended = RunEnded(STREAM, 1, GapCause.STALLED, "", 0)
    bus.channel(STREAM).close_run(ended)
    items = list(iter(slow.take, None))
    assert items[-1] == ended
    assert slow.dropped == 4


def test_run_numbers_may_not_go_back_and_runs_may_not_overlap() -> None:
    bus = FrameBus()
    opened(bus, 5)
    with pytest.raises(Conflict):
        opened(bus, 6)
    bus.channel(STREAM).close_run(RunEnded(STREAM, 5, GapCause.CAMERA_CLOSED, "", 0))
    with pytest.raises(Conflict):
        opened(bus, 5)
    opened(bus, 6)


def test_runs_that_are_coded_alike_share_their_parameters() -> None:
    channel = FrameBus().channel(STREAM)
    for number, width_px in ((1, 640), (2, 640), (3, 1280)):
        channel.open_run(Run(STREAM, number, 0, [VideoParams(Codec.H264, width_px, 360)]))
        channel.close_run(RunEnded(STREAM, number, GapCause.UNREACHABLE, "", 0))
    one, two, three = (channel.run(number).params[0] for number in (1, 2, 3))
    assert one is two
    assert three == VideoParams(Codec.H264, 1280, 360)


def test_a_gop_that_is_too_large_is_not_cached() -> None:
    bus = FrameBus()
    opened(bus)
    bus.channel(STREAM).publish(unit(0, sync=True, size=9_000_000))
    bus.channel(STREAM).publish(unit(1, size=9_000_000))
    assert bus.channel(STREAM).gop() == []
    bus.channel(STREAM).publish(unit(2))
    assert bus.channel(STREAM).gop() == []


def test_iteration_ends_when_the_subscription_is_closed() -> None:
    async def run() -> list[int]:
        bus = FrameBus()
        opened(bus)
        subscription = bus.watch(STREAM)
        bus.channel(STREAM).publish(unit(0, sync=True))
        subscription.close()
        return [item.ref.seq async for item in subscription if isinstance(item, AccessUnit)]

    assert asyncio.run(run()) == [0]


def test_listeners_hear_of_streams_that_are_there_and_that_come() -> None:
    bus = FrameBus()
    bus.channel(STREAM)
    heard: list[StreamId] = []
    bus.on_new_stream(heard.append)
    other = StreamId("cam_b/main")
    bus.channel(other)
    assert heard == [STREAM, other]
