"""One stream in the pool: what its worker was asked, and the objects that are followed in it."""

from __future__ import annotations

from collections import deque

from msgspec import structs

from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.vision.feed import Plan, StreamFeed
from haechi.vision.link import WorkerLink
from haechi.vision.result import FrameResult
from haechi.vision.track import TrackerState, track

MOST_ASKED = 1024


class Lane:
    """A result must be of a unit that a worker was asked to look at and that was not reported yet: a worker can neither
    invent frames nor, after a retry, report one twice."""

    def __init__(self, stream: StreamId, link: WorkerLink, feed: StreamFeed, before: Lane | None = None) -> None:
        self.stream = stream
        self.link = link
        self.feed = feed
        self._asked: dict[UnitRef, int] = {}
        self._reported: deque[UnitRef] = deque(maxlen=MOST_ASKED) if before is None else before._reported
        self._tracker: TrackerState = TrackerState() if before is None else before._tracker

    def ask(self, plan: Plan) -> None:
        """A plan goes to the worker."""
        for unit in plan.units:
            if unit.analyse != "no" and unit.ref not in self._reported:
                self._asked[unit.ref] = unit.captured_ns
        while len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]

    def takes(self, result: FrameResult) -> bool:
        """Whether a result is one that was asked for, with numbers that make sense."""
        return self._asked.pop(result.ref, None) == result.captured_ns and result.is_sound()

    def follow(self, result: FrameResult) -> tuple[FrameResult, TrackerState]:
        """The result with its objects numbered, and the state of the tracker before it."""
        before = self._tracker
        self._tracker, detections = track(before, result.captured_ns, result.detections)
        self._reported.append(result.ref)
        return structs.replace(result, detections=detections), before
