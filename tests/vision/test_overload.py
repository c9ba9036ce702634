"""More than the live worker can do: what is seen stays fresh, people get their pictures, and the desk can die."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.bus.frames import RunEnded
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.vision.feed import Demand
from haechi.vision.result import FrameResult
from haechi.vision.settings import VisionSettings
from tests.vision.scenes import STREAM, Rig, moved, running, visitor

pytestmark = pytest.mark.slow

CAMERAS = [StreamId(f"cam_m{number}/main") for number in range(12)]
FPS, LOOP_S, PLAYED_S = 30, 12, 10.0


def looped(units: Sequence[AccessUnit], stream: StreamId, seconds: float) -> list[AccessUnit]:
    """The units again and again, `FPS` of them each second."""
    count = int(seconds * FPS)
    return [
        structs.replace(
            unit, ref=UnitRef(stream, 1, n), pts=n * 3000, dts=n * 3000, captured_ns=n * NS_PER_S // FPS + NS_PER_S
        )
        for n, unit in ((n, units[n % len(units)]) for n in range(count))
    ]


async def in_real_time(rig: Rig, streams: Sequence[Sequence[AccessUnit]]) -> None:
    """Publish the units of all streams, each at its moment."""
    began = time.monotonic()
    for step, units in enumerate(zip(*streams, strict=True)):
        await asyncio.sleep(max(0.0, began + step / FPS - time.monotonic()))
        for unit in units:
            rig.bus.channel(unit.ref.stream).publish(unit)


class Watcher:
    """Notes when results come, and how late after their units."""

    def __init__(self, rig: Rig) -> None:
        self.began = time.monotonic()
        self.seen: list[tuple[float, StreamId, float]] = []
        rig.pool.on_result(self._note)

    def late_s(self, after_s: float) -> list[float]:
        """Of the results later than that."""
        return [late_s for at_s, _, late_s in self.seen if at_s > after_s]

    def looks(self, after_s: float) -> Counter[StreamId]:
        """How many of each camera."""
        return Counter(stream for at_s, stream, _ in self.seen if at_s > after_s)

    def _note(self, result: FrameResult) -> None:
        at_s = time.monotonic() - self.began
        self.seen.append((at_s, result.ref.stream, at_s - result.ref.seq / FPS))


async def stills_s(rig: Rig, count: int) -> list[float]:
    """How long each of some stills took, asked for every second or so."""
    params, units = visitor()
    took: list[float] = []
    for _ in range(count):
        await asyncio.sleep(0.6)
        asked = time.monotonic()
        assert (await rig.pool.still(units[40:51], params)).startswith(b"\xff\xd8")
        took.append(time.monotonic() - asked)
    return sorted(took)


def test_a_worker_with_far_too_much_to_do_stays_fresh_and_fair_and_stills_are_answered() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running(VisionSettings()) as rig:
            for stream in CAMERAS:
                rig.pool.demand(stream, Demand.FULL)
                rig.open(params, stream)
            watcher = Watcher(rig)
            async with asyncio.TaskGroup() as group:
                group.create_task(in_real_time(rig, [looped(units, stream, PLAYED_S) for stream in CAMERAS]))
                asking = group.create_task(stills_s(rig, 12))
            status = rig.pool.status()
            assert status.thinned_looks + status.shed_units > 0
            assert status.strained_streams > 0
            others = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) - 1)
            assert max(watcher.late_s(3)) < 3 * others
            assert status.late_s < 2 * others
            stills = asking.result()
            assert stills[len(stills) // 2] < 1 * others
            looks = watcher.looks(3)
            assert set(looks) == set(CAMERAS), "nobody is forgotten"
            assert max(looks.values()) <= 4 * min(looks.values())

    asyncio.run(play())


def test_a_killed_desk_worker_answers_all_the_same_and_the_live_worker_does_not_notice() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            await rig.pool.still(units[:1], params)
            desk, live = rig.pool.desk_pid(), rig.pool.worker_pids()
            assert desk is not None
            assert desk not in live
            os.kill(desk, signal.SIGSTOP)
            still = asyncio.create_task(rig.pool.still(units[40:51], params))
            await asyncio.sleep(0.1)
            os.kill(desk, signal.SIGKILL)
            assert (await still).startswith(b"\xff\xd8")
            assert rig.pool.desk_pid() != desk
            assert rig.pool.worker_pids() == live
            assert rig.pool.status().starts == 1
            assert rig.pool.status().quarantined_units == 0

    asyncio.run(play())


def test_stills_are_answered_between_the_gops_of_a_replay_and_two_replays_take_turns() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            await rig.pool.infer(units[:20], params)
            done: list[str] = []

            async def replay(name: str) -> None:
                await rig.pool.infer(units, params)
                done.append(name)

            async with asyncio.TaskGroup() as group:
                group.create_task(replay("first"))
                group.create_task(replay("second"))
                await asyncio.sleep(0.05)
                for _ in range(3):
                    await rig.pool.still(units[40:51], params)
                assert not done, "stills do not wait for six GOPs"
            assert sorted(done) == ["first", "second"]

    asyncio.run(play())


def test_the_end_of_a_run_is_told_after_its_last_result() -> None:
    params, units = visitor()

    async def play() -> None:
        async with running() as rig:
            told: list[str] = []
            rig.pool.on_result(lambda result: told.append(f"{result.ref.stream} {result.ref.run}"))

            def over(ended: RunEnded) -> None:
                told.append(f"{ended.stream} {ended.run} over")

            rig.pool.on_run_ended(over)
            rig.pool.demand(STREAM, Demand.FULL)
            for run in (1, 2):
                rig.open(params, run=run)
                await rig.until(lambda: rig.pool.status().streams == 1)
                for unit in moved(units[20:60], STREAM):
                    ref = structs.replace(unit.ref, run=run)
                    at_ns = unit.captured_ns + run * 100 * NS_PER_S
                    rig.bus.channel(STREAM).publish(structs.replace(unit, ref=ref, captured_ns=at_ns))
                rig.close(run=run)
            await rig.until(lambda: f"{STREAM} 2 over" in told)
            await rig.settle()
            assert told.count(f"{STREAM} 1") > 3
            assert told == sorted(told), "results of a run, its end, results of the next, its end"

    asyncio.run(play())
