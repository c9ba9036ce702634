"""Whose turn it is at a live worker, and how much it is given at a time. Pure.

The worker is never given more than a moment's work ahead: what waits, waits here, where it can be given up. Cameras
take turns by the time that they cost (start-time fair queueing, Goyal, Vin and Cheng 1996): one that costs much waits
more often, and cannot make others wait.
"""

from __future__ import annotations

from msgspec import Struct

from haechi.base.ids import StreamId
from haechi.vision.feed import Plan
from haechi.vision.lane import Chunk, Lane

AHEAD_NS = 120_000_000
LEAST_AHEAD_JOBS = 2
"""What a worker has in hand at most: work of about so long, but as many jobs as keep it from idling."""
MOST_JOB_NS = 10_000_000_000
"""The worker is not trusted: no job is believed to have taken longer."""


class Given(Struct, frozen=True):
    """A piece of work that the worker was given. ``estimate_ns``: what it was thought to cost."""

    lane: Lane
    plan: Plan
    estimate_ns: int


class Schedule:
    """The streams of one worker."""

    def __init__(self) -> None:
        self._lanes: dict[StreamId, Lane] = {}
        self._used_ns: dict[StreamId, int] = {}
        self._turn_ns = 0
        self._ahead: dict[int, Given] = {}
        self._ahead_ns = 0

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All streams."""
        return tuple(self._lanes.values())

    def join(self, lane: Lane) -> None:
        """A stream, or a new lane of one that was there."""
        self._lanes[lane.stream] = lane
        self._used_ns[lane.stream] = self._turn_ns

    def leave(self, lane: Lane) -> None:
        """The stream is gone."""
        del self._lanes[lane.stream], self._used_ns[lane.stream]

    def given(self, job: int) -> Given | None:
        """What the worker was given under this number."""
        return self._ahead.get(job)

    def units(self) -> int:
        """Units that wait or are with the worker."""
        waiting = sum(lane.units_waiting() for lane in self._lanes.values())
        return waiting + sum(len(given.plan.units) for given in self._ahead.values())

    def next(self, job: int, now_ns: int) -> Given | None:
        """What the worker is given next, as ``job``; None: nothing waits, or it has enough in hand."""
        if self._ahead_ns >= AHEAD_NS and len(self._ahead) >= LEAST_AHEAD_JOBS:
            return None
        for lane in self._lanes.values():
            lane.expire(now_ns)
        waiting = [lane for lane in self._lanes.values() if lane.is_waiting]
        if not waiting:
            return None
        lane = min(waiting, key=lambda one: self._start_ns(one.stream))
        chunk: Chunk = lane.take(now_ns)
        given = Given(lane, chunk.plan, lane.unit_ns * len(chunk.plan.units))
        self._turn_ns = self._start_ns(lane.stream)
        self._used_ns[lane.stream] = self._turn_ns + given.estimate_ns
        self._ahead[job] = given
        self._ahead_ns += given.estimate_ns
        return given

    def done(self, job: int, took_ns: int) -> Given | None:
        """The worker finished a job; None when it was never given it."""
        given = self._ahead.pop(job, None)
        if given is None:
            return None
        self._ahead_ns -= given.estimate_ns
        took_ns = max(0, min(took_ns, MOST_JOB_NS))
        given.lane.done(given.plan.units, took_ns)
        if given.lane.stream in self._used_ns:
            self._used_ns[given.lane.stream] += took_ns - given.estimate_ns
        return given

    def clear(self) -> None:
        """The worker is gone."""
        self._ahead.clear()
        self._ahead_ns = 0
        for lane in self._lanes.values():
            lane.clear()

    def _start_ns(self, stream: StreamId) -> int:
        """Where the next piece of a stream begins in the time of all: nobody saves up turns while idle."""
        return max(self._used_ns[stream], self._turn_ns)
