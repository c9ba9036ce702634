"""Bugs that ended something, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric

from haechi.base.faults import Faults


class FaultNumbers:
    """A collector over faults."""

    def __init__(self, faults: Faults, registry: CollectorRegistry) -> None:
        self._faults = faults
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        found = CounterMetricFamily(
            "haechi_faults_total",
            "Bugs that ended something, by what they ended; each is in the log with its traceback.",
            labels=["ended"],
        )
        for name, count in sorted(self._faults.counts.items()):
            found.add_metric([name], count)
        return [found]

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
