"""Modules that run in a process of their own, as the result socket asks for them: pose, and those that others install.

What such a module does wrong ends its own requests: an error costs the picture, a hang or a crash costs the process,
and a module that does nothing else is given up for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.supervise import Backoff
from haechi.bus.frames import Run
from haechi.ingest.rtp_push.modules import Attention, Listener, Verdict
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.modules.link import ModuleLink
from haechi.vision.modules.messages import Close, Erred, Feed, HostReply, HostSetup, Over, Saw, Taken

log = structlog.get_logger(__name__)

LOAD_S = 60.0
MOST_IN_FLIGHT = 256
"""Units that were handed over and not decoded yet, of one stream; beyond it the rest of the GOP is left out."""
MOST_GONE = 3
"""Processes that end one after the other without a single result."""
MOST_ERRORS = 50
"""Errors one after the other, of one stream."""
GIVEN_UP_S = 30.0


class HostedModule:
    """See `haechi.ingest.rtp_push.modules.Module`.

    Args:
        made: Gives the first message for a process; may read files.
    """

    def __init__(self, name: str, made: Callable[[], HostSetup], clock: Clock, deadline_s: float) -> None:
        self._name = name
        self._made = made
        self._clock = clock
        self._wanted = asyncio.Event()
        self._attentions: dict[str, _Attention] = {}
        self._gone = 0
        self._given_up_ns = 0
        self._reason = ""
        self.link = ModuleLink(clock, self, deadline_s)

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

    def _down(self, reason: str) -> None:
        self._reason = reason
        self._gone += 1
        log.warning("a module's process ended", module=self._name, reason=reason, in_a_row=self._gone)
        if self._gone >= MOST_GONE:
            self._give_up()

    def _give_up(self) -> None:
        self._given_up_ns = self._clock.monotonic_ns() + int(GIVEN_UP_S * NS_PER_S)
        self._wanted.clear()
        self._gone = 0
        for attention in list(self._attentions.values()):
            attention.break_off(self._failure())

    def _failure(self) -> Unavailable:
        message = "the module fails again and again; see the log of the server"
        return Unavailable(message, code="module-failed", module=self._name, reason=self._reason)

    async def prepare(self) -> None:
        """See `Module`."""
        began_ns = self._clock.monotonic_ns()
        if began_ns < self._given_up_ns:
            raise self._failure()
        self._given_up_ns = 0
        self._wanted.set()
        while not self.link.is_loaded:
            if self._given_up_ns:
                raise self._failure()
            if self._clock.monotonic_ns() - began_ns > LOAD_S * NS_PER_S:
                message = "the module does not start; see the log of the server"
                raise Unavailable(message, code="module-not-ready", module=self._name)
            await self._clock.sleep(0.02)

    def attend(self, run: Run, listener: Listener) -> Attention:
        """See `Module`."""
        attention = _Attention(self, run, listener)
        self._attentions[attention.key] = attention
        return attention

    def forget(self, key: str) -> None:
        """Nothing more is to be said of a run."""
        self._attentions.pop(key, None)

    def replied(self, reply: HostReply) -> None:
        """See `haechi.vision.modules.link.Watcher`."""
        match reply:
            case Saw(key):
                self._gone = 0
                self._tell(key, lambda attention: attention.saw(reply))
            case Erred(key):
                self._tell(key, lambda attention: attention.erred(reply, self._failure))
                self._reason = reply.reason
            case Taken(key, units):
                self._tell(key, lambda attention: attention.taken(units))
            case Over(key):
                self._tell(key, lambda attention: attention.over())
            case _:
                return

    def _tell(self, key: str, say: Callable[[_Attention], None]) -> None:
        attention = self._attentions.get(key)
        if attention is not None:
            say(attention)

    def gone(self, kind: str) -> None:
        """See `haechi.vision.modules.link.Watcher`."""
        for attention in list(self._attentions.values()):
            attention.lost(kind)


class _Attention:
    def __init__(self, module: HostedModule, run: Run, listener: Listener) -> None:
        self._module = module
        self._run = run
        self._listener = listener
        self._in_flight = 0
        self._errors = 0
        self._is_fed = self._is_closing = False
        self.key = f"{run.stream}#{run.number}"

    def unit(self, unit: AccessUnit) -> None:
        """See `Attention`."""
        link = self._module.link
        if not link.has_room or self._in_flight >= MOST_IN_FLIGHT:
            self._is_fed = False
        elif unit.is_sync:
            self._is_fed = True
        if not self._is_fed:
            return
        ref, params = unit.ref, self._run.params[unit.params] if unit.is_sync else None
        assert params is None or isinstance(params, VideoParams)
        self._in_flight += 1
        feed = Feed(self.key, ref.stream, ref.run, ref.seq, unit.pts, unit.captured_ns, unit.data, params)
        link.send(feed, is_unit=True)

    def end(self) -> None:
        """See `Attention`."""
        self._is_closing = True
        if self._module.link.is_loaded:
            self._module.link.send(Close(self.key), is_unit=False)
        else:
            self.over()

    def drop(self) -> None:
        """See `Attention`."""
        self._module.link.send(Close(self.key, forget=True), is_unit=False)
        self._module.forget(self.key)

    def saw(self, saw: Saw) -> None:
        """The module judged a picture."""
        self._errors = 0
        ref = UnitRef(self._run.stream, self._run.number, saw.seq)
        self._listener.judged(Verdict(ref, saw.captured_ns, saw.boxes, saw.width_px, saw.height_px))

    def erred(self, erred: Erred, failure: Callable[[], HaechiError]) -> None:
        """It could not."""
        if not self._errors:
            log.warning("a module raises an error", stream=self._run.stream, reason=erred.reason)
        self._errors += 1
        self._listener.failed("error")
        if self._errors >= MOST_ERRORS:
            self.drop()
            self._listener.broke_off(failure())

    def taken(self, units: int) -> None:
        """Units were decoded."""
        self._in_flight = max(0, self._in_flight - units)

    def over(self) -> None:
        """Nothing more will be judged."""
        self._module.forget(self.key)
        self._listener.ended()

    def lost(self, kind: str) -> None:
        """The process is gone, and what it was given with it; the next begins with the next sync unit."""
        self._in_flight, self._is_fed = 0, False
        self._listener.failed(kind)
        if self._is_closing:
            self.over()

    def break_off(self, error: HaechiError) -> None:
        """It is given up."""
        self._module.forget(self.key)
        self._listener.broke_off(error)
