"""All live workers: which streams each has, who takes over when one dies, and who gives one up when it has too much.

`assign` decides, this does it. A stream goes to another worker between two GOPs, when the one that had it has answered
everything: so its results stay in order and nothing is decoded twice. Of a worker that died, others go on at once from
the beginning of the GOP, as it would have done itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import StreamId
from haechi.base.machine import IdleCores
from haechi.media.access_unit import AccessUnit, VideoParams
from haechi.vision.assign import Load, place, rebalance
from haechi.vision.lane import Lane
from haechi.vision.live import LiveWorker

log = structlog.get_logger(__name__)

STRANDED_S = 8.0
"""A worker that is not back so long after its last word gives up the stream that it died on, too; it loads in a second,
and on a busy machine in several. All streams are to be judged again within 10 s."""
LEAVE_S = 30.0
"""A stream whose GOP does not end within that stays where it is."""
PROBATION_S = 5.0
MOST_PROBATION_S = 300.0
"""A worker that died is given streams of others when it has been back for so long; for each death within
`FORGIVEN_S`, twice as long: one that dies of what it is given does not get everybody's streams again and again."""
FORGIVEN_S = 600.0


class _Post(Struct):
    """A stream, and where it is.

    Attributes:
        moved_ns: When it came there; None: it has always been.
        target: The worker that it goes to at its next GOP, since ``leaving_ns``.
    """

    lane: Lane
    worker: int
    moved_ns: int | None = None
    target: int | None = None
    leaving_ns: int = 0


class Crew:
    """Streams are known by their lanes; workers by their numbers, which count from 0.

    Attributes:
        idle: What the machine had to spare of late.
        moves: Streams that went to another worker since start; ``takeovers``: after one died.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.workers: Sequence[LiveWorker] = ()
        self._posts: dict[StreamId, _Post] = {}
        self._down_ns: dict[int, int] = {}
        self._up_ns: dict[int, int] = {}
        self._suspects: dict[int, StreamId | None] = {}
        self._deaths_ns: dict[int, list[int]] = {}
        self.idle = IdleCores()
        self.moves = 0
        self.takeovers = 0

    def join(self, lane: Lane) -> None:
        """A stream came; it goes where most room is."""
        before = self._posts.get(lane.stream)
        number = place(self._loads(), self._takers()) if before is None else before.worker
        self._posts[lane.stream] = _Post(lane, number)
        self.workers[number].schedule.join(lane)

    def leave(self, lane: Lane) -> None:
        """The stream is gone, or is not looked at any more."""
        self.workers[self._posts.pop(lane.stream).worker].forget(lane)

    def take(self, lane: Lane, unit: AccessUnit, params: VideoParams) -> None:
        """A unit of a stream came."""
        self.workers[self._posts[lane.stream].worker].take(lane, unit, params)
        self.settle(lane)

    def send(self, stream: StreamId, target: int) -> None:
        """A stream is to go to another worker, at its next GOP."""
        post = self._posts[stream]
        post.target, post.leaving_ns = target, self._clock.monotonic_ns()
        post.lane.leave()
        self.workers[post.worker].pump()

    def settle(self, lane: Lane) -> None:
        """If a stream is to go to another worker and can go now, it goes."""
        post = self._posts.get(lane.stream)
        if post is None or post.target is None or post.lane is not lane or not lane.can_leave:
            return
        source, target = self.workers[post.worker], self.workers[post.target]
        self._stay(post)
        if target.link.ready is None:
            return
        source.forget(lane)
        post.worker, post.moved_ns = target.number, self._clock.monotonic_ns()
        self.moves += 1
        log.info("a stream goes to another worker", stream=lane.stream, source=source.number, target=target.number)
        target.take_over(lane, None)

    def worker_of(self, stream: StreamId) -> int | None:
        """The number of the worker that has a stream."""
        post = self._posts.get(stream)
        return None if post is None else post.worker

    def lost(self, number: int, suspect: StreamId | None) -> None:
        """A worker died, and what it owed was forgotten: the others take over. The stream that it may have died of
        stays: if it was that, it takes none of the others along.
        """
        now_ns = self._clock.monotonic_ns()
        self._down_ns[number] = self.workers[number].link.heard_ns or now_ns
        self._suspects[number] = suspect
        self._up_ns.pop(number, None)
        since_ns = now_ns - int(FORGIVEN_S * NS_PER_S)
        self._deaths_ns[number] = [*(at for at in self._deaths_ns.get(number, ()) if at > since_ns), now_ns]
        for post in self._posts.values():
            if number in (post.worker, post.target):
                self._stay(post)
        self._scatter(number, suspect)

    def watch(self) -> None:
        """Call it about once a second: measures, and moves what should be elsewhere."""
        now_ns = self._clock.monotonic_ns()
        self.idle.measure()
        for worker in self.workers:
            worker.usage.measure(now_ns)
            self._look_after(worker, now_ns)
        for post in self._posts.values():
            post.lane.measure(now_ns)
            if post.target is not None and now_ns - post.leaving_ns > LEAVE_S * NS_PER_S:
                self._stay(post)
        if not any(post.target is not None for post in self._posts.values()):
            self._balance(now_ns)

    def _look_after(self, worker: LiveWorker, now_ns: int) -> None:
        """Streams of a worker that is not there go to one that is; the one that it died on, when it stays away."""
        number = worker.number
        if worker.link.ready is not None:
            self._down_ns.pop(number, None)
            self._up_ns.setdefault(number, now_ns)
        elif now_ns - self._down_ns.setdefault(number, now_ns) > STRANDED_S * NS_PER_S:
            self._scatter(number, None)
        elif self._deaths_ns.get(number):
            self._scatter(number, self._suspects.get(number))

    def _balance(self, now_ns: int) -> None:
        settled = [worker.number for worker in self.workers if self._is_settled(worker, now_ns)]
        move = rebalance(self._loads(), settled, now_ns)
        if move is None:
            return
        self.send(move.stream, move.target)

    def _scatter(self, number: int, suspect: StreamId | None) -> None:
        """All streams of a worker that is gone go to those that are there, each where most room is by then."""
        ready = [one for one in self._takers() if one != number and self.workers[one].link.ready is not None]
        mine = [post for post in self._posts.values() if post.worker == number and post.lane.stream != suspect]
        if not ready or not mine:
            return
        for post in mine:
            others = [load for load in self._loads() if load.worker != number]
            target = self.workers[place(others, ready)]
            self.workers[number].schedule.leave(post.lane)
            post.worker, post.moved_ns = target.number, None
            target.take_over(post.lane, post.lane.feed.retry())
        self.takeovers += len(mine)
        log.warning("the streams of a decode worker were taken over", worker=number, streams=len(mine))

    def _takers(self) -> list[int]:
        """Workers for a stream that comes: those of which no harm is known; else those that are there; else all."""
        now_ns = self._clock.monotonic_ns()
        sound = [
            one.number for one in self.workers if not self._deaths_ns.get(one.number) or self._is_settled(one, now_ns)
        ]
        there = [one.number for one in self.workers if one.link.ready is not None]
        return sound or there or [one.number for one in self.workers]

    def _is_settled(self, worker: LiveWorker, now_ns: int) -> bool:
        """Whether a worker is there, and has been for long enough."""
        up_ns = self._up_ns.get(worker.number)
        if worker.link.ready is None or up_ns is None:
            return False
        since_ns = now_ns - int(FORGIVEN_S * NS_PER_S)
        deaths = sum(at > since_ns for at in self._deaths_ns.get(worker.number, ()))
        probation_s = min(MOST_PROBATION_S, PROBATION_S * 2 ** (deaths - 1)) if deaths else 0.0
        return now_ns - up_ns >= probation_s * NS_PER_S

    def _stay(self, post: _Post) -> None:
        post.target = None
        post.lane.stay()

    def _loads(self) -> list[Load]:
        return [
            Load(
                stream,
                post.worker,
                post.lane.meter.wanted() if post.lane.meter.is_known else None,
                post.moved_ns,
            )
            for stream, post in self._posts.items()
        ]
