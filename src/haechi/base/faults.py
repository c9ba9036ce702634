"""Bugs that end what they are in, and nothing else (CONTRACT D4).

A bug is to be loud, and a bug in what serves one viewer is not to end the recording. So whatever serves guests runs
them in an `Apart`: what one of them raises is logged with its traceback and counted, and the others go on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import structlog

from haechi.base.errors import HaechiError

log = structlog.get_logger(__name__)

CONDITIONS: tuple[type[Exception], ...] = (HaechiError, OSError, TimeoutError)
"""What can happen to anybody and is told to whom it concerns; anything else is a bug."""


class Faults:
    """The bugs of this process since its start.

    Attributes:
        counts: By the name of what they ended.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, name: str, error: BaseException) -> None:
        """Tell of a bug that ended something of this name."""
        self.counts[name] += 1
        log.error("a bug ended it; please report", ended=name, exc_info=error)

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Tell of a bug that leaves the block, and let it go on."""
        try:
            yield
        except BaseException as error:
            if is_bug(error):
                self.note(name, error)
            raise

    def kept_in(self, name: str) -> KeptIn:
        """Tell of a bug, and end only the block for it."""
        return KeptIn(name, self)


class KeptIn:
    """A block that a bug ends, and nothing else; where no ``faults`` are kept it is any block."""

    def __init__(self, name: str, faults: Faults | None) -> None:
        self._name = name
        self._faults = faults

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._faults is None or error is None or not is_bug(error):
            return False
        self._faults.note(self._name, error)
        return True


def is_bug(error: BaseException) -> bool:
    """Whether this is none of `CONDITIONS`, nor an end that was asked for; of a group, whether anything in it is."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_bug, error.exceptions))
    return isinstance(error, Exception) and not isinstance(error, CONDITIONS)


class Apart:
    """A group of tasks that fail apart: what one of them raises ends that one. With the block they all end.

    Args:
        name: What one of them is.
    """

    def __init__(self, name: str, faults: Faults) -> None:
        self._name = name
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` until it ends, or the block does."""
        task = asyncio.create_task(work, name=self._name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._faults.note(self._name, error)
