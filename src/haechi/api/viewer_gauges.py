"""Numbers of those who watch by HLS and Motion JPEG, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from haechi.api.routes.mjpeg import MotionJpegRoom
from haechi.live.llhls.room import HlsRoom


class ViewerNumbers:
    """A collector over both rooms."""

    def __init__(self, hls: HlsRoom, mjpeg: MotionJpegRoom, registry: CollectorRegistry) -> None:
        self._hls = hls
        self._mjpeg = mjpeg
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        yield GaugeMetricFamily("haechi_hls_streams", "Streams that somebody watches by HLS.", self._hls.streams)
        yield GaugeMetricFamily("haechi_hls_bytes", "Memory that their windows hold.", self._hls.bytes)
        yield GaugeMetricFamily("haechi_mjpeg_viewers", "Who watches by Motion JPEG.", self._mjpeg.viewers)

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
