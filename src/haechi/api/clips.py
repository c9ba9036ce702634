"""Clips that were made lately, so that a player can seek in one without its being made again for each request."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

from haechi.base.clock import NS_PER_S, Clock

MOST_KEPT = 16
MOST_KEPT_BYTES = 1024**3
KEPT_NS = 600 * NS_PER_S
FRESH_NS = 5 * NS_PER_S
"""A clip of an event that goes on is made anew after this, for who begins to look. A player asks for its first bytes
twice; within this time it gets the same clip."""
MOST_READERS = 256
MADE_AT_ONCE = 2
"""Clips that are made at once; others wait. Each keeps a core and the disk busy."""


class ClipShelf:
    """The last clips of the last ten minutes, by key. Who reads one that is taken away reads on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Path, int, int]] = OrderedDict()
        self._begun: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._making: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(MADE_AT_ONCE)

    async def make(self, make: Callable[[], Awaitable[Path]]) -> Path:
        """A clip for one answer; the caller deletes it."""
        async with self._room:
            return await make()

    async def get(self, key: str, make: Callable[[], Awaitable[Path]]) -> Path:
        """The clip of ``key``, made when it is not here; it stays ours."""
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                self._tidy()
                if key not in self._kept:
                    path = await self.make(make)
                    self._kept[key] = (path, path.stat().st_size, self._clock.monotonic_ns())
                    self._tidy(keep=key)
                self._kept.move_to_end(key)
                return self._kept[key][0]
        finally:
            if not lock.locked():
                self._making.pop(key, None)

    async def read(self, reader: str, key: str, make: Callable[[], Awaitable[Path]], *, begins: bool) -> Path:
        """The same for a clip of which there will be others: who reads on, gets the one that they began with.

        Args:
            reader: Who, and what they look at.
            key: The clip as it would be made now.
            begins: They ask for all of it, or for its first bytes.
        """
        now_ns = self._clock.monotonic_ns()
        before, began_ns = self._begun.get(reader, (key, now_ns))
        if before in self._kept and (not begins or now_ns - began_ns < FRESH_NS):
            key = before
        else:
            began_ns = now_ns
        self._begun[reader] = (key, began_ns)
        self._begun.move_to_end(reader)
        while len(self._begun) > MOST_READERS:
            self._begun.popitem(last=False)
        return await self.get(key, make)

    def close(self) -> None:
        """Take everything away."""
        for path, _, _ in self._kept.values():
            path.unlink(missing_ok=True)
        self._kept.clear()

    def _tidy(self, keep: str = "") -> None:
        now_ns = self._clock.monotonic_ns()
        for key, (path, _, made_ns) in list(self._kept.items()):
            total = sum(size for _, size, _ in self._kept.values())
            is_over = now_ns - made_ns > KEPT_NS or not path.exists()
            if key != keep and (is_over or len(self._kept) > MOST_KEPT or total > MOST_KEPT_BYTES):
                path.unlink(missing_ok=True)
                del self._kept[key]
