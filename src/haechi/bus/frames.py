"""Fan-out of access units inside the process.

Bounded per subscriber. A slow subscriber loses whole stretches up to the next sync unit, counted, and never slows the
camera; the recorder's subscription is lossless within a byte budget that is far beyond its needs. A late viewer starts
from the GOP cache. See docs/design/bus.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from haechi.base.errors import Conflict
from haechi.base.ids import StreamId, is_for_viewers
from haechi.bus.ledger import GapCause, Ledger, NoLedger
from haechi.media.access_unit import AccessUnit, CodecParams

__all__ = [
    "BusItem",
    "Channel",
    "FrameBus",
    "GapCause",
    "Ledger",
    "Run",
    "RunEnded",
    "Subscription",
]

GOP_CACHE_BYTES = 16 * 1024 * 1024
"""Most that the cache of one stream holds; a GOP beyond it is not cached, and late viewers wait for the next one."""
VIEWER_LIMIT_UNITS = 256
KEPT_RUNS = 2048
"""Parameters of so many runs are kept for subscribers that are behind: an hour of a camera that connects and drops at
once, far more than a subscriber can hold back."""
RECORDER_LIMIT_BYTES = 64 * 1024 * 1024


class Run:
    """All units of one connection of one stream. ``params`` grows by one entry when the camera changes its coding."""

    __slots__ = ("number", "params", "started_ns", "stream")

    def __init__(self, stream: StreamId, number: int, started_ns: int, params: list[CodecParams]) -> None:
        self.stream = stream
        self.number = number
        self.started_ns = started_ns
        self.params = params


class RunEnded(Struct, frozen=True):
    """The last thing that a subscriber hears of a run: why it ended and when (our wall clock)."""

    stream: StreamId
    run: int
    cause: GapCause
    detail: str
    ended_ns: int


BusItem = AccessUnit | RunEnded


class Subscription:
    """One consumer's bounded queue of one stream. Iterate it; close it when done.

    Args:
        wake: Set whenever there is something to take; a consumer of many streams gives all of them the same one.

    Attributes:
        dropped: Units that this consumer did not get because it was slow.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        limit_units: int | None,
        limit_bytes: int | None,
        wake: asyncio.Event | None = None,
    ) -> None:
        self._channel = channel
        self._limit_units = sys.maxsize if limit_units is None else limit_units
        self._limit_bytes = sys.maxsize if limit_bytes is None else limit_bytes
        self._items: deque[BusItem] = deque()
        self._bytes = 0
        self._awaiting_sync = False
        self._closed = False
        self._wake = wake or asyncio.Event()
        self.dropped = 0

    @property
    def stream(self) -> StreamId:
        return self._channel.stream

    @property
    def is_live(self) -> bool:
        """Whether a run of the stream goes on."""
        return self._channel.current is not None

    @property
    def ledger(self) -> Ledger:
        """Where losses of this stream are accounted for."""
        return self._channel.ledger

    def run_of(self, unit: AccessUnit) -> Run:
        """The run that ``unit`` belongs to, with its codec parameters."""
        return self._channel.run(unit.ref.run)

    def params_of(self, unit: AccessUnit) -> CodecParams:
        """What a decoder must know to read ``unit``."""
        return self._channel.run(unit.ref.run).params[unit.params]

    def offer(self, unit: AccessUnit) -> None:
        """Take ``unit`` or drop it. Returns at once: a slow consumer must not slow the camera."""
        if len(self._items) >= self._limit_units or self._bytes >= self._limit_bytes:
            self._awaiting_sync = True
        elif unit.is_sync:
            self._awaiting_sync = False
        if self._awaiting_sync:
            self.dropped += 1
            return
        self._items.append(unit)
        self._bytes += len(unit.data)
        self._wake.set()

    def offer_end(self, ended: RunEnded) -> None:
        """Pass the end of a run on. Never dropped: it is small, and it explains a gap."""
        self._items.append(ended)
        self._wake.set()

    @property
    def is_over(self) -> bool:
        """Closed, and nothing is left to take."""
        return self._closed and not self._items

    def pending(self) -> int:
        """Items that wait to be taken."""
        return len(self._items)

    def take(self) -> BusItem | None:
        """The next item, or None when there is none at the moment."""
        if not self._items:
            return None
        item = self._items.popleft()
        if isinstance(item, AccessUnit):
            self._bytes -= len(item.data)
        return item

    async def wait(self) -> bool:
        """Return when there is something to take (True), or when the subscription is closed (False)."""
        while not self._items:
            if self._closed:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def __aiter__(self) -> AsyncIterator[BusItem]:
        while await self.wait():
            while (item := self.take()) is not None:
                yield item

    def close(self) -> None:
        """Stop receiving. What is queued can still be taken; then iteration ends."""
        self._closed = True
        self._channel.forget(self)
        self._wake.set()


class Channel:
    """One stream: its present run, its GOP cache, its subscribers."""

    def __init__(self, stream: StreamId, ledger: Ledger, gop_cache_bytes: int = GOP_CACHE_BYTES) -> None:
        self._gop_cache_bytes = gop_cache_bytes
        self.stream = stream
        self.ledger = ledger
        self._runs: dict[int, Run] = {}
        self._gop: list[AccessUnit] = []
        self._gop_bytes = 0
        self._subscriptions: list[Subscription] = []
        self.units = 0
        self.current: Run | None = None
        self.last: AccessUnit | None = None

    def run(self, number: int) -> Run:
        return self._runs[number]

    def open_run(self, run: Run) -> None:
        """Begin a run. Its number must be greater than all before it.

        Raises:
            Conflict: The number was used before, or the last run was not closed.
        """
        if self.current is not None or (self._runs and run.number <= max(self._runs)):
            raise Conflict("run opened out of order", code="run-order", stream=self.stream, run=run.number)
        self._share_params(run)
        while len(self._runs) >= KEPT_RUNS:
            del self._runs[min(self._runs)]
        self._runs[run.number] = run
        self.current = run
        self._forget_gop()

    def newest_run(self) -> Run | None:
        """The run with the greatest number, open or not; None before the first."""
        return self._runs[max(self._runs)] if self._runs else None

    def resume_run(self) -> None:
        """Go on with the newest run, which was closed: of a rendition, whose source has been in the same run all along.

        Raises:
            Conflict: There is none, or it was not closed.
        """
        newest = self.newest_run()
        if newest is None or self.current is not None:
            raise Conflict("no run to go on with", code="run-order", stream=self.stream)
        self.current = newest
        self._forget_gop()

    def _share_params(self, run: Run) -> None:
        """A camera that comes back mostly codes as before: what is equal is kept once, not once in each run."""
        if self._runs:
            known = self._runs[next(reversed(self._runs))].params
            run.params[:] = [known[known.index(one)] if one in known else one for one in run.params]

    def publish(self, unit: AccessUnit) -> None:
        """Hand ``unit`` to every subscriber and keep it for the late ones."""
        self.units += 1
        self.last = unit
        self.ledger.received(self.stream, unit.captured_ns)
        if unit.is_sync:
            self._forget_gop()
        if unit.is_sync or self._gop:
            self._gop.append(unit)
            self._gop_bytes += len(unit.data)
            if self._gop_bytes > self._gop_cache_bytes:
                self._forget_gop()
        for subscription in self._subscriptions:
            subscription.offer(unit)

    def close_run(self, ended: RunEnded) -> None:
        """End the present run and tell every subscriber why."""
        self.current = None
        self._forget_gop()
        for subscription in self._subscriptions:
            subscription.offer_end(ended)

    def gop(self) -> list[AccessUnit]:
        """The units since the last sync unit; empty when none is cached."""
        return list(self._gop)

    def subscribe(
        self,
        *,
        limit_units: int | None,
        limit_bytes: int | None = None,
        from_gop: bool = False,
        wake: asyncio.Event | None = None,
    ) -> Subscription:
        subscription = Subscription(self, limit_units=limit_units, limit_bytes=limit_bytes, wake=wake)
        if from_gop:
            for unit in self._gop:
                subscription.offer(unit)
        self._subscriptions.append(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def subscribers(self) -> int:
        return len(self._subscriptions)

    def _forget_gop(self) -> None:
        self._gop = []
        self._gop_bytes = 0


class FrameBus:
    """All streams of this process.

    Args:
        gop_cache_bytes: See `GOP_CACHE_BYTES`.

    Attributes:
        ledger: What became of their units.
    """

    def __init__(self, gop_cache_bytes: int = GOP_CACHE_BYTES) -> None:
        self._gop_cache_bytes = gop_cache_bytes
        self.ledger = Ledger()
        self._channels: dict[StreamId, Channel] = {}
        self._listeners: list[Callable[[StreamId], None]] = []

    def channel(self, stream: StreamId) -> Channel:
        """The channel of ``stream``, made on first use."""
        channel = self._channels.get(stream)
        if channel is None:
            ledger = NoLedger() if is_for_viewers(stream) else self.ledger
            channel = self._channels[stream] = Channel(stream, ledger, self._gop_cache_bytes)
            for listener in self._listeners:
                listener(stream)
        return channel

    def streams(self) -> list[StreamId]:
        """All streams that were ever opened here and not removed."""
        return list(self._channels)

    def on_new_stream(self, listener: Callable[[StreamId], None]) -> None:
        """Call ``listener`` for each stream that is there and for each that comes."""
        self._listeners.append(listener)
        for stream in list(self._channels):
            listener(stream)

    def remove(self, stream: StreamId) -> None:
        """Forget a stream whose camera was deleted; its subscriptions end."""
        channel = self._channels.pop(stream, None)
        if channel is not None:
            for subscription in list(channel._subscriptions):
                subscription.close()

    def watch(self, stream: StreamId) -> Subscription:
        """A viewer's subscription: starts at the last sync unit, drops to the next one when slow."""
        return self.channel(stream).subscribe(limit_units=VIEWER_LIMIT_UNITS, from_gop=True)

    def record(self, stream: StreamId, wake: asyncio.Event | None = None) -> Subscription:
        """The recorder's subscription: everything from the last sync unit on, up to 64 MB behind."""
        return self.channel(stream).subscribe(
            limit_units=None, limit_bytes=RECORDER_LIMIT_BYTES, from_gop=True, wake=wake
        )
