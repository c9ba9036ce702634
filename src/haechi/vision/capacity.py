"""What the live workers have to do, and how much more they could do. Pure.

How many more cameras fit is computed from what was measured: the cost of a camera is the time of a worker per second
that it would take if all that is asked of it were done (`cost`), and a worker is full at `PROMISED_SHARE` of its time,
because work that comes unevenly waits before that. So each worker has room for ``(PROMISED_SHARE - wanted) // cost``
more; and no more of them together than fit into the processors that were idle of late, less `SPARE_SHARE` of all: a
worker cannot use a processor that something else has. Taking in and recording a camera is not part of its cost (about
2 ms per second).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.vision.cost import Rates
from haechi.vision.lane import Lane
from haechi.vision.live import LiveWorker
from haechi.vision.strain import Level

PROMISED_SHARE = 0.85
SPARE_SHARE = 0.05
LATE_SHARE = 0.95
LEAST_COST = 1e-4
"""A camera that costs less (a tenth of a millisecond per second) is taken to cost that: nothing is free."""


class WorkerLoad(Struct, frozen=True):
    """A live worker.

    Attributes:
        used: Share of its time that work took of late.
        wanted: Share that it would be if nothing were given up; may be more than 1.
        late_s: From the arrival of a picture to its result: the 95th percentile of the last 10 s; 0 without results.
        starts: Processes that were started for it.
    """

    number: int
    pid: int | None
    is_ready: bool
    streams: int
    used: float
    wanted: float
    late_s: float
    starts: int


class StreamLoad(Struct, frozen=True):
    """A stream that is followed.

    Attributes:
        wanted: Seconds of a worker per second that it would take if nothing were given up; None: not known yet.
        rates: What was asked for and what was given, per second.
    """

    stream: StreamId
    worker: int | None
    wanted: float | None
    rates: Rates
    shed_units: int
    thinned_looks: int
    level: Level


class Room(Struct, frozen=True):
    """How many more cameras can be looked at; None: no camera was measured yet."""

    like_mean: int | None
    like_dearest: int | None


class Capacity(Struct, frozen=True):
    """All of it. ``stopped``: streams that are not to be looked at."""

    workers: tuple[WorkerLoad, ...]
    streams: tuple[StreamLoad, ...]
    stopped: frozenset[StreamId]

    def room(self, idle_cores: float | None, cores: float) -> Room:
        """How many more.

        Args:
            idle_cores: Processors that had nothing to do of late; None: the system does not tell.
        """
        costs = [max(LEAST_COST, one.wanted) for one in self.streams if one.wanted is not None]
        free = [max(0.0, PROMISED_SHARE - one.wanted) for one in self.workers if one.is_ready]
        if not costs:
            return Room(None, None)
        most = None if idle_cores is None else max(0.0, idle_cores - SPARE_SHARE * cores)
        return Room(more(free, sum(costs) / len(costs), most), more(free, max(costs), most))


def more(free: Sequence[float], cost: float, most: float | None) -> int:
    """How many cameras of a cost fit into the free shares of workers, and into so many processors together."""
    fit = sum(int(share / cost + 1e-9) for share in free)
    return fit if most is None else min(fit, int(most / cost + 1e-9))


def capacity_of(
    workers: Sequence[LiveWorker],
    lanes: Iterable[Lane],
    worker_of: Callable[[StreamId], int | None],
    stopped: Collection[StreamId],
) -> Capacity:
    """How it is now. A stream that is not known yet counts as what it uses."""
    streams = tuple(_stream_load(lane, worker_of(lane.stream)) for lane in lanes)
    return Capacity(
        workers=tuple(_worker_load(one, [s for s in streams if s.worker == one.number]) for one in workers),
        streams=streams,
        stopped=frozenset(stopped),
    )


def _stream_load(lane: Lane, worker: int | None) -> StreamLoad:
    meter, feed = lane.meter, lane.feed
    wanted = meter.wanted() if meter.is_known else None
    return StreamLoad(lane.stream, worker, wanted, meter.rates(), feed.shed_units, feed.thinned_looks, feed.level)


def _worker_load(worker: LiveWorker, streams: Sequence[StreamLoad]) -> WorkerLoad:
    return WorkerLoad(
        number=worker.number,
        pid=worker.link.pid,
        is_ready=worker.link.ready is not None,
        streams=len(streams),
        used=worker.usage.share,
        wanted=sum(one.rates.used if one.wanted is None else one.wanted for one in streams),
        late_s=high(worker.late_ns()) / NS_PER_S,
        starts=worker.link.starts,
    )


def high(late_ns: Sequence[int]) -> int:
    """The `LATE_SHARE` quantile; 0 of nothing."""
    return sorted(late_ns)[int(len(late_ns) * LATE_SHARE)] if late_ns else 0
