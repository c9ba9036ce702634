"""After a start, beside the recording: all of the volume is compared with the index, a day of a camera at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from haechi.base.clock import NS_PER_S, Clock
from haechi.record.repair.adopt import Adoption, AdoptReport

T = TypeVar("T")
REST_S = 0.002
"""Between two days, so that the threads that take in and write footage come first."""
SETTLED_S = 10.0
"""An unlisted file is looked at again after this: retention takes rows away first, and files after."""
AT_ONCE = 16
"""Files that are read between two chances to stop."""


class Sweep:
    """One pass. What it does step by step is `Adoption`'s; this is when.

    Args:
        settled_s: See `SETTLED_S`.
    """

    def __init__(self, adoption: Adoption, clock: Clock, settled_s: float = SETTLED_S) -> None:
        self._adoption = adoption
        self._clock = clock
        self._settled_ns = int(settled_s * NS_PER_S)
        self._waiting: deque[tuple[int, str]] = deque()

    async def run(self) -> AdoptReport:
        """Look at everything once. Can be cancelled between any two steps.

        Raises:
            Unavailable: The volume is gone, or the database does not answer.
            OSError: The volume cannot be read.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="record-sweep") as thread:
            self._wait(await _step(thread, self._adoption.strays))
            for day in await _step(thread, self._adoption.each_day):
                self._wait(await _step(thread, partial(self._adoption.look, day)))
                await self._take_settled(thread)
                await self._clock.sleep(REST_S)
            while self._waiting:
                await self._clock.sleep(max(self._due_ns(), 0) / NS_PER_S)
                await self._take_settled(thread)
            await _step(thread, self._adoption.finish)
        return self._adoption.report

    def _wait(self, paths: list[str]) -> None:
        now_ns = self._clock.monotonic_ns()
        self._waiting.extend((now_ns, path) for path in paths)

    def _due_ns(self) -> int:
        """How long until the first of those that wait has waited enough; not above 0: it has."""
        return self._waiting[0][0] + self._settled_ns - self._clock.monotonic_ns()

    async def _take_settled(self, thread: ThreadPoolExecutor) -> None:
        while self._waiting and self._due_ns() <= 0:
            paths: list[str] = []
            while self._waiting and self._due_ns() <= 0 and len(paths) < AT_ONCE:
                paths.append(self._waiting.popleft()[1])
            await _step(thread, partial(self._adoption.take, paths))


async def _step(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
