"""Keeps a long-lived task alive: expected failures are retried with jittered back-off, anything else is a bug."""

import random
from collections.abc import Awaitable, Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, PeerError, Unavailable
from haechi.base.faults import Faults, KeptIn

log = structlog.get_logger(__name__)

LONG_UP_S = 10.0
"""A task that stayed up for longer counts as having recovered."""
EXPECTED: tuple[type[Exception], ...] = (Unavailable, PeerError, OSError, TimeoutError)


class Backoff:
    """Waits that double from ``first_s`` to ``most_s``, each drawn from its upper half so that a fleet spreads."""

    def __init__(self, first_s: float = 0.5, most_s: float = 5.0, *, draw: Callable[[], float] = random.random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._draw = draw
        self._next_s = first_s

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next_s = self._first_s

    def next_s(self) -> float:
        """Seconds to wait before the next try."""
        upper = self._next_s
        self._next_s = min(self._next_s * 2, self._most_s)
        return upper * (0.5 + 0.5 * self._draw())


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    backoff: Backoff | None = None,
    expected: tuple[type[Exception], ...] = EXPECTED,
    faults: Faults | None = None,
) -> None:
    """Run ``run`` until it returns, again after each expected failure.

    Logged once when the thing goes down and once when it is back (it stayed up for longer than the longest wait).
    An exception that is not in ``expected`` propagates: it is a bug, and hiding it would make it a mystery. A task
    group's failure is expected when every exception in it is. Where ``faults`` are kept, a bug is noted there instead,
    each time, and the thing is begun anew: it must not take others with it (CONTRACT D4).
    """
    wait = backoff or Backoff()
    down = False
    while True:
        started_ns = clock.monotonic_ns()
        failure: Exception | None = None
        try:
            with KeptIn(name, faults):
                await run()
                return
        except expected as error:
            failure = error
        except ExceptionGroup as group:
            failure = _only_expected(group, expected)
        stayed_s = (clock.monotonic_ns() - started_ns) / NS_PER_S
        if stayed_s > LONG_UP_S:
            wait.reset()
            down = False
        if failure is not None and not down:
            code = failure.code if isinstance(failure, HaechiError) else type(failure).__name__
            log.warning("task down", task=name, code=code, error=str(failure))
            down = True
        await clock.sleep(wait.next_s())


def _only_expected(group: ExceptionGroup[Exception], expected: tuple[type[Exception], ...]) -> Exception:
    """The first exception of ``group`` when all in it are expected.

    Raises:
        ExceptionGroup: Those that are not.
    """
    known, rest = group.split(expected)
    if rest is not None or known is None:
        raise rest or group
    first: Exception = known
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first
