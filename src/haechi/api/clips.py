"""Clips that were made lately, so that a player can seek in one without its being made again for each request."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

from haechi.base.clock import NS_PER_S, Clock

MOST_KEPT = 16
MOST_KEPT_BYTES = 1024**3
KEPT_NS = 600 * NS_PER_S
MADE_AT_ONCE = 2
"""Clips that are made at once; others wait. Each keeps a core and the disk busy."""


class ClipShelf:
    """The last clips of the last ten minutes, by key. Who reads one that is taken away reads on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Path, int, int]] = OrderedDict()
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
