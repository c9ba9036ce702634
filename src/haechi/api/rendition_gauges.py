"""Numbers of what is made for viewers, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.live.renditions.making import SHAPES
from haechi.live.renditions.room import Renditions


class RenditionNumbers:
    """A collector over the renditions."""

    def __init__(self, renditions: Renditions, registry: CollectorRegistry) -> None:
        self._renditions = renditions
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        report = self._renditions.report()
        kinds = Counter(one.kind for one in report.renditions if not one.is_passed)
        made = GaugeMetricFamily("haechi_renditions", "Pictures that are coded anew for viewers.", labels=["kind"])
        for kind in sorted(SHAPES):
            made.add_metric([kind], kinds[kind])
        cpu = CounterMetricFamily("haechi_rendition_cpu_seconds_total", "Processor time that this took.")
        cpu.add_metric([], report.cpu_s)
        shed = CounterMetricFamily(
            "haechi_rendition_shed_units_total", "Pictures that were left out of it for want of time."
        )
        shed.add_metric([], report.shed)
        starts = CounterMetricFamily("haechi_rendition_processes_total", "Processes that were started for it.")
        starts.add_metric([], report.starts)
        held = GaugeMetricFamily(
            "haechi_rendition_quarantined_units", "Units that ended such processes, and are left out from then on."
        )
        held.add_metric([], report.quarantined)
        return [made, cpu, shed, starts, held]
