"""Numbers of those who watch by RTSP, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.live.rtsp.counts import Counts


class RtspNumbers:
    """A collector over what the RTSP server counts."""

    def __init__(self, counts: Counts, registry: CollectorRegistry) -> None:
        self._counts = counts
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        counts = self._counts
        yield GaugeMetricFamily("haechi_rtsp_connections", "Open connections of players by RTSP.", counts.connections)
        yield GaugeMetricFamily("haechi_rtsp_players", "Who watches by RTSP at this moment.", counts.players)
        ends = CounterMetricFamily(
            "haechi_rtsp_turned_away_total",
            "Connections that were not taken, or were ended, by reason.",
            labels=["reason"],
        )
        ends.add_metric(["wrong-token"], counts.refused)
        ends.add_metric(["malformed"], counts.malformed)
        ends.add_metric(["no-room-or-no-token"], counts.turned_away)
        yield ends
        sent = CounterMetricFamily("haechi_rtsp_sent_bytes_total", "RTP that players were sent.")
        sent.add_metric([], counts.sent_bytes)
        yield sent
        dropped = CounterMetricFamily("haechi_rtsp_dropped_units_total", "Units that slow players did not get.")
        dropped.add_metric([], counts.dropped_units)
        yield dropped

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
