"""Numbers of those who watch by WebRTC, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.live.whep.viewers import Viewers


class WatchNumbers:
    """A collector over viewers."""

    def __init__(self, viewers: Viewers, registry: CollectorRegistry) -> None:
        self._viewers = viewers
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        totals = self._viewers.totals
        viewers = GaugeMetricFamily("haechi_whep_viewers", "Who watches by WebRTC at this moment.")
        viewers.add_metric([], self._viewers.count)
        packets = CounterMetricFamily("haechi_whep_packets_total", "RTP packets that viewers were sent by WebRTC.")
        packets.add_metric([], totals.packets)
        again = CounterMetricFamily(
            "haechi_whep_retransmitted_packets_total",
            "RTP packets that viewers were sent again, as they had lost them.",
        )
        again.add_metric([], totals.again)
        return [viewers, packets, again]

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
