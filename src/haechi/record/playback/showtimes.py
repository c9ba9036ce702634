"""When a moment of the world is shown in a clip: pictures keep the camera's spacing there, and sound has to follow."""

from bisect import bisect_right
from collections.abc import Sequence

from haechi.base.clock import NS_PER_S
from haechi.media.access_unit import TICKS_PER_S


class ShowTimes:
    """Time in a clip for any moment, between the pictures that were captured before and after it.

    The n-th capture belongs to the n-th picture shown: pictures that are reordered are stamped in the order in which
    they are decoded.

    Args:
        captured_ns: Of every picture, strictly increasing.
        shown: When each is shown, ticks; in any order.
    """

    def __init__(self, captured_ns: Sequence[int], shown: Sequence[int]) -> None:
        self._captured_ns = captured_ns
        self._shown = sorted(shown)

    def seconds_at(self, ns: int) -> float:
        """Seconds from the clip's first picture; below 0: before it. Beyond the pictures time goes on as it does."""
        before = bisect_right(self._captured_ns, ns) - 1
        first_ns, first = self._captured_ns[max(before, 0)], self._shown[max(before, 0)]
        if before < 0 or before + 1 == len(self._shown):
            return first / TICKS_PER_S + (ns - first_ns) / NS_PER_S
        share = (ns - first_ns) / (self._captured_ns[before + 1] - first_ns)
        return (first + share * (self._shown[before + 1] - first)) / TICKS_PER_S
