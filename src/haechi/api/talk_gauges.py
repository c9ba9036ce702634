"""Numbers of what is said to cameras, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.ingest.talk import Talk

PIECE_S = 0.02


class TalkNumbers:
    """A collector over those who speak."""

    def __init__(self, talk: Talk, registry: CollectorRegistry) -> None:
        self._talk = talk
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        counts = self._talk.counts
        speaking = GaugeMetricFamily("haechi_talk_speaking", "Cameras that somebody speaks to at this moment.")
        speaking.add_metric([], self._talk.speaking)
        begun = CounterMetricFamily("haechi_talk_speeches_total", "Times that somebody spoke to a camera.")
        begun.add_metric([], counts.begun)
        seconds = CounterMetricFamily("haechi_talk_spoken_seconds_total", "Speech that cameras were sent.")
        seconds.add_metric([], counts.spoken * PIECE_S)
        dropped = CounterMetricFamily(
            "haechi_talk_dropped_seconds_total", "Speech that was let go, because it would have been heard too late."
        )
        dropped.add_metric([], counts.dropped * PIECE_S)
        silences = CounterMetricFamily(
            "haechi_talk_silent_seconds_total", "Silence that cameras were sent, because the page's sound was late."
        )
        silences.add_metric([], counts.silences * PIECE_S)
        refused = CounterMetricFamily(
            "haechi_talk_refused_total",
            "Times that somebody could not speak, or was cut off, by code.",
            labels=["code"],
        )
        for code, count in sorted(self._talk.refused.items()):
            refused.add_metric([code], count)
        return [speaking, begun, seconds, dropped, silences, refused]

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()
