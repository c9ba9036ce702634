"""What things look like, so that they are known again: not of each thing in each frame, only where it may be needed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.vision.detectors.mobilenet import MobileNet
from haechi.vision.programme import EMBEDDING
from haechi.vision.result import Detection, Step
from haechi.vision.runtime import Pixels
from haechi.vision.steps.sight import Sight

LEAST_SCORE = 0.5
"""As of a thing that begins a track."""
MOST_THINGS = 20
EVERY_NS = NS_PER_S
"""A thing that stays is looked at again so often."""
SAME_OVERLAP = 0.3
"""A thing that overlaps so much with one of the frame before is taken for it."""
CLOSE_OVERLAP = 0.05
"""Two of a kind that overlap so much may be mistaken for each other."""


class Known(Struct):
    """A thing of the last frame, when it was looked at, and whether another was close to it."""

    thing: Detection
    looked_ns: int
    was_close: bool


class EmbeddingStep:
    """Looks at a thing that is new, that is or just was close to another of its kind, and else every second."""

    name = EMBEDDING
    deadline_s = 1.0

    def __init__(self, network: MobileNet) -> None:
        self._network = network
        self._known: dict[str, list[Known]] = {}

    def wants(self, sight: Sight) -> bool:
        """All frames that are looked at."""
        return True

    def look(self, sights: Sequence[Sight]) -> str:
        """Gives things their embedding."""
        asked: list[tuple[Sight, int]] = []
        things: list[tuple[Pixels, Detection]] = []
        for sight in sights:
            for row in self._rows(sight):
                picture = sight.picture()
                if picture is not None:
                    asked.append((sight, row))
                    things.append((picture, sight.result.detections[row]))
        found: dict[int, dict[int, Detection]] = {id(sight): {} for sight in sights}
        for (sight, row), embedding in zip(asked, self._network.embeddings(things), strict=True):
            found[id(sight)][row] = structs.replace(sight.result.detections[row], embedding=embedding)
        for sight in sights:
            mine = found[id(sight)]
            after = [mine.get(row, one) for row, one in enumerate(sight.result.detections)]
            sight.saw(after, Step(EMBEDDING, self._network.sha256))
        return ""

    def forget(self, key: str) -> None:
        """The stream is gone."""
        self._known.pop(key, None)

    def _rows(self, sight: Sight) -> list[int]:
        detections = sight.result.detections
        rows = [row for row, one in enumerate(detections) if one.score >= LEAST_SCORE][:MOST_THINGS]
        if sight.is_again:
            return rows
        key, now_ns = str(sight.unit.ref.stream), sight.unit.captured_ns
        known, due = due_of(self._known.get(key, []), [detections[row] for row in rows], now_ns)
        self._known[key] = known
        return [rows[number] for number in due]


def due_of(before: Sequence[Known], things: Sequence[Detection], now_ns: int) -> tuple[list[Known], list[int]]:
    """What is known after a frame, and which of its things are to be looked at."""
    after: list[Known] = []
    due: list[int] = []
    for number, thing in enumerate(things):
        alike = [one for one in before if one.thing.label == thing.label]
        last = max(alike, key=lambda one: overlap_of(one.thing, thing), default=None)
        if last is not None and overlap_of(last.thing, thing) < SAME_OVERLAP:
            last = None
        is_close = any(
            other is not thing and other.label == thing.label and overlap_of(other, thing) > CLOSE_OVERLAP
            for other in things
        )
        is_due = last is None or is_close or last.was_close or now_ns - last.looked_ns >= EVERY_NS
        if is_due:
            due.append(number)
        looked_ns = now_ns if is_due or last is None else last.looked_ns
        after.append(Known(structs.replace(thing, embedding=b"", points=()), looked_ns, is_close))
    return after, due


def overlap_of(one: Detection, other: Detection) -> float:
    """Intersection over union."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(one.w * one.h + other.w * other.h - shared, 1e-9)
