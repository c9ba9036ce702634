"""Numbers of modules that others installed, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.vision.modules.room import Known


class ModuleNumbers:
    """A collector over the modules that run in processes of their own."""

    def __init__(self, known: Callable[[], list[Known]], registry: CollectorRegistry) -> None:
        self._known = known
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        cameras = GaugeMetricFamily("haechi_module_cameras", "Cameras that a module looks at.", labels=["module"])
        held = GaugeMetricFamily(
            "haechi_module_quarantined", "Units that ended two processes of a module.", labels=["module"]
        )
        looks = CounterMetricFamily("haechi_module_looks_total", "Looks of a module.", labels=["module"])
        late = CounterMetricFamily(
            "haechi_module_late_total", "Looks that took longer than the module's deadline.", labels=["module"]
        )
        missed = CounterMetricFamily(
            "haechi_module_missed_total", "Pictures that a module was to see and had no time for.", labels=["module"]
        )
        failures = CounterMetricFamily(
            "haechi_module_failures_total",
            "Times that a module could not judge: error, deadline, died.",
            labels=["module", "kind"],
        )
        for known in self._known():
            if known.where == "process":
                cameras.add_metric([known.name], known.cameras)
                held.add_metric([known.name], known.quarantined)
                looks.add_metric([known.name], known.looks)
                late.add_metric([known.name], known.late)
                missed.add_metric([known.name], known.missed)
                for kind, count in known.failures:
                    failures.add_metric([known.name, kind], count)
        return [cameras, held, looks, late, missed, failures]

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
