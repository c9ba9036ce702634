"""What a request names: something that looks at the units of a pushed stream and says what is in them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from haechi.base.errors import HaechiError
from haechi.bus.frames import Run
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.media.push.words import Box


class Verdict(Struct, frozen=True):
    """What a module says of one unit. ``width_px``, ``height_px``: of the decoded picture; 0: none was decoded."""

    ref: UnitRef
    captured_ns: int
    boxes: tuple[Box, ...] = ()
    width_px: int = 0
    height_px: int = 0


class Listener(Protocol):
    """Who asked."""

    def judged(self, verdict: Verdict) -> None:
        """In order of presentation; not of every unit: a module looks at what it has time for."""

    def ended(self) -> None:
        """No verdict follows."""

    def failed(self, kind: str) -> None:
        """It could not judge one of the units: ``error``, ``deadline`` (it took too long), ``died`` (its process)."""

    def broke_off(self, error: HaechiError) -> None:
        """It failed too often: no verdict follows, and `ended` is not called."""


class Attention(Protocol):
    """A module's attention for one run of a stream. Everything returns at once."""

    def unit(self, unit: AccessUnit) -> None:
        """The next unit."""

    def end(self) -> None:
        """Nothing more comes; `Listener.ended` is called when all of it was judged."""

    def drop(self) -> None:
        """Nobody listens any more."""


class Module(Protocol):
    """Something that can be asked for by name."""

    async def prepare(self) -> None:
        """Return when it can look.

        Raises:
            Unavailable: It cannot now.
        """

    def attend(self, run: Run, listener: Listener) -> Attention:
        """Look at a run from the next sync unit on. Once for each run."""


class Echo:
    """Answers for every unit at once and has seen nothing: what the way there and back costs by itself."""

    async def prepare(self) -> None:
        """See `Module`."""

    def attend(self, run: Run, listener: Listener) -> Attention:
        """See `Module`."""
        return _EchoAttention(listener)


class _EchoAttention:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def unit(self, unit: AccessUnit) -> None:
        self._listener.judged(Verdict(unit.ref, unit.captured_ns))

    def end(self) -> None:
        self._listener.ended()

    def drop(self) -> None:
        return
