"""Reads of many cameras gathered into few wake-ups, as network cards gather interrupts.

A camera's packets trickle in; woken for each, a process of 100 cameras spends most of its time on waking up with cold
caches. So a connection that was read from rests until the next tick, and all that rested are read in one go.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

TICK_S = 0.010
"""Adds 5 ms of latency on average, 10 ms at most."""


class ReadCoalescer:
    """Pauses transports, and resumes all of them at the next tick of ``TICK_S``. One per event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._resting: list[asyncio.Transport] = []

    def rest(self, transport: asyncio.Transport) -> None:
        """Do not read from ``transport`` until the next tick."""
        if transport.is_closing():
            return
        transport.pause_reading()
        if not self._resting:
            now_s = self._loop.time()
            self._loop.call_at((now_s // TICK_S + 1) * TICK_S, self._resume)
        self._resting.append(transport)

    def _resume(self) -> None:
        resting, self._resting = self._resting, []
        for transport in resting:
            if not transport.is_closing():
                transport.resume_reading()


_coalescers: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadCoalescer] = WeakKeyDictionary()


def coalescer() -> ReadCoalescer:
    """The coalescer of the running loop."""
    loop = asyncio.get_running_loop()
    found = _coalescers.get(loop)
    if found is None:
        found = _coalescers[loop] = ReadCoalescer(loop)
    return found
