"""A worker that cannot keep up, simulated: results stay fresh, cameras share it fairly, and it all comes back."""

import itertools
from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.vision.feed import Demand, FeedSettings, StreamFeed
from haechi.vision.lane import Lane
from haechi.vision.messages import UnitIn
from haechi.vision.result import FrameResult
from haechi.vision.schedule import Given, Schedule
from haechi.vision.strain import Level

HASHES = ("", "", "", "", "")


class Camera(Struct, frozen=True):
    """What a camera sends, and what it costs the worker."""

    name: str
    fps: int
    gop: int
    decode_ms: float

    @property
    def stream(self) -> StreamId:
        return StreamId(f"cam_{self.name}/main")

    def units(self, until_ns: int) -> Iterator[AccessUnit]:
        """In real time, each camera a little beside the others."""
        phase_ns = sum(self.name.encode()) * 997_000 % NS_PER_S
        for seq in itertools.count():
            at_ns = NS_PER_S + phase_ns + seq * NS_PER_S // self.fps
            if at_ns > until_ns:
                return
            yield AccessUnit(UnitRef(self.stream, 1, seq), seq, seq, at_ns, seq % self.gop == 0, 0, b"x")


class Worker:
    """A simulated worker: one job after the other, each taking the time of its units and looks."""

    def __init__(self, cameras: Sequence[Camera], look_ms: float, demand: Demand = Demand.FULL) -> None:
        self.cameras = {camera.stream: camera for camera in cameras}
        self.look_ms = look_ms
        self.schedule = Schedule()
        self.lanes = {stream: Lane(stream, StreamFeed(FeedSettings(), lambda _: False)) for stream in self.cameras}
        for lane in self.lanes.values():
            lane.feed.demand = demand
            self.schedule.join(lane)
        self.late_s: dict[StreamId, list[tuple[int, float]]] = {stream: [] for stream in self.cameras}
        self.most_ahead_ns = 0
        self._jobs: list[tuple[int, Given]] = []
        self._numbers = itertools.count(1)
        self._free_ns = 0

    def play(self, until_s: float) -> None:
        """All units of all cameras, up to a moment."""
        units = sorted(
            (unit for camera in self.cameras.values() for unit in camera.units(int(until_s * NS_PER_S))),
            key=lambda unit: unit.captured_ns,
        )
        self.take(units)

    def take(self, units: Sequence[AccessUnit]) -> None:
        """Units as they come."""
        for unit in units:
            self._work(unit.captured_ns)
            lane, now_ns = self.lanes[unit.ref.stream], unit.captured_ns
            waited_s = lane.waited_s(now_ns)
            lane.expire(now_ns)
            plan = lane.feed.take(unit, VideoParams(Codec.H264, 640, 360), is_ready=True, waited_s=waited_s)
            if plan is not None:
                lane.add(plan, now_ns)
            self._fill(now_ns)

    def looks(self, stream: StreamId, after_s: float) -> list[float]:
        """How late each result was, of those later than ``after_s``."""
        return [late_s for at_ns, late_s in self.late_s[stream] if at_ns >= after_s * NS_PER_S]

    def _fill(self, now_ns: int) -> None:
        while (given := self.schedule.next(number := next(self._numbers), now_ns)) is not None:
            self._jobs.append((number, given))
        self.most_ahead_ns = max(self.most_ahead_ns, sum(self._cost_ns(given) for _, given in self._jobs))

    def _work(self, until_ns: int) -> None:
        """Finish the jobs whose time has come."""
        while self._jobs:
            number, given = self._jobs[0]
            took_ns = self._cost_ns(given)
            done_ns = max(self._free_ns, given.plan.units[-1].captured_ns) + took_ns
            if done_ns > until_ns:
                return
            self._free_ns = done_ns
            self._jobs.pop(0)
            self.schedule.done(number, took_ns)
            results = [_result(unit) for unit in given.plan.units if unit.analyse != "no"]
            for result in results:
                assert given.lane.takes(result) is not None
                late_s = (done_ns - result.captured_ns) / NS_PER_S
                self.late_s[given.lane.stream].append((done_ns, late_s))
            given.lane.feed.answered(len(given.plan.units), results)
            self._fill(done_ns)

    def _cost_ns(self, given: Given) -> int:
        looks = sum(unit.analyse != "no" for unit in given.plan.units)
        decode_ms = self.cameras[given.lane.stream].decode_ms * len(given.plan.units)
        return int((decode_ms + looks * self.look_ms) * NS_PER_MS)


def _result(of: UnitIn) -> FrameResult:
    return FrameResult(of.ref, of.captured_ns, (), 640, 360, 0.0, *HASHES, 0)


SMALL = tuple(Camera(f"small{n}", 10, 20, 2.0) for n in range(9))
BIG = Camera("big", 60, 60, 20.0)


def test_a_big_camera_that_costs_more_than_the_whole_worker_does_not_starve_nine_small_ones() -> None:
    worker = Worker((*SMALL, BIG), look_ms=8)
    worker.play(40)
    for camera in SMALL:
        late = worker.looks(camera.stream, 15)
        assert len(late) >= 25 * 4, "nearly all of its five looks a second"
        assert max(late) < 0.6
    big = worker.lanes[BIG.stream].feed
    assert big.shed_units > 500
    assert big.level > Level.NOTHING
    late = worker.looks(BIG.stream, 15)
    assert len(late) >= 12, "and the big one is not forgotten"
    assert max(late) < 2


def test_when_all_are_too_much_everybody_gets_less_and_the_same() -> None:
    worker = Worker(SMALL, look_ms=60)
    worker.play(60)
    counts = [len(worker.looks(camera.stream, 20)) for camera in SMALL]
    assert sum(counts) >= 40 * 7, "the worker does not idle: its time would be enough for about ten looks a second"
    assert max(counts) <= 2 * min(counts)
    assert max(late for camera in SMALL for late in worker.looks(camera.stream, 20)) < 2


def test_when_the_load_goes_everything_is_looked_at_again() -> None:
    worker = Worker(SMALL, look_ms=60)
    worker.play(20)
    assert any(lane.feed.level > Level.NOTHING for lane in worker.lanes.values())
    worker.look_ms = 5
    for lane in worker.lanes.values():
        lane.feed.reset()
    calm = Worker(SMALL, look_ms=5)
    calm.play(20)
    assert all(lane.feed.level is Level.NOTHING for lane in calm.lanes.values())
    assert not any(lane.feed.shed_units for lane in calm.lanes.values())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([5, 10, 25, 60]), st.sampled_from([1, 10, 60, 250]), st.floats(0.5, 30)),
        min_size=1,
        max_size=8,
    ),
    st.floats(1, 80),
)
def test_however_much_is_asked_of_a_worker_results_are_fresh_and_what_it_has_in_hand_is_bounded(
    kinds: list[tuple[int, int, float]], look_ms: float
) -> None:
    cameras = [Camera(f"c{n}", fps, gop, decode_ms) for n, (fps, gop, decode_ms) in enumerate(kinds)]
    worker = Worker(cameras, look_ms)
    worker.play(12)
    assert all(late_s < 3 for camera in cameras for late_s in worker.looks(camera.stream, 3))
    for camera in cameras:
        assert worker.looks(camera.stream, 1), "every camera is looked at"
