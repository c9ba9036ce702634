"""One live worker: the streams that it serves, what it has in hand, and how late its answers are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit, VideoParams
from haechi.vision.cost import Usage
from haechi.vision.feed import Plan
from haechi.vision.lane import Lane
from haechi.vision.link import WorkerLink
from haechi.vision.messages import (
    Done,
    Failed,
    Forget,
    Picture,
    Progress,
    Ready,
    Reply,
    Restore,
    Save,
    Saved,
    UnitIn,
    Work,
)
from haechi.vision.result import FrameResult
from haechi.vision.schedule import MOST_JOB_NS, Schedule

log = structlog.get_logger(__name__)

LATE_OVER_S = 10.0
MOST_LATE = 4096
MOST_HELD = 64
"""Frames of earlier work that a decoder may have held back (`haechi.vision.decode.MOST_PENDING`)."""


class Answered(Struct, frozen=True):
    """What a worker says of a piece of work, as far as it can be true.

    Attributes:
        captured_ns: When the last of its units was captured; of work without any, the last unit before.
        results: Those that were asked for.
    """

    lane: Lane
    captured_ns: int
    done: Done
    results: list[FrameResult]


class Seat(Protocol):
    """A place for a worker, and what is to be done when one dies in it."""

    name: str
    link: WorkerLink

    def suspect(self) -> UnitIn | None:
        """The unit that the worker was decoding when it died."""

    def mourn(self) -> None:
        """The worker is gone: what it owed is forgotten, or kept for the next one."""


class LiveWorker:
    """Drives a `Schedule`.

    Args:
        on_done: Takes what was answered; gives its results with their tracks.
        on_settled: Called after that: a stream that goes to another worker may be able to go now.

    Attributes:
        on_saved: Called with what a module knows of a stream, as it is to be kept.
    """

    def __init__(
        self,
        number: int,
        clock: Clock,
        numbers: Iterator[int],
        on_done: Callable[[Answered], list[FrameResult]],
        on_settled: Callable[[Lane], None],
    ) -> None:
        self.number = number
        self.name = "decode worker"
        self.link = WorkerLink(clock, self._heard, is_live=True)
        self.schedule = Schedule()
        self.usage = Usage()
        self._clock = clock
        self._numbers = numbers
        self._recalled: set[StreamId] = set()
        self._on_done = on_done
        self._on_settled = on_settled
        self.on_saved: Callable[[StreamId, str, bytes], None] = lambda stream, module, state: None
        self._late: deque[tuple[int, int]] = deque(maxlen=MOST_LATE)

    def take(self, lane: Lane, unit: AccessUnit, params: VideoParams) -> None:
        """A unit of a stream has come; what is to be done for it is sent when its turn comes."""
        now_ns = self._clock.monotonic_ns()
        waited_s = lane.waited_s(now_ns)
        lane.expire(now_ns)
        plan = lane.feed.take(unit, params, is_ready=self.link.is_ready, waited_s=waited_s)
        if plan is not None:
            lane.add(plan, now_ns)
            self.pump()

    def forget(self, lane: Lane) -> None:
        """The stream is gone."""
        self.schedule.leave(lane)
        self._recalled.discard(lane.stream)
        self.link.send(Forget(lane.stream), owes_answer=False)

    def recall(self, stream: StreamId) -> None:
        """What modules know of a stream was changed: it is told before the next work."""
        self._recalled.discard(stream)

    def take_over(self, lane: Lane, plan: Plan | None) -> None:
        """A stream that another worker had.

        Args:
            plan: What is sent again because the other one died with it; None: nothing.
        """
        self.schedule.join(lane)
        if plan is not None:
            lane.add(plan, self._clock.monotonic_ns())
        self.pump()

    def late_ns(self) -> list[int]:
        """From the arrival of a unit to the result of its look, for those of the last `LATE_OVER_S`."""
        since_ns = self._clock.monotonic_ns() - int(LATE_OVER_S * NS_PER_S)
        return [late_ns for at_ns, late_ns in self._late if at_ns >= since_ns]

    def suspect(self) -> UnitIn | None:
        """The unit that the worker was decoding when it died."""
        progress = self.link.last_progress
        given = self.schedule.given(progress.job) if progress is not None else None
        if progress is None or given is None or not 0 <= progress.index < len(given.plan.units):
            return None
        return given.plan.units[progress.index]

    def mourn(self) -> None:
        """The worker is gone: what it owed to streams is theirs to send again."""
        self.link.last_progress = None
        self.schedule.clear()

    def _heard(self, reply: Reply) -> None:
        match reply:
            case Ready():
                self._recalled.clear()
                log.info("decode worker ready", pid=self.link.pid, confined=reply.confined)
                for lane in self.schedule.lanes:
                    plan = lane.feed.retry()
                    if plan is not None:
                        lane.add(plan, self._clock.monotonic_ns())
            case Done():
                self._done(reply)
            case Saved():
                self._keep(reply)
            case Picture() | Failed() | Progress():
                return
        self.pump()

    def _done(self, done: Done) -> None:
        given = self.schedule.done(done.job, done.took_ns)
        if given is None:
            return
        now_ns = self._clock.monotonic_ns()
        moved = given.lane.judged(done.moved)
        asked: list[FrameResult] = []
        for result in done.results:
            since_ns = given.lane.takes(result)
            if since_ns is not None:
                self._late.append((now_ns, now_ns - since_ns))
                asked.append(result)
        units = given.plan.units
        self.usage.add(min(max(0, done.took_ns), MOST_JOB_NS))
        decoded = max(0, min(done.decoded, len(units) + MOST_HELD))
        sound = structs.replace(done, moved=moved, decoded=decoded)
        answered = Answered(given.lane, units[-1].captured_ns if units else given.lane.last_ns, sound, asked)
        given.lane.feed.answered(len(units), self._on_done(answered))
        self._on_settled(given.lane)

    def pump(self) -> None:
        """Give the worker as much as it may have in hand."""
        while self.link.is_ready:
            job = next(self._numbers)
            given = self.schedule.next(job, self._clock.monotonic_ns())
            if given is None:
                return
            plan = given.plan
            self._recall(given.lane, is_last=not plan.units)
            self.link.send(Work(job, given.lane.stream, plan.units, plan.params, plan.drain, given.lane.modules))

    def _recall(self, lane: Lane, *, is_last: bool) -> None:
        """Before a worker's first work for a stream: what modules know of it. Before its last: have that saved."""
        if lane.stream not in self._recalled:
            self._recalled.add(lane.stream)
            for module, state in lane.states.items():
                self.link.send(Restore(lane.stream, module, state), owes_answer=False)
        if is_last:
            self.link.send(Save(lane.stream), owes_answer=False)

    def _keep(self, saved: Saved) -> None:
        """What a module knows of a stream; of one that this worker has, and of a module that looks at it."""
        for lane in self.schedule.lanes:
            if lane.stream == saved.key and saved.module in lane.modules:
                lane.states[saved.module] = saved.state
                self.on_saved(lane.stream, saved.module, saved.state)
