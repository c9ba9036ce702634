"""Several live workers, real ones: streams move between them, and are taken over when one dies, hangs or starves."""

import asyncio
import os
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.vision import link
from haechi.vision.crew import Crew
from haechi.vision.feed import Demand
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings
from tests.vision.mortal_worker import KILLS, SPINS
from tests.vision.scenes import PATIENT, Rig, moved, running, visitor

pytestmark = pytest.mark.slow

CAMERAS = [StreamId(f"cam_c{number}/main") for number in range(4)]
TWO = VisionSettings(workers=2, feed=PATIENT)
FPS = 10


def crew_of(pool: VisionPool) -> Crew:
    return pool._crew


def places(rig: Rig) -> dict[StreamId, int | None]:
    return {stream: crew_of(rig.pool).worker_of(stream) for stream in CAMERAS}


class Cameras:
    """The visitor's walk again and again, at each camera, as long as a test wants it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.params, units = visitor()
        self._units = units
        self._step = 0
        for stream in CAMERAS:
            rig.pool.demand(stream, Demand.FULL)
            rig.open(self.params, stream)
        self.results: dict[StreamId, list[UnitRef]] = defaultdict(list)
        self.seen_s: dict[StreamId, float] = {}
        rig.pool.on_result(lambda result: self._note(result.ref))

    async def play(self, steps: int, *, at_once: int = 2) -> None:
        """So many units of each camera, no more than ``at_once`` of each ahead of the workers."""
        for _ in range(steps):
            for stream in CAMERAS:
                self.rig.bus.channel(stream).publish(self._unit(stream))
            self._step += 1
            await asyncio.sleep(0)
            await self.rig.until(lambda: self.rig.pool.units_in_flight() < at_once * len(CAMERAS))

    async def play_live(self, until: list[bool], interval_s: float = 0.05) -> None:
        """In time, whatever the workers do, until told otherwise."""
        while not until:
            for stream in CAMERAS:
                self.rig.bus.channel(stream).publish(self._unit(stream))
            self._step += 1
            await asyncio.sleep(interval_s)

    def poison(self, with_what: bytes) -> None:
        """A unit of each camera; that of the first holds a NAL unit more, that the decoder is sensitive to."""
        nal = b"\x0c" + with_what
        for stream in CAMERAS:
            unit = self._unit(stream)
            more = len(nal).to_bytes(4, "big") + nal if stream == CAMERAS[0] else b""
            self.rig.bus.channel(stream).publish(structs.replace(unit, data=unit.data + more))
        self._step += 1

    def _unit(self, stream: StreamId) -> AccessUnit:
        step = self._step
        at_ns = step * NS_PER_S // FPS + NS_PER_S
        unit = self._units[step % len(self._units)]
        return structs.replace(unit, ref=UnitRef(stream, 1, step), pts=step * 9000, dts=step * 9000, captured_ns=at_ns)

    def _note(self, ref: UnitRef) -> None:
        self.results[ref.stream].append(ref)
        self.seen_s[ref.stream] = time.monotonic()

    def are_in_order_and_once(self) -> bool:
        return all(refs == sorted(set(refs)) for refs in self.results.values())


async def all_ready(rig: Rig) -> None:
    await rig.until(lambda: rig.pool.status().ready_workers == 2)


def test_streams_are_spread_and_one_that_moves_is_decoded_on_between_two_gops_without_a_hole() -> None:
    async def play() -> None:
        async with running(TWO) as rig:
            await all_ready(rig)
            cameras = Cameras(rig)
            await cameras.play(30)
            assert sorted(map(str, places(rig).values())) == ["0", "0", "1", "1"]
            crew = crew_of(rig.pool)
            stream = CAMERAS[0]
            source = crew.worker_of(stream)
            assert source is not None
            crew.send(stream, 1 - source)
            await cameras.play(40)
            assert crew.worker_of(stream) == 1 - source
            assert crew.moves >= 1
            await rig.settle()
            assert cameras.are_in_order_and_once()
            assert len(cameras.results[stream]) == len(cameras.results[CAMERAS[1]]), "as many as of one that stayed"
            assert rig.pool.status().decoded_frames == 70 * len(CAMERAS), "each unit once"
            tracks = {d.track for r in rig.results if r.ref.stream == stream for d in r.detections if d.score > 0.6}
            assert tracks == {1}, "and the person is the same after the move"

    asyncio.run(play())


def test_the_streams_of_a_killed_worker_go_on_at_once_with_the_other_and_come_back() -> None:
    async def play() -> None:
        async with running(TWO) as rig:
            await all_ready(rig)
            cameras = Cameras(rig)
            await cameras.play(25)
            crew = crew_of(rig.pool)
            victim = crew.worker_of(CAMERAS[0])
            assert victim is not None
            pid = rig.pool.worker_pids()[victim]
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await rig.until(lambda: rig.pool.worker_pids()[victim] != pid)
            await cameras.play(40)
            await rig.settle()
            assert cameras.are_in_order_and_once()
            assert all(refs[-1].seq >= 60 for refs in cameras.results.values())
            assert crew.takeovers >= 1
            await rig.until(lambda: rig.pool.status().ready_workers == 2)

    asyncio.run(play())


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose decoder has a hole."""
    monkeypatch.setattr(link, "WORKER_MODULE", "tests.vision.mortal_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.usefixtures("mortal")
def test_a_unit_that_kills_workers_takes_no_other_stream_along() -> None:
    async def play() -> None:
        async with running(TWO) as rig:
            await all_ready(rig)
            cameras = Cameras(rig)
            await cameras.play(21)
            crew = crew_of(rig.pool)
            victim = crew.worker_of(CAMERAS[0])
            assert victim is not None
            other = rig.pool.worker_pids()[1 - victim]
            cameras.poison(KILLS)
            await rig.until(lambda: rig.pool.status().quarantined_units == 1)
            await all_ready(rig)
            await cameras.play(40)
            await rig.settle()
            assert cameras.are_in_order_and_once()
            assert all(refs[-1].seq >= 55 for refs in cameras.results.values())
            assert rig.pool.worker_pids()[1 - victim] == other, "the other worker never had it"

    asyncio.run(play())


def test_a_stream_that_is_not_to_be_looked_at_is_not_decoded_its_run_ends_and_it_comes_back() -> None:
    async def play() -> None:
        async with running() as rig:
            cameras = Cameras(rig)
            ended: list[tuple[StreamId, int]] = []
            rig.pool.on_run_ended(lambda one: ended.append((one.stream, one.run)))
            await cameras.play(30)
            await rig.settle()
            stream = CAMERAS[0]
            rig.pool.inspect(stream, on=False)
            await rig.until(lambda: ended == [(stream, 1)])
            had, decoded = len(cameras.results[stream]), rig.pool.status().decoded_frames
            await cameras.play(30)
            await rig.settle()
            assert len(cameras.results[stream]) == had
            assert rig.pool.status().decoded_frames - decoded == 30 * (len(CAMERAS) - 1)
            assert rig.pool.capacity().stopped == {stream}
            rig.pool.inspect(stream, on=True)
            await cameras.play(40)
            await rig.settle()
            assert len(cameras.results[stream]) > had
            assert cameras.are_in_order_and_once()
            assert rig.pool.status().streams == len(CAMERAS)

    asyncio.run(play())


def test_a_stream_that_was_stopped_before_it_came_is_never_decoded() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            rig.pool.inspect(CAMERAS[0], on=False)
            for stream in CAMERAS[:2]:
                rig.pool.demand(stream, Demand.FULL)
                rig.open(params, stream)
            await rig.play(moved(units[:20], CAMERAS[0]))
            await rig.play(moved(units[:20], CAMERAS[1]))
            await rig.until(lambda: rig.pool.status().decoded_frames == 20)
            assert {result.ref.stream for result in rig.results} == {CAMERAS[1]}

    asyncio.run(play())


def _starve(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


@pytest.mark.faults
@pytest.mark.parametrize("harm", [_freeze, _starve, _kill])
def test_whatever_happens_to_a_worker_its_streams_are_judged_again_within_ten_seconds(
    harm: Callable[[int], None],
) -> None:
    async def play() -> None:
        settings = VisionSettings(workers=2)
        async with running(settings) as rig:
            await all_ready(rig)
            cameras = Cameras(rig)
            stop: list[bool] = []
            recorder = rig.bus.record(CAMERAS[0])
            task = asyncio.create_task(cameras.play_live(stop))
            await rig.until(lambda: len(cameras.results) == len(CAMERAS))
            victim = crew_of(rig.pool).worker_of(CAMERAS[0])
            assert victim is not None
            pid = rig.pool.worker_pids()[victim]
            assert pid is not None
            harm(pid)
            harmed_s = time.monotonic()
            mine = [stream for stream, worker in places(rig).items() if worker == victim]
            await rig.until(lambda: all(cameras.seen_s[one] > harmed_s + 0.5 for one in mine), within_s=30)
            took_s = time.monotonic() - harmed_s
            stop.append(True)
            await task
            assert recorder.pending() == cameras._step, "who records has every unit"
            assert recorder.dropped == 0
            assert took_s < 10 * busy()
            assert cameras.are_in_order_and_once()
            print(f"{harm.__name__}: judged again after {took_s:.1f} s")

    asyncio.run(play())


@pytest.mark.faults
@pytest.mark.usefixtures("mortal")
def test_a_unit_that_makes_workers_compute_for_ever_holds_up_the_others_for_ten_seconds_at_most() -> None:
    async def play() -> None:
        async with running(VisionSettings(workers=2)) as rig:
            await all_ready(rig)
            cameras = Cameras(rig)
            await cameras.play(21)
            cameras.poison(SPINS)
            began_s = time.monotonic()
            stop: list[bool] = []
            task = asyncio.create_task(cameras.play_live(stop))
            longest_s = 0.0

            def is_over() -> bool:
                nonlocal longest_s
                others = [max(began_s, cameras.seen_s[stream]) for stream in CAMERAS[1:]]
                longest_s = max(longest_s, time.monotonic() - min(others))
                return rig.pool.status().starts > 2 and cameras.results[CAMERAS[0]][-1].seq > 21

            await rig.until(is_over, within_s=60)
            stop.append(True)
            await task
            assert longest_s < 10 * busy()
            assert cameras.are_in_order_and_once()
            print(f"others waited for {longest_s:.1f} s at most")

    asyncio.run(play())


def busy() -> float:
    """How much longer things may take here, because other work is going on."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
