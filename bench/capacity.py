"""Whether "this machine can look at N more cameras" is true: predict it, add cameras until looks are left out, compare.

Cameras of rendered footage (a person walks through a shop) are published on a bus in real time, each with a rule that
asks for full decoding; live workers decode and look at them as in the server. Taking in, recording and viewers are not
part of it. After `SETTLE_S` with some cameras the meter says how many more fit; then one is added every `STEP_S`, until
looks are left out in two steps in a row.

    python -m bench.capacity [--workers 1] [--start 2] [--fps 15] [--most 24]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import Sequence

from msgspec import Struct, structs
from tests.vision.scenes import visitor

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.ids import StreamId
from haechi.base.machine import cores
from haechi.bus.frames import FrameBus, Run
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, UnitRef
from haechi.vision.feed import Demand
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings

SETTLE_S = 30.0
STEP_S = 20.0
WHOLE = 0.95
"""Of the looks asked for: fewer, and looks are left out. Rates are means of 15 s."""


class Step(Struct, frozen=True):
    """A while with a number of cameras.

    Attributes:
        total: How many cameras the meter says there could be.
        given: Looks that were made, of those that were asked for.
    """

    cameras: int
    used: float
    wanted: float
    idle_cores: float
    total: int | None
    late_s: float
    given: float
    load: float


class Street:
    """Cameras that can be added."""

    def __init__(self, pool: VisionPool, bus: FrameBus, fps: int) -> None:
        self._pool = pool
        self._bus = bus
        self._fps = fps
        self._params, self._units = visitor(12, fps, 2 * fps)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def cameras(self) -> int:
        return len(self._tasks)

    def add(self) -> None:
        """One more, each a little beside the others."""
        number = self.cameras
        stream = StreamId(f"cam_n{number}/main")
        self._pool.demand(stream, Demand.FULL)
        self._bus.channel(stream).open_run(Run(stream, 1, time.time_ns(), [self._params]))
        self._tasks.append(asyncio.create_task(self._play(stream, 0.37 * number % 1)))

    async def stop(self) -> None:
        """All go."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _play(self, stream: StreamId, phase_s: float) -> None:
        began_s, seq = time.monotonic() + phase_s, 0
        began_ns = time.time_ns()
        first = int(phase_s * len(self._units)) // (2 * self._fps) * 2 * self._fps
        while True:
            await asyncio.sleep(max(0.0, began_s + seq / self._fps - time.monotonic()))
            unit = self._units[(first + seq) % len(self._units)]
            self._bus.channel(stream).publish(self._now(unit, stream, seq, began_ns))
            seq += 1

    def _now(self, unit: AccessUnit, stream: StreamId, seq: int, began_ns: int) -> AccessUnit:
        ticks = seq * TICKS_PER_S // self._fps
        at_ns = began_ns + seq * NS_PER_S // self._fps
        return structs.replace(unit, ref=UnitRef(stream, 1, seq), pts=ticks, dts=ticks, captured_ns=at_ns)


async def measured(pool: VisionPool, street: Street, seconds: float) -> Step:
    """What the meter says after a while."""
    await asyncio.sleep(seconds)
    status, capacity, idle = pool.status(), pool.capacity(), pool.idle_cores()
    wanted, given = (
        sum(getattr(one.rates, f"{word}_looks") for one in capacity.streams) for word in ("wanted", "given")
    )
    more = capacity.room(idle, cores()).like_mean
    return Step(
        street.cameras,
        sum(one.used for one in capacity.workers),
        sum(one.wanted for one in capacity.workers),
        -1.0 if idle is None else idle,
        None if more is None else street.cameras + more,
        status.late_s,
        given / wanted if wanted else 1.0,
        os.getloadavg()[0],
    )


async def measure(workers: int, start: int, fps: int, most: int) -> list[Step]:
    """Steps, from ``start`` cameras to one that is too many."""
    bus, store = FrameBus(), ModelStore()
    settings = VisionSettings(workers=workers)
    store.pull(settings.detector)
    pool = VisionPool(bus, store, SystemClock(), settings)
    street = Street(pool, bus, fps)
    steps: list[Step] = []
    running = asyncio.create_task(pool.run())
    try:
        while pool.status().ready_workers < workers:  # noqa: ASYNC110 (processes that load)
            await asyncio.sleep(0.1)
        for _ in range(start):
            street.add()
        await asyncio.sleep(SETTLE_S - STEP_S)
        while street.cameras < most and not _is_enough(steps):
            steps.append(await measured(pool, street, STEP_S))
            print(_row(steps[-1]), flush=True)
            street.add()
        return steps
    finally:
        await street.stop()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _is_enough(steps: Sequence[Step]) -> bool:
    return len(steps) > 1 and all(step.given < WHOLE for step in steps[-2:])


def _row(step: Step) -> str:
    total = "-" if step.total is None else str(step.total)
    return (
        f"| {step.cameras} | {step.used:.2f} | {step.wanted:.2f} | {step.idle_cores:.2f} | {total} "
        f"| {step.late_s:.2f} s | {step.given:.0%} | {step.load:.1f} |"
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("workers", 1), ("start", 2), ("fps", 15), ("most", 24)):
        parser.add_argument(f"--{name}", type=int, default=value)
    wish = parser.parse_args()
    print("| cameras | used | wanted | idle processors | cameras that fit, it says | late (95 %) | looks made | load |")
    print("|---|---|---|---|---|---|---|---|")
    steps = asyncio.run(measure(wish.workers, wish.start, wish.fps, wish.most))
    good = [step.cameras for step in steps if step.given >= WHOLE]
    said = steps[0].total
    print(f"\nPredicted with {steps[0].cameras} cameras: {said}. Looked at whole: {max(good, default=0)}.")


if __name__ == "__main__":
    main()
