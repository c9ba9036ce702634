"""What modules said of each camera in the last five minutes, in memory: for the page that shows it, and for whoever
listens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import CameraId
from haechi.vision.modules.contract import Score

KEPT_NS = 300 * NS_PER_S
MOST_POINTS = 4096
"""Of one module at one camera: thirteen a second."""
MOST_MODULES = 64
"""Of one camera."""


class Series(Struct, frozen=True):
    """Everything that a module said under one name. ``points``: time (ns since 1970) and value, oldest first."""

    module: str
    name: str
    points: tuple[tuple[int, float], ...]
    reasons: tuple[str, ...] = ()


Listener = Callable[[CameraId, str, Sequence[Score]], None]


class ScoreRoom:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[CameraId, dict[str, deque[Score]]] = {}
        self._listeners: list[Listener] = []

    def on_scores(self, listener: Listener) -> None:
        """Call ``listener`` with what a module says of a camera, as it comes."""
        self._listeners.append(listener)

    def note(self, camera: CameraId, module: str, scores: Sequence[Score]) -> None:
        """A module said something. Returns at once."""
        if not scores:
            return
        modules = self._kept.setdefault(camera, {})
        if module not in modules and len(modules) >= MOST_MODULES:
            del modules[next(iter(modules))]
        kept = modules.setdefault(module, deque(maxlen=MOST_POINTS))
        kept.extend(scores)
        since_ns = self._clock.wall_ns() - KEPT_NS
        while kept and kept[0].t1_ns < since_ns:
            kept.popleft()
        for listener in self._listeners:
            listener(camera, module, scores)

    def of(self, camera: CameraId) -> list[Series]:
        """The last five minutes of a camera, by module and name; ``reasons`` are of the newest score."""
        since_ns = self._clock.wall_ns() - KEPT_NS
        found: dict[tuple[str, str], list[Score]] = {}
        for module, kept in self._kept.get(camera, {}).items():
            for score in kept:
                if score.t1_ns >= since_ns:
                    found.setdefault((module, score.name), []).append(score)
        return [
            Series(module, name, tuple(sorted((one.t1_ns, one.value) for one in scores)), scores[-1].reasons)
            for (module, name), scores in sorted(found.items())
        ]

    def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""
        self._kept.pop(camera, None)
