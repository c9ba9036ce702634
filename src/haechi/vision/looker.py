"""Takes frames of any streams through the modules of their programmes, each module once for all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import UnitRef
from haechi.vision.decode import Frame
from haechi.vision.detectors import Detector
from haechi.vision.detectors.together import Together
from haechi.vision.messages import UnitIn, Use
from haechi.vision.programme import OBJECTS, detectors_of
from haechi.vision.result import Detection, FrameResult
from haechi.vision.steps.keyframe import KeyframeStep
from haechi.vision.steps.sight import Looking, Sight

DETECT_DEADLINE_S = 1.0


class Looker:
    """What a worker loaded.

    Args:
        detectors: By module: several of one are merged, and so are those of several modules of a programme. Each once.
        steps: In the order in which they look.
    """

    def __init__(self, detectors: Mapping[str, Sequence[Detector]], steps: Sequence[Looking]) -> None:
        self._detectors = detectors
        self._steps = tuple(steps)
        self._together = cache(self._merged)

    @property
    def modules(self) -> tuple[str, ...]:
        """What programmes may name."""
        return (*self._detectors, *(step.name for step in self._steps))

    def together(self, modules: Sequence[str]) -> Together | None:
        """What finds boxes for a programme; None: nothing does."""
        return self._together(detectors_of(modules))

    def objects(self) -> Together | None:
        """The server's detector."""
        return self.together((OBJECTS,))

    def asks_for(self, sight: Sight) -> bool:
        """Whether a module after the detectors wants the frame; ask once for each."""
        sight.wanted_by = tuple(step.name for step in self._steps if step.name in sight.modules and step.wants(sight))
        return bool(sight.wanted_by)

    def look(self, sights: Sequence[Sight]) -> None:
        """Everything that the programmes ask for, into `Sight.result`. Frames are dropped."""
        for wanted in dict.fromkeys(detectors_of(sight.modules) for sight in sights):
            together = self._together(wanted)
            if together is not None:
                self._detect(together, [sight for sight in sights if detectors_of(sight.modules) == wanted])
        for step in self._steps:
            mine = [sight for sight in sights if step.name in sight.wanted_by]
            if mine:
                began_ns = time.monotonic_ns()
                reason = step.look(mine)
                _spent(step.name, mine, began_ns, step.deadline_s, reason)
        for sight in sights:
            sight.drop()

    def warm(self, frame: Frame) -> None:
        """Everything once with a frame of no stream: what is opened or compiled when first used must be so now."""
        person = Detection("person", 1.0, 0.0, 0.0, 1.0, 1.0)
        unit = UnitIn(UnitRef(StreamId(""), 0, 0), 0, 0, True, b"")
        result = FrameResult(unit.ref, 0, (person,), frame.width_px, frame.height_px, 0.0, "", "", "", "", "", 0)
        for module in self._detectors:
            together = self.together((module,))
            if together is not None:
                together.detect([together.views(frame.scaled, frame.width_px, frame.height_px)])
        for step in self._steps:
            step.look([Sight(unit, (step.name,), False, result, frame=frame)])
        self.forget("")

    def forget(self, key: str) -> None:
        """The stream is gone."""
        for step in self._steps:
            step.forget(key)

    def restore(self, key: str, module: str, state: bytes) -> None:
        """Go on from what a module knew of a stream."""
        for step in self._keyframes():
            if step.name == module:
                step.restore(key, state)

    def save(self, key: str) -> None:
        """Have what modules know of a stream sent."""
        for step in self._keyframes():
            step.save(key)

    def _keyframes(self) -> list[KeyframeStep]:
        return [step for step in self._steps if isinstance(step, KeyframeStep)]

    def _merged(self, modules: tuple[str, ...]) -> Together | None:
        found = {one.spec.model_hash: one for module in modules for one in self._detectors.get(module, ())}
        return Together(tuple(found.values())) if found else None

    def _detect(self, together: Together, sights: Sequence[Sight]) -> None:
        began_ns = time.monotonic_ns()
        for sight, found in zip(sights, together.detect([one.views for one in sights]), strict=True):
            sight.saw(found)
        _spent(OBJECTS, sights, began_ns, DETECT_DEADLINE_S, "")


def _spent(module: str, sights: Sequence[Sight], began_ns: int, deadline_s: float, reason: str) -> None:
    """Put down the time since ``began_ns``, in equal parts."""
    each_ns = (time.monotonic_ns() - began_ns) // len(sights)
    for sight in sights:
        sight.took_ns += each_ns
        is_late = each_ns > deadline_s * NS_PER_S
        sight.uses.append(Use(module, 1, int(is_late), each_ns, int(bool(reason)), reason))
