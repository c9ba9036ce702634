"""Streams that are there only while somebody watches: begun for the first viewer, ended some seconds after the last.

However many watch, each is made or fetched once. A viewer holds a `Lease` for as long as it watches.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.faults import Apart, Faults
from haechi.base.ids import StreamId, role_of
from haechi.base.supervise import Backoff, supervise

log = structlog.get_logger(__name__)


class Supplier(Protocol):
    """Who makes or fetches streams of one role."""

    @property
    def linger_s(self) -> float:
        """How long a stream goes on without viewers: who turns a page comes back."""

    async def admit(self, stream: StreamId) -> None:
        """Called before a stream is begun.

        Raises:
            HaechiError: There is no such stream, or no room for it at present. The viewer is told.
        """

    async def supply(self, stream: StreamId) -> None:
        """Put the units of ``stream`` on the bus until cancelled; called again after an error.

        Raises:
            HaechiError: It cannot be had at the moment.
        """


class Lease:
    """A viewer's wish for a stream. Closing it again is nothing."""

    def __init__(self, entry: _Entry | None = None) -> None:
        self._entry = entry

    @property
    def error(self) -> HaechiError | None:
        """Why there is no picture, as far as who makes the stream knows."""
        return self._entry.error if self._entry is not None else None

    def close(self) -> None:
        """This viewer watches no more."""
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.leases -= 1
            entry.changed.set()


class Supplied(Struct, frozen=True):
    """A stream that is there for its viewers."""

    stream: StreamId
    viewers: int


class _Entry:
    """One stream, from its first viewer on until some seconds after its last."""

    def __init__(self, stream: StreamId, supplier: Supplier) -> None:
        self.stream = stream
        self.supplier = supplier
        self.leases = 0
        self.changed = asyncio.Event()
        self.error: HaechiError | None = None


class Demand:
    """Who wants which stream. Roles that nobody supplies, such as ``main``, are there by themselves."""

    def __init__(self, clock: Clock, faults: Faults | None = None) -> None:
        self._clock = clock
        self._faults = faults or Faults()
        self._suppliers: dict[str, Supplier] = {}
        self._entries: dict[StreamId, _Entry] = {}
        self._begun: asyncio.Queue[_Entry] = asyncio.Queue()

    def supply(self, role: str, supplier: Supplier) -> None:
        """From now on ``supplier`` makes the streams of this role."""
        self._suppliers[role] = supplier

    async def want(self, stream: StreamId) -> Lease:
        """Have ``stream`` for as long as the lease is open. It comes on the bus, a moment later when it is begun now.

        Raises:
            HaechiError: It cannot be had; see `Supplier.admit`.
        """
        supplier = self._suppliers.get(role_of(stream))
        if supplier is None:
            return Lease()
        if stream not in self._entries:
            await supplier.admit(stream)
        entry = self._entries.get(stream)
        if entry is None:
            entry = self._entries[stream] = _Entry(stream, supplier)
            self._begun.put_nowait(entry)
        entry.leases += 1
        entry.changed.set()
        return Lease(entry)

    def tell(self, stream: StreamId, error: HaechiError | None) -> None:
        """Say why a stream that is being supplied does not come; None: it does."""
        entry = self._entries.get(stream)
        if entry is not None:
            entry.error = error

    def supplied(self) -> tuple[Supplied, ...]:
        """What is made or fetched at present, or was wanted until a moment ago."""
        return tuple(Supplied(entry.stream, entry.leases) for entry in self._entries.values())

    async def run(self) -> None:
        """Serve until cancelled; may be called again after that."""
        begun: asyncio.Queue[_Entry] = asyncio.Queue()
        self._begun = begun
        for entry in self._entries.values():
            begun.put_nowait(entry)
        async with Apart("stream for viewers", self._faults) as group:
            while True:
                group.create_task(self._hold(await begun.get()))

    async def _hold(self, entry: _Entry) -> None:
        """One stream, until nobody wants it."""
        backoff = Backoff(0.5, 5.0)
        is_wanted = True
        while is_wanted:
            async with asyncio.TaskGroup() as group:
                supply = partial(self._supply, entry)
                supplying = group.create_task(
                    supervise(entry.stream, supply, clock=self._clock, backoff=backoff, expected=(HaechiError, OSError))
                )
                await self._unwanted(entry)
                supplying.cancel()
            is_wanted = entry.leases > 0
        del self._entries[entry.stream]

    async def _supply(self, entry: _Entry) -> None:
        try:
            with self._faults.kept_in("stream for viewers"):
                await entry.supplier.supply(entry.stream)
                return
            raise Unavailable("this stream cannot be made: a fault of this server, see its log", code="stream-failed")
        except HaechiError as error:
            entry.error = error
            raise

    async def _unwanted(self, entry: _Entry) -> None:
        """Return when nobody has wanted it for `Supplier.linger_s`."""
        linger_ns = int(entry.supplier.linger_s * NS_PER_S)
        while True:
            while entry.leases:
                entry.changed.clear()
                await entry.changed.wait()
            left_ns = self._clock.monotonic_ns()
            while not entry.leases:
                waited_ns = self._clock.monotonic_ns() - left_ns
                if waited_ns >= linger_ns:
                    return
                await self._clock.sleep((linger_ns - waited_ns) / NS_PER_S)
