"""One stream in the pool: what waits for its worker, what that was asked, and the objects that are followed in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.bus.frames import RunEnded
from haechi.media.access_unit import UnitRef
from haechi.vision.cost import Done, Meter
from haechi.vision.feed import Plan, StreamFeed
from haechi.vision.messages import UnitIn
from haechi.vision.programme import DEFAULT
from haechi.vision.result import FrameResult, Moved
from haechi.vision.track import BEGIN, TrackerState, track

MOST_ASKED = 1024
CHUNK_NS = 30_000_000
MOST_CHUNK_UNITS = 16
"""A plan goes to the worker in pieces of about so much work, so that no camera holds the others up."""
FIRST_UNIT_NS = 10_000_000
"""What a unit of a stream is thought to cost before one was measured: one in two to decode, one in five to look at."""
_WEIGHT = 0.2


class Chunk(Struct, frozen=True):
    """A piece of a plan, and when its units came (monotonic)."""

    plan: Plan
    since_ns: int


class _Asked(Struct, frozen=True):
    """A look that is owed."""

    captured_ns: int
    since_ns: int


class Lane:
    """A result must be of a unit that a worker was asked to look at and that was not reported yet: a worker can neither
    invent frames nor, after a retry, report one twice.

    Attributes:
        unit_ns: What a unit of this stream costs the worker, looks included; a running mean.
        meter: What it costs and would cost, for whom it may concern where it is looked at.
        modules: What looks at it.
        states: What modules know of it, as last saved: goes along to another worker.
        is_leaving: Whether it goes to another worker at its next GOP: what begins one is held back.
    """

    def __init__(self, stream: StreamId, feed: StreamFeed, before: Lane | None = None) -> None:
        self.stream = stream
        self.feed = feed
        self.unit_ns: int = FIRST_UNIT_NS if before is None else before.unit_ns
        self.meter: Meter = Meter() if before is None else before.meter
        self.modules: tuple[str, ...] = DEFAULT
        self.states: dict[str, bytes] = {} if before is None else before.states
        self.is_leaving = self._has_parted = False
        self._given_units = self._given_looks = self._used_ns = 0
        self._last_ns = 0
        self._waiting: deque[Chunk] = deque()
        self._sent: deque[int] = deque()
        self._asked: dict[UnitRef, _Asked] = {}
        self._ended: deque[RunEnded] = deque() if before is None else before._ended
        self._told_run: int = 0 if before is None else before._told_run
        self._reported: deque[UnitRef] = deque(maxlen=MOST_ASKED) if before is None else before._reported
        self._tracker: TrackerState = BEGIN if before is None else before._tracker

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to send."""
        if self.is_leaving and self._is_between_gops:
            return not self._has_parted
        return bool(self._waiting)

    @property
    def can_leave(self) -> bool:
        """Whether another worker can go on from here: this one owes nothing and has nothing that is needed."""
        return self._is_between_gops and self._has_parted and not self._sent

    def leave(self) -> None:
        """The stream goes to another worker as soon as it `can_leave`."""
        self.is_leaving = True

    def stay(self) -> None:
        """It is there, or it does not go after all."""
        self.is_leaving = self._has_parted = False

    @property
    def _is_between_gops(self) -> bool:
        """Whether what is sent next begins a GOP."""
        return self._waiting[0].plan.params is not None if self._waiting else not self.feed.is_open

    @property
    def last_ns(self) -> int:
        """When the newest unit that was sent was captured."""
        return self._last_ns

    def units_waiting(self) -> int:
        """Units that were not sent yet."""
        return sum(len(chunk.plan.units) for chunk in self._waiting)

    def waited_s(self, now_ns: int) -> float:
        """How long the oldest unanswered work waits."""
        if self._sent:
            return (now_ns - self._sent[0]) / NS_PER_S
        return (now_ns - self._waiting[0].since_ns) / NS_PER_S if self._waiting else 0.0

    def add(self, plan: Plan, now_ns: int) -> None:
        """A plan that is to be sent, behind those that wait."""
        self._waiting += (Chunk(part, now_ns) for part in _parts(plan, self._chunk_units()))

    def take(self, now_ns: int) -> Chunk:
        """What is sent next; `is_waiting` must hold. The last thing that a worker is given of a stream that leaves is
        work without units: what its decoder holds back is asked for, and what its modules know.
        """
        is_last = self.is_leaving and self._is_between_gops
        chunk = Chunk(Plan((), None, drain=True), now_ns) if is_last else self._waiting.popleft()
        self._has_parted = is_last
        self._sent.append(chunk.since_ns)
        for unit in chunk.plan.units:
            self._last_ns = unit.captured_ns
            if unit.analyse != "no" and unit.ref not in self._reported:
                self._asked[unit.ref] = _Asked(unit.captured_ns, chunk.since_ns)
        while len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        return chunk

    def expire(self, now_ns: int) -> None:
        """Leave out looks that wait for too long: what follows can still be decoded. When that does not help, give up
        what waits, up to the next GOP that is still fresh."""
        settings = self.feed.settings
        self._thin(now_ns - int(settings.slow_wait_s * NS_PER_S))
        limit_ns = now_ns - int(settings.most_wait_s * NS_PER_S)
        if not self._waiting or self._waiting[0].since_ns > limit_ns:
            return
        stale: list[Chunk] = []
        while self._waiting and (self._waiting[0].since_ns <= limit_ns or self._waiting[0].plan.params is None):
            stale.append(self._waiting.popleft())
        self.feed.shed([unit for chunk in stale for unit in chunk.plan.units])

    def _thin(self, limit_ns: int) -> None:
        for row, chunk in enumerate(self._waiting):
            if chunk.since_ns > limit_ns:
                return
            units = tuple(one if one.is_sync else structs.replace(one, analyse="no") for one in chunk.plan.units)
            thinned = sum(a.analyse != b.analyse for a, b in zip(units, chunk.plan.units, strict=True))
            if thinned:
                self.feed.thinned_looks += thinned
                self._waiting[row] = structs.replace(chunk, plan=structs.replace(chunk.plan, units=units))

    def done(self, units: Sequence[UnitIn], took_ns: int) -> None:
        """The worker answered the oldest chunk that it was sent."""
        if self._sent:
            self._sent.popleft()
        if not units:
            return
        looks = sum(unit.analyse != "no" for unit in units)
        self.unit_ns += int(_WEIGHT * (took_ns / len(units) - self.unit_ns))
        self.meter.cost.learn(len(units), looks, took_ns)
        self._given_units += len(units)
        self._given_looks += looks
        self._used_ns += took_ns

    def measure(self, now_ns: int) -> None:
        """Take what happened until now into the meter."""
        wanted = (self.feed.wanted_units, self.feed.wanted_looks)
        self.meter.note(now_ns, Done(*wanted, self._given_units, self._given_looks, self._used_ns))

    def end(self, ended: RunEnded) -> None:
        """A run is over; the worker may still have some of it."""
        self.feed.reset()
        self._ended.append(ended)

    def ended(self, before_run: int | None = None) -> Iterator[RunEnded]:
        """Runs of which no result follows any more, each once: those before a run that has results; or, when None is
        named, all as soon as nothing is with the worker."""
        if before_run is None and (self._waiting or self._sent):
            return
        while self._ended and (before_run is None or self._ended[0].run < before_run):
            ended = self._ended.popleft()
            self._told_run = max(self._told_run, ended.run)
            yield ended

    def clear(self) -> None:
        """The worker is gone: nothing is waiting or on its way any more."""
        self._waiting.clear()
        self._sent.clear()
        self._has_parted = False

    def judged(self, moved: Iterable[Moved]) -> tuple[Moved, ...]:
        """What a worker says of frames that it was asked to judge; call it before `takes`."""
        return tuple(
            one
            for one in islice(moved, MOST_ASKED)
            if one.ref in self._asked and self._asked[one.ref].captured_ns == one.captured_ns and one.is_sound()
        )

    def takes(self, result: FrameResult) -> int | None:
        """When the unit of a result came, if the result was asked for and has numbers that make sense; else None."""
        asked = self._asked.pop(result.ref, None)
        if (
            asked is None
            or result.ref.run <= self._told_run
            or asked.captured_ns != result.captured_ns
            or not result.is_sound()
        ):
            return None
        return asked.since_ns

    def follow(self, result: FrameResult) -> tuple[FrameResult, TrackerState]:
        """The result with its objects numbered, and the state of the tracker before it."""
        before = self._tracker
        self._tracker, detections = track(before, result.captured_ns, result.detections)
        self._reported.append(result.ref)
        return structs.replace(result, detections=detections), before

    def _chunk_units(self) -> int:
        return max(1, min(MOST_CHUNK_UNITS, CHUNK_NS // max(1, self.unit_ns)))


def _parts(plan: Plan, size: int) -> Iterator[Plan]:
    """The plan in pieces of ``size`` units that come to the same when they are sent one after another."""
    for first in range(0, len(plan.units), size):
        units = plan.units[first : first + size]
        is_last = first + size >= len(plan.units)
        yield Plan(units, plan.params if first == 0 else None, plan.drain and is_last)
