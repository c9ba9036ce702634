"""A module that runs in a process of its own, for as many streams as want it.

What such a module does wrong ends its own requests: an error costs the picture, a hang or a crash costs the process,
and a module that does nothing else is given up for a while.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog
from msgspec import Struct, field

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.ids import StreamId
from haechi.base.supervise import Backoff
from haechi.vision.modules.attending import Attending, Place, Sink
from haechi.vision.modules.contract import Spec
from haechi.vision.modules.link import ModuleLink
from haechi.vision.modules.messages import (
    Erred,
    Forget,
    HostReply,
    HostSetup,
    Loaded,
    Looking,
    Over,
    Restore,
    Saved,
    Saw,
    Shown,
    Taken,
)
from haechi.vision.modules.sampling import Sampler

log = structlog.get_logger(__name__)

LOAD_S = 60.0
MOST_GONE = 3
"""Processes that end one after the other without a single result."""
GIVEN_UP_S = 30.0
MOST_STATES_BYTES = 256 * 1024 * 1024
"""Of all cameras together; beyond it the oldest state is forgotten."""


class Tally(Struct):
    """What came of a module's looks since the server's start.

    Attributes:
        late: Looks that took longer than the module's own deadline.
        missed: Pictures that it was to see and had no time for.
        failures: Times that it could not judge, by kind.
        cpu_ns: Processor time that it took in all.
    """

    looks: int = 0
    late: int = 0
    missed: int = 0
    cpu_ns: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Hosted:
    """See the module.

    Args:
        made: Gives the first message for a process; may read files.
        every_picture: See `Sampler`.

    Attributes:
        reason: What went wrong last; empty: nothing.
        spec: What the module says of itself; None before it was loaded once.
    """

    def __init__(
        self,
        name: str,
        made: Callable[[], HostSetup],
        clock: Clock,
        deadline_s: float,
        *,
        every_picture: bool = False,
    ) -> None:
        self._name = name
        self._made = made
        self._clock = clock
        self._every_picture = every_picture
        self._wanted = asyncio.Event()
        self._attendings: dict[str, Attending] = {}
        self._states: dict[str, bytes] = {}
        self._looking: tuple[Shown, ...] = ()
        self._gone = 0
        self._given_up_ns = 0
        self.link = ModuleLink(clock, self, deadline_s)
        self.place = Place(self.link)
        self.tally = Tally()
        self.reason = ""
        self.spec: Spec | None = None

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(0.1, 3.0)
        while True:
            await self._wanted.wait()
            try:
                await self.link.run(await asyncio.to_thread(self._made))
            except (HaechiError, OSError) as error:
                reason = error.context.get("reason", error.message) if isinstance(error, HaechiError) else str(error)
                self._down(str(reason))
            if self._gone == 0:
                backoff.reset()
            await self._clock.sleep(backoff.next_s())

    @property
    def is_attending(self) -> bool:
        """Whether anything is still to be said of a stream."""
        return bool(self._attendings)

    @property
    def is_given_up(self) -> bool:
        """Whether it failed so often that nobody is let in for a while."""
        return self._clock.monotonic_ns() < self._given_up_ns

    async def prepare(self) -> Spec:
        """Return when it can look.

        Raises:
            Unavailable: ``module-failed``, ``module-not-ready``: it cannot now.
        """
        began_ns = self._clock.monotonic_ns()
        if began_ns < self._given_up_ns:
            raise self._failure()
        self._given_up_ns = 0
        self._wanted.set()
        while self.link.loaded is None:
            if self._given_up_ns:
                raise self._failure()
            if self._clock.monotonic_ns() - began_ns > LOAD_S * NS_PER_S:
                message = "the module does not start; see the log of the server"
                raise Unavailable(message, code="module-not-ready", module=self._name)
            await self._clock.sleep(0.02)
        return self.link.loaded.spec

    def attend(self, key: str, stream: StreamId, spec: Spec, sink: Sink) -> Attending:
        """Look at a stream from the next sync unit on."""
        sampler = Sampler(spec, every_picture=self._every_picture)
        attending = Attending(key, stream, sampler, sink, self.place, lambda: self._forget(key, attending))
        self._attendings[key] = attending
        if stream in self._states:
            self.link.send(Restore(stream, self._states[stream]), is_unit=False)
        return attending

    def forget_stream(self, stream: StreamId) -> None:
        """A camera is gone: nothing is kept of it."""
        self._states.pop(stream, None)
        self.link.send(Forget(stream), is_unit=False)

    def replied(self, reply: HostReply) -> None:
        """See `haechi.vision.modules.link.Watcher`."""
        match reply:
            case Loaded(_, spec):
                self.spec = spec
                self._resume()
            case Looking(shown):
                self._looking = shown
            case Saw(key):
                self._gone, self.reason = 0, ""
                self._looking = tuple(one for one in self._looking if one.key != key)
                self._count(reply)
                self._tell(key, lambda attending: attending.saw(reply))
            case Erred(key):
                self._looking = ()
                self.reason = reply.reason
                self.tally.failures["error"] += 1
                self._tell(key, lambda attending: attending.erred(reply, self._failure))
            case Saved(stream, state):
                self._keep(stream, state)
            case Taken(key, units):
                self._decoded(units)
                self._tell(key, lambda attending: attending.taken(units))
            case Over(key):
                self._tell(key, lambda attending: attending.over())
            case _:
                return

    def gone(self, kind: str) -> None:
        """See `haechi.vision.modules.link.Watcher`."""
        if kind != "ended":
            self._strike()
            self.tally.failures[kind] += 1
        self._looking = ()
        self.place.flying.clear()
        for attending in list(self._attendings.values()):
            attending.lost(kind)

    def _resume(self) -> None:
        for attending in list(self._attendings.values()):
            state = self._states.get(attending.stream)
            if state is not None:
                self.link.send(Restore(attending.stream, state), is_unit=False)
            attending.resume()

    def _strike(self) -> None:
        """What the process was at when it ended is a suspect: pictures that it looked at, or the unit it decoded."""
        suspects = self.place.suspects
        for shown in self._looking:
            attending = self._attendings.get(shown.key)
            data = attending.shown_data(shown.run, shown.seq) if attending is not None else b""
            if data and suspects.shown.strike(data):
                log.warning("a picture is not shown to a module again", module=self._name, stream=shown.key)
        if not self._looking and self.place.flying:
            key, data = self.place.flying[0]
            if suspects.decoded.strike(data):
                log.warning("a unit is not given to a module again", module=self._name, stream=key)

    def _decoded(self, units: int) -> None:
        """It decodes what it is given in order."""
        for _ in range(min(units, len(self.place.flying))):
            self.place.flying.popleft()

    def _count(self, saw: Saw) -> None:
        tally, spec = self.tally, self.spec
        tally.looks += 1
        tally.missed += saw.missed
        tally.cpu_ns += saw.cpu_ns
        tally.late += spec is not None and saw.took_ns > spec.deadline_s * NS_PER_S

    def _keep(self, stream: str, state: bytes) -> None:
        if any(one.stream == stream for one in self._attendings.values()):
            self._states.pop(stream, None)
            self._states[stream] = state
            while sum(map(len, self._states.values())) > MOST_STATES_BYTES:
                del self._states[next(iter(self._states))]

    def _down(self, reason: str) -> None:
        self.reason = reason
        self._gone += 1
        log.warning("a module's process ended", module=self._name, reason=reason, in_a_row=self._gone)
        if self._gone >= MOST_GONE:
            self._give_up()

    def _give_up(self) -> None:
        self._given_up_ns = self._clock.monotonic_ns() + int(GIVEN_UP_S * NS_PER_S)
        self._wanted.clear()
        self._gone = 0
        for attending in list(self._attendings.values()):
            attending.break_off(self._failure())

    def _failure(self) -> Unavailable:
        message = "the module fails again and again; see the log of the server"
        return Unavailable(message, code="module-failed", module=self._name, reason=self.reason)

    def _forget(self, key: str, attending: Attending) -> None:
        if self._attendings.get(key) is attending:
            del self._attendings[key]

    def _tell(self, key: str, say: Callable[[Attending], None]) -> None:
        attending = self._attendings.get(key)
        if attending is not None:
            say(attending)
