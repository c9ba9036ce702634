"""Numbers of phones for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.fleet.phones.signalling import Switchboard


class PhoneNumbers:
    """A collector over the switchboard."""

    def __init__(self, board: Switchboard, registry: CollectorRegistry) -> None:
        self._board = board
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        yield GaugeMetricFamily("haechi_phones", "Phones whose camera page is connected.", self._board.phones)
        yield GaugeMetricFamily("haechi_phone_viewers", "Who watches a phone, or waits for it.", self._board.viewers)
        messages = CounterMetricFamily(
            "haechi_phone_messages_total",
            "Messages between phones and their viewers: passed on, or refused because nobody was there for them.",
            labels=["outcome"],
        )
        messages.add_metric(["passed"], self._board.relayed)
        messages.add_metric(["refused"], self._board.refused)
        yield messages
