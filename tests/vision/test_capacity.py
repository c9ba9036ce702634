"""How many more cameras fit: counted over workers, and true of a simulated worker that is then given so many."""

from itertools import groupby

import pytest

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.vision.capacity import Capacity, StreamLoad, WorkerLoad, more
from haechi.vision.cost import Rates
from haechi.vision.strain import Level
from tests.vision.test_schedule import Camera, Worker


def load(number: int, wanted: float, *, is_ready: bool = True) -> WorkerLoad:
    return WorkerLoad(number, 1, is_ready, 1, wanted, wanted, 0.0, 1)


def stream(name: str, wanted: float | None) -> StreamLoad:
    return StreamLoad(StreamId(f"cam_{name}/main"), 0, wanted, Rates(), 0, 0, Level.NOTHING)


def test_what_is_left_of_two_workers_does_not_make_a_place_for_one_camera() -> None:
    assert more([0.3, 0.3], 0.2, None) == 2
    assert more([0.15, 0.15], 0.2, None) == 0
    assert more([0.85], 0.1, None) == 8


def test_no_more_fit_than_processors_are_idle() -> None:
    assert more([0.8, 0.8], 0.2, 0.5) == 2
    assert more([0.8, 0.8], 0.2, 0.0) == 0


def test_room_is_told_for_a_camera_like_the_mean_and_like_the_dearest() -> None:
    capacity = Capacity((load(0, 0.45),), (stream("a", 0.4), stream("b", 0.05), stream("c", None)), frozenset())
    room = capacity.room(2.0, 4)
    assert (room.like_mean, room.like_dearest) == (1, 1)
    cheap = Capacity((load(0, 0.1),), (stream("a", 0.05), stream("b", 0.05)), frozenset())
    assert cheap.room(None, 4).like_mean == 15
    assert cheap.room(0.3, 2).like_mean == 4, "0.3 processors are idle, a tenth of one is spared"


def test_nothing_is_promised_before_a_camera_was_measured_nor_on_a_worker_that_is_away() -> None:
    assert Capacity((load(0, 0.0),), (), frozenset()).room(4.0, 4).like_mean is None
    away = Capacity((load(0, 0.0, is_ready=False),), (stream("a", 0.1),), frozenset())
    assert away.room(4.0, 4).like_mean == 0


def wanted_of(worker: Worker) -> list[float]:
    """What the meters of a simulated worker say, each second noted."""
    return [lane.meter.wanted() for lane in worker.lanes.values()]


def play(count: int, decode_ms: float, look_ms: float) -> Worker:
    cameras = [Camera(f"c{n}", 15, 30, decode_ms) for n in range(count)]
    worker = Worker(cameras, look_ms)
    units = sorted((unit for one in cameras for unit in one.units(12 * NS_PER_S)), key=lambda unit: unit.captured_ns)
    for second, group in groupby(units, key=lambda unit: unit.captured_ns // NS_PER_S):
        worker.take(list(group))
        for lane in worker.lanes.values():
            lane.measure(second * NS_PER_S)
    return worker


def are_whole(worker: Worker) -> bool:
    """Whether nothing was given up, now or before."""
    feeds = [lane.feed for lane in worker.lanes.values()]
    return not any(feed.shed_units or feed.thinned_looks or feed.level > Level.NOTHING for feed in feeds)


@pytest.mark.parametrize(("decode_ms", "look_ms"), [(5.0, 30.0), (9.0, 8.0)])
def test_so_many_cameras_as_are_promised_are_looked_at_whole_and_half_as_many_again_are_not(
    decode_ms: float, look_ms: float
) -> None:
    wanted = wanted_of(play(2, decode_ms, look_ms))
    assert sum(wanted) / 2 == pytest.approx((15 * decode_ms + 5 * look_ms) / 1000, rel=0.1)
    total = 2 + more([0.85 - sum(wanted)], sum(wanted) / 2, None)
    assert are_whole(play(total, decode_ms, look_ms))
    assert not are_whole(play(int(total * 1.5) + 1, decode_ms, look_ms))
