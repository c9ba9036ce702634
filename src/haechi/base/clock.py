"""Time is an argument. Nothing but the `SystemClock` asks the machine what time it is."""

import asyncio
import ctypes
import heapq
import itertools
import sys
import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
TIME_ERROR = 5


class Clock(Protocol):
    """Wall time for people, monotonic time for durations, and waiting."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00Z. May jump when the machine's clock is set."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some fixed instant. Never goes back, never jumps."""

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of monotonic time."""


class SystemClock:
    """The machine's clock."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def is_synchronised() -> bool:
    """Whether the kernel says that a source of time (NTP, PTP) keeps its clock; False where it cannot be asked.

    See adjtimex(2): with no mode set it only reads, into a structure of 208 bytes, and answers TIME_ERROR otherwise.
    """
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None) if sys.platform == "linux" else None
    return adjtimex is not None and adjtimex((ctypes.c_char * 256)()) not in (-1, TIME_ERROR)


class SimulatedClock:
    """A clock that moves only when told to; for tests and for replays faster than real time."""

    def __init__(self, wall_ns: int = 1_700_000_000 * NS_PER_S) -> None:
        self._wall_offset_ns = wall_ns
        self._monotonic_ns = 0
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def wall_ns(self) -> int:
        return self._wall_offset_ns + self._monotonic_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def step_wall(self, by_ns: int) -> None:
        """Set the wall clock forward or back, as NTP or a person would. Monotonic time is untouched."""
        self._wall_offset_ns += by_ns

    def advance(self, by_ns: int) -> None:
        """Let time pass and wake who slept long enough."""
        self._monotonic_ns += by_ns
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_ns:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due_ns = self._monotonic_ns + int(seconds * NS_PER_S)
        heapq.heappush(self._sleepers, (due_ns, next(self._order), future))
        await future
