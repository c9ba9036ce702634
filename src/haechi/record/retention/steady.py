"""What time it is for retention: a clock that is wrong must not delete what is not old. Pure, but for its log."""

from collections.abc import Callable

import structlog

from haechi.base.clock import NS_PER_S, Clock

log = structlog.get_logger(__name__)

CLOCK_SLACK_NS = 60 * NS_PER_S
DOUBT_NS = 86_400 * NS_PER_S
"""A clock that is this far ahead of the newest footage when we start is doubted for as long: the machine was off, or
its clock is wrong, and nothing tells which but a source of time."""


class SteadyTime:
    """Wall time that does not believe a leap forward.

    It runs with the monotonic clock from the first reading on. A wall clock that is set back is followed; one that
    leaps ahead is followed only by what the monotonic clock says has passed, until the process starts again. At the
    start, one that is far ahead of the newest footage, and that no source of time vouches for, is not believed for a
    day: until then time goes on from that footage.

    Args:
        is_sure: Whether a source of time vouches for the wall clock.
    """

    def __init__(self, clock: Clock, is_sure: Callable[[], bool] = lambda: True) -> None:
        self._clock = clock
        self._is_sure = is_sure
        self._anchor: tuple[int, int] | None = None
        self._doubted_since_ns: int | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the first reading was made."""
        return self._anchor is not None

    def begin(self, newest_ns: int | None) -> None:
        """Make the first reading.

        Args:
            newest_ns: End of the newest footage of earlier times; None: there is none.
        """
        wall_ns, monotonic_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        self._anchor = (wall_ns, monotonic_ns)
        if newest_ns is not None and wall_ns - newest_ns > DOUBT_NS and not self._is_sure():
            log.warning("the clock is far ahead of the newest footage; for a day nothing is deleted by its age")
            self._anchor, self._doubted_since_ns = (newest_ns, monotonic_ns), monotonic_ns

    def now_ns(self) -> int:
        """Wall time, ns."""
        wall_ns, monotonic_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        since_ns = self._doubted_since_ns
        if since_ns is not None and (monotonic_ns - since_ns > DOUBT_NS or self._is_sure()):
            self._anchor, self._doubted_since_ns = None, None
        if self._anchor is None:
            self._anchor = (wall_ns, monotonic_ns)
        expected_ns = self._anchor[0] + monotonic_ns - self._anchor[1]
        if wall_ns < expected_ns - CLOCK_SLACK_NS:
            self._anchor, self._doubted_since_ns = (wall_ns, monotonic_ns), None
            return wall_ns
        return min(wall_ns, expected_ns + CLOCK_SLACK_NS)
