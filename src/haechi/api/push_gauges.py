"""Numbers of the result socket for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from haechi.base.clock import NS_PER_S
from haechi.ingest.rtp_push.berths import Report
from haechi.ingest.rtp_push.tally import BUCKETS_S, Tally, Times


class ResultSocketNumbers:
    """A collector over whoever serves clients at present.

    Args:
        server: Gives it; None: nobody does.
    """

    def __init__(self, server: Callable[[], Report | None], registry: CollectorRegistry) -> None:
        self._server = server
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        server = self._server()
        tally = server.tally if server is not None else Tally()
        clients = GaugeMetricFamily("haechi_result_socket_clients", "Clients that are connected.")
        clients.add_metric([], server.clients if server is not None else 0)
        streams = GaugeMetricFamily("haechi_result_socket_streams", "Streams that clients push.")
        streams.add_metric([], server.streams if server is not None else 0)
        units = CounterMetricFamily("haechi_result_socket_units_total", "Whole units that clients pushed.")
        units.add_metric([], tally.units)
        dropped = CounterMetricFamily(
            "haechi_result_socket_datagrams_dropped_total",
            "Datagrams that reached this machine and were not read in time.",
        )
        dropped.add_metric([], server.udp_dropped() if server is not None else 0)
        left_out = CounterMetricFamily(
            "haechi_result_socket_left_out_total",
            "Left out, by reason: packets that never came, damaged units, units not looked at, results not read.",
            labels=["reason"],
        )
        for reason, count in sorted(tally.left_out.items()):
            left_out.add_metric([reason], count)
        failures = CounterMetricFamily(
            "haechi_result_socket_module_failures_total",
            "Times that a module could not judge: error, deadline, died.",
            labels=["module", "kind"],
        )
        for (module, kind), count in sorted(tally.failures.items()):
            failures.add_metric([module, kind], count)
        took = HistogramMetricFamily(
            "haechi_result_socket_seconds",
            "From a unit's last byte to its result on the way out: the server's part of a round trip.",
            labels=["module"],
        )
        for module, times in sorted(tally.took.items()):
            took.add_metric([module], *_histogram(times))
        return [clients, streams, units, dropped, left_out, failures, took]

    def describe(self) -> Iterable[Metric]:
        """The same without asking anybody."""
        return self.collect()


def _histogram(times: Times) -> tuple[list[tuple[str, float]], float]:
    bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
    counts = list(accumulate(times.counts))
    return list(zip(bounds, map(float, counts), strict=True)), times.sum_ns / NS_PER_S
