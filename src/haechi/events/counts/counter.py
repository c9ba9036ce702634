"""Counts who crosses the lines of one stream. Pure; needs no rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, LineId
from haechi.events.rules.crossing import ended, step
from haechi.events.rules.rule import Way
from haechi.events.rules.state import Walk
from haechi.vision.lines import Line
from haechi.vision.result import FrameResult

SLOT_S = 900
"""Counts are kept by quarters of an hour: the hours and days of every time zone on earth begin with one."""


class Counted(Struct, frozen=True):
    """One object crossed one line."""

    camera: CameraId
    line: LineId
    way: Way
    label: str
    at_ns: int

    @property
    def slot(self) -> int:
        """Which quarter of an hour since the epoch."""
        return self.at_ns // (SLOT_S * NS_PER_S)


class Counter:
    """The lines of one stream that count by themselves."""

    def __init__(self) -> None:
        self._lines: tuple[Line, ...] = ()
        self._walks: dict[tuple[LineId, str], Sequence[Walk]] = {}

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those that count something."""
        return self._lines

    def follow(self, lines: Iterable[Line]) -> None:
        """Replace the lines. Who is on the way over one that stays where it was is followed on."""
        before = {line.id: line for line in self._lines}
        self._lines = tuple(line for line in lines if line.labels)
        unmoved = {line.id for line in self._lines if line.id in before and line.points == before[line.id].points}
        self._walks = {key: walks for key, walks in self._walks.items() if key[0] in unmoved}

    def take(self, result: FrameResult) -> tuple[Counted, ...]:
        """The next result of the stream."""
        counted: list[Counted] = []
        for line in self._lines:
            for label in line.labels:
                found = [one for one in result.detections if one.label == label]
                walks = self._walks.get((line.id, label), ())
                self._walks[line.id, label], crossings = step(line, walks, found, result)
                counted += [Counted(line.camera, line.id, one.way, label, one.seen.at_ns) for one in crossings]
        return tuple(counted)

    def end(self) -> None:
        """The run ended; who comes in the next one may be the same."""
        self._walks = {key: ended(walks) for key, walks in self._walks.items()}
