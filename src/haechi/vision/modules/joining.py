"""What modules of others see, joined to what the house sees: rules then apply to both. Pure.

A module looks when it has time, and at other pictures than the detector; what it saw last goes to each result that
follows, until it looks again or too long ago.
"""

from __future__ import annotations

from collections.abc import Set

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.vision.modules.messages import Saw
from haechi.vision.result import MOST_DETECTIONS, MOST_LABEL, Detection, FrameResult

HOLDS_S = 1.0
"""How long what a module saw is thought to be so, at least; with few looks a second, two and a half of its turns."""
TURNS = 2.5


class _Seen(Struct, frozen=True):
    run: int
    at_ns: int
    until_ns: int
    things: tuple[Detection, ...]


class Joining:
    """See the module."""

    def __init__(self) -> None:
        self._seen: dict[StreamId, dict[str, _Seen]] = {}

    def note(self, stream: StreamId, module: str, saw: Saw, fps: float) -> None:
        """A module looked at a picture."""
        holds_ns = round(max(HOLDS_S, TURNS / max(fps, 0.05)) * NS_PER_S)
        things = tuple(
            Detection(box.label[:MOST_LABEL], box.score, box.x, box.y, box.w, box.h, by=module) for box in saw.boxes
        )
        modules = self._seen.setdefault(stream, {})
        modules[module] = _Seen(saw.run, saw.captured_ns, saw.captured_ns + holds_ns, things)

    def joined(self, result: FrameResult) -> FrameResult:
        """A result with what modules of others saw that holds for it: of the same run, not of later or of long ago."""
        at_ns = result.captured_ns
        found = [
            thing
            for _, seen in sorted(self._seen.get(result.ref.stream, {}).items())
            if seen.run == result.ref.run and seen.at_ns <= at_ns <= seen.until_ns
            for thing in seen.things
        ]
        room = max(0, MOST_DETECTIONS - len(result.detections))
        return structs.replace(result, detections=(*result.detections, *found[:room])) if found else result

    def keep(self, module: str, streams: Set[StreamId]) -> None:
        """The module looks at these streams only: what it saw of others is over."""
        for stream, modules in self._seen.items():
            if stream not in streams:
                modules.pop(module, None)

    def forget(self, stream: StreamId) -> None:
        """The camera is gone."""
        self._seen.pop(stream, None)
