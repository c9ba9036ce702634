"""What went through the result socket since the process started, for metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from haechi.base.clock import NS_PER_S

BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_BUCKETS_NS = tuple(int(bound * NS_PER_S) for bound in BUCKETS_S)


class Times:
    """How long something took: how many times at most so long, as Prometheus counts.

    Attributes:
        counts: By bucket of `BUCKETS_S`, not summed up; the last is for what took longer.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_ns = 0

    def add(self, took_ns: int) -> None:
        """Once more."""
        self.sum_ns += took_ns
        self.counts[bisect_left(_BUCKETS_NS, took_ns)] += 1


class Tally:
    """See the module.

    Attributes:
        left_out: By reason, as `haechi.media.push.words.Flow` has it.
        took: By module: from a unit's last byte to its result on the way out.
        failures: By module and kind (``error``, ``deadline``, ``died``).
    """

    def __init__(self) -> None:
        self.units = 0
        self.left_out: Counter[str] = Counter()
        self.took: dict[str, Times] = {}
        self.failures: Counter[tuple[str, str]] = Counter()

    def judged(self, module: str, took_ns: int) -> None:
        """A result goes out."""
        times = self.took.get(module)
        if times is None:
            times = self.took[module] = Times()
        times.add(took_ns)
