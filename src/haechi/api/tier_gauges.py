"""Numbers of the tiers for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge

from haechi.base.clock import NS_PER_S
from haechi.record.tiers.report import TierReport


class TierGauges:
    """What lies where, and what waits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bytes = Gauge("haechi_tier_bytes", "Bytes of footage in a tier.", ["tier"], registry=registry)
        self._waiting = Gauge(
            "haechi_tier_waiting_bytes", "Bytes that are due in a tier and not there yet.", ["tier"], registry=registry
        )
        self._oldest = Gauge(
            "haechi_tier_oldest_waiting_seconds", "Age of the oldest footage that waits.", ["tier"], registry=registry
        )
        self._moved = Gauge(
            "haechi_tier_moved_bytes", "Bytes moved to a tier and verified there since start.", ["tier"],
            registry=registry,
        )  # fmt: skip
        self._failures = Gauge("haechi_tier_failures", "Tries that failed since start.", ["tier"], registry=registry)
        self._down = Gauge("haechi_tier_down", "1 while a tier stands still.", ["tier"], registry=registry)
        self._doomed = Gauge(
            "haechi_tier_doomed", "Files and objects that are still to be deleted.", ["tier"], registry=registry
        )

    def set(self, tiers: Sequence[TierReport], now_ns: int) -> None:
        """Take the numbers over."""
        for one in tiers:
            self._bytes.labels(one.name).set(one.bytes)
            self._waiting.labels(one.name).set(one.waiting_bytes)
            oldest_ns = one.oldest_waiting_ns
            self._oldest.labels(one.name).set((now_ns - oldest_ns) / NS_PER_S if oldest_ns is not None else 0)
            self._moved.labels(one.name).set(one.moved_bytes)
            self._failures.labels(one.name).set(one.failures)
            self._down.labels(one.name).set(bool(one.failure))
            self._doomed.labels(one.name).set(one.doomed)
