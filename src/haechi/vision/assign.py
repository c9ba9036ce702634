"""Which worker a stream goes to, by what streams cost. Pure.

A stream stays where it is as long as that does no harm: a move costs the tracker of a stream nothing, but the worker
learns its background anew. So one stream moves at a time, none more than once in `REST_S`, and only where it helps
visibly: when one worker has too much, or far more than another, and the other will still have less than that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId

FULL_SHARE = 0.8
"""Of a worker's time: beyond it, work begins to wait."""
APART_SHARE, FULL_APART_SHARE = 0.35, 0.15
"""Two workers that are further apart are made more equal; the second holds when one of them is full."""
APART_PART = 0.2
"""They must be apart by such a part of what the fuller one has, too: what noise in the costs makes of it is not."""
MOST_OF_GAP = 0.75
"""A stream that moves wants at most so much of what lies between two workers: half of it makes them equal, and more
than all of it would change their places."""
REST_S = 30.0
"""A stream that moved stays for so long."""
UNKNOWN_SHARE = 0.05
"""What a stream is thought to want before it was measured and while no other was."""


class Load(Struct, frozen=True):
    """A stream where it is.

    Attributes:
        worker: Number of its worker.
        share: Seconds of the worker per second that it wants; None: not measured yet.
        moved_ns: When it came there (monotonic); None: it has always been.
    """

    stream: StreamId
    worker: int
    share: float | None
    moved_ns: int | None = None


class Move(Struct, frozen=True):
    """Give a stream from one worker to another."""

    stream: StreamId
    source: int
    target: int


def shares(loads: Sequence[Load]) -> dict[StreamId, float]:
    """What each stream wants; one that was not measured, the mean of the others."""
    known = [load.share for load in loads if load.share is not None]
    mean = sum(known) / len(known) if known else UNKNOWN_SHARE
    return {load.stream: mean if load.share is None else load.share for load in loads}


def totals(loads: Sequence[Load], workers: Collection[int]) -> dict[int, float]:
    """What the streams of each worker want together."""
    wanted = shares(loads)
    return {worker: sum(wanted[one.stream] for one in loads if one.worker == worker) for worker in workers}


def place(loads: Sequence[Load], workers: Collection[int]) -> int:
    """The worker for one stream more: that of which least is wanted; of several, the one with the fewest streams.

    Args:
        workers: Those that can take one; there must be some.
    """
    has = totals(loads, workers)
    count = {worker: sum(one.worker == worker for one in loads) for worker in workers}
    return min(workers, key=lambda worker: (round(has[worker], 3), count[worker], worker))


def rebalance(loads: Sequence[Load], workers: Collection[int], now_ns: int) -> Move | None:
    """The one move that helps most; None: all is well enough, or nothing helps."""
    if len(workers) < 2:
        return None
    has, wanted = totals(loads, workers), shares(loads)
    counts = {worker: sum(one.worker == worker for one in loads) for worker in workers}
    source = max(workers, key=lambda worker: (has[worker], worker))
    target = min(workers, key=lambda worker: (has[worker], counts[worker], worker))
    is_idle = counts[target] == 0 and counts[source] > 1
    gap = has[source] - has[target]
    least = FULL_APART_SHARE if has[source] > FULL_SHARE else APART_SHARE
    if gap < max(least, APART_PART * has[source]) and not is_idle:
        return None
    free = [one for one in loads if one.worker == source and wanted[one.stream] <= MOST_OF_GAP * gap]
    free = [one for one in free if _is_rested(one, now_ns)]
    if not free:
        return None
    best = min(free, key=lambda one: (abs(wanted[one.stream] - gap / 2), one.stream))
    return Move(best.stream, source, target)


def _is_rested(load: Load, now_ns: int) -> bool:
    return load.moved_ns is None or now_ns - load.moved_ns >= REST_S * NS_PER_S
