"""What a module's process is given of one stream: from sync units on, again after it died, and never what killed it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog
from msgspec import Struct, structs

from haechi.base.errors import HaechiError
from haechi.base.ids import StreamId
from haechi.base.quarantine import Quarantine
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.modules.contract import About, Thing
from haechi.vision.modules.link import ModuleLink
from haechi.vision.modules.messages import Close, Erred, Feed, Followed, Saw
from haechi.vision.modules.sampling import Mark, Sampler

log = structlog.get_logger(__name__)

MOST_IN_FLIGHT = 256
"""Units that were handed over and not decoded yet, of one stream; beyond it the rest of the GOP is left out."""
MOST_ERRORS = 50
"""Errors one after the other, of one stream."""
MOST_ASKED = 1024
MOST_GOP_BYTES = 16 * 1024 * 1024
"""A GOP beyond it is not given again when a process died."""


class Sink(Protocol):
    """Who asked for what a module says of a stream."""

    def saw(self, ref: UnitRef, saw: Saw) -> None:
        """In order of presentation; not of every unit: a module looks at what it has time for."""

    def ended(self) -> None:
        """Nothing follows."""

    def failed(self, kind: str) -> None:
        """It could not judge: ``error``, ``deadline`` (it took too long), ``died`` (its process)."""

    def broke_off(self, error: HaechiError) -> None:
        """It failed too often: nothing follows, and `ended` is not called."""


class Suspects:
    """Units that killed processes of a module: two, and they are not given again.

    Attributes:
        decoded: Units that were being decoded.
        shown: Pictures that the module was looking at: they are still decoded, as later ones need them.
    """

    def __init__(self) -> None:
        self.decoded = Quarantine()
        self.shown = Quarantine()

    def held(self) -> int:
        """How many are held."""
        return self.decoded.held() + self.shown.held()


class Place:
    """Where units go to.

    Attributes:
        flying: Units that the process was given and did not say that it decoded, oldest first, with their keys.
    """

    def __init__(self, link: ModuleLink) -> None:
        self.link = link
        self.suspects = Suspects()
        self.flying: deque[tuple[str, bytes]] = deque()


class _Given(Struct, frozen=True):
    """A unit as it is given."""

    unit: AccessUnit
    params: VideoParams | None
    mark: Mark


class _Asked(Struct, frozen=True):
    """A look that is owed; ``data``: the unit's, empty where no picture is shown."""

    captured_ns: int
    data: bytes


class Attending:
    """See the module.

    Args:
        key: What the process knows the stream by.
        forget: Called when nothing more is to be said.
    """

    def __init__(
        self, key: str, stream: StreamId, sampler: Sampler, sink: Sink, place: Place, forget: Callable[[], None]
    ) -> None:
        self.key = key
        self.stream = stream
        self._sampler = sampler
        self._sink = sink
        self._place = place
        self._forget = forget
        self._gop: list[_Given] = []
        self._gop_bytes = 0
        self._in_flight = 0
        self._asked: dict[tuple[int, int], _Asked] = {}
        self._seen = (0, -1)
        self._errors = 0
        self._is_fed = self._is_closing = False

    def unit(self, unit: AccessUnit, params: VideoParams) -> None:
        """The next unit of the stream, with the parameters of its run."""
        if unit.is_sync:
            self._gop, self._gop_bytes = [], 0
        mark = self._sampler.mark(unit, params)
        if mark is None:
            return
        given = _Given(unit, params if unit.is_sync else None, mark)
        self._gop_bytes += len(unit.data)
        if self._gop_bytes > MOST_GOP_BYTES:
            self._gop = []
        elif unit.is_sync or self._gop:
            self._gop.append(given)
        self._give(given)

    def follow(self, about: About, things: tuple[Thing, ...], *, is_look: bool) -> None:
        """What the house knows of a picture; ``is_look``: the module judges that, and no picture."""
        if self._place.link.has_room:
            if is_look:
                self._ask((about.run, about.seq), _Asked(about.captured_ns, b""))
            self._place.link.send(Followed(self.key, about, things), is_unit=False)

    def resume(self) -> None:
        """There is a process, perhaps not the first: what is going on is given to it from its sync unit on."""
        if self._is_closing:
            self._place.link.send(Close(self.key), is_unit=False)
            return
        for given in self._gop:
            is_new = (given.unit.ref.run, given.unit.ref.seq) > self._seen
            self._give(
                structs.replace(given, mark=structs.replace(given.mark, is_shown=is_new and given.mark.is_shown))
            )

    def end(self) -> None:
        """Nothing more comes; `Sink.ended` is called when all of it was judged."""
        self._is_closing = True
        self._gop = []
        if self._place.link.is_loaded:
            self._place.link.send(Close(self.key), is_unit=False)
        else:
            self.over()

    def drop(self) -> None:
        """Nobody listens any more."""
        self._place.link.send(Close(self.key, forget=True), is_unit=False)
        self._forget()

    def saw(self, saw: Saw) -> None:
        """The module judged something that it was asked to."""
        asked = self._asked.pop((saw.run, saw.seq), None)
        if asked is None or asked.captured_ns != saw.captured_ns:
            return
        for older in [place for place in self._asked if place < (saw.run, saw.seq)]:
            del self._asked[older]
        self._errors = 0
        self._seen = max(self._seen, (saw.run, saw.seq))
        self._sink.saw(UnitRef(self.stream, saw.run, saw.seq), saw)

    def erred(self, erred: Erred, failure: Callable[[], HaechiError]) -> None:
        """It could not."""
        if not self._errors:
            log.warning("a module raises an error", stream=self.stream, reason=erred.reason)
        self._errors += 1
        self._sink.failed("error")
        if self._errors >= MOST_ERRORS:
            self.drop()
            self._sink.broke_off(failure())

    def taken(self, units: int) -> None:
        """Units were decoded."""
        self._in_flight = max(0, self._in_flight - units)

    def over(self) -> None:
        """Nothing more will be judged."""
        self._forget()
        self._sink.ended()

    def lost(self, kind: str) -> None:
        """The process is gone, and what it was given with it."""
        self._in_flight, self._is_fed = 0, False
        self._asked.clear()
        self._sink.failed(kind)
        if self._is_closing:
            self.over()

    def break_off(self, error: HaechiError) -> None:
        """It is given up."""
        self._forget()
        self._sink.broke_off(error)

    def shown_data(self, run: int, seq: int) -> bytes:
        """The bytes of a unit whose picture the module was asked to look at; none where it was not."""
        asked = self._asked.get((run, seq))
        return b"" if asked is None else asked.data

    def _ask(self, place: tuple[int, int], asked: _Asked) -> None:
        self._asked[place] = asked
        if len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]

    def _give(self, given: _Given) -> None:
        unit, link, suspects = given.unit, self._place.link, self._place.suspects
        if not link.has_room or self._in_flight >= MOST_IN_FLIGHT or suspects.decoded.holds(unit.data):
            self._is_fed = False
        elif unit.is_sync:
            self._is_fed = True
        if not self._is_fed:
            return
        ref = unit.ref
        is_shown = given.mark.is_shown and not suspects.shown.holds(unit.data)
        if is_shown:
            self._ask((ref.run, ref.seq), _Asked(unit.captured_ns, unit.data))
        self._in_flight += 1
        self._place.flying.append((self.key, unit.data))
        link.send(
            Feed(
                self.key,
                ref.stream,
                ref.run,
                ref.seq,
                unit.pts,
                unit.captured_ns,
                unit.data,
                given.params,
                is_shown,
                given.mark.is_last,
            ),
            is_unit=True,
        )
