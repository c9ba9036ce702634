"""Numbers of cameras that dial out, and of their memories, for Prometheus."""

from prometheus_client import CollectorRegistry, Gauge

from haechi.base.clock import NS_PER_S
from haechi.ingest.lines import Lines
from haechi.ingest.memory import Memories

_RESULTS = ("welcomed", "refused", "throttled", "redirected", "malformed", "cut")


class DialGauges:
    """Who dialled, and what cameras keep that we do not have yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dials = Gauge(
            "haechi_reverse_dials", "Connections of those who dialled us since start, by result.", ["result"],
            registry=registry,
        )  # fmt: skip
        self._connected = Gauge("haechi_reverse_connected", "Cameras connected that dial out.", registry=registry)
        self._rivals = Gauge(
            "haechi_reverse_rivals",
            "Connections since start that had the token of a camera that was connected already.",
            registry=registry,
        )

        self._bytes = Gauge(
            "haechi_memory_bytes", "What a camera keeps in its own memory.", ["camera"], registry=registry
        )
        self._limit = Gauge(
            "haechi_memory_limit_bytes", "What a camera's own memory can hold.", ["camera"], registry=registry
        )
        self._waiting = Gauge(
            "haechi_memory_waiting_seconds",
            "Footage in a camera's own memory that is being brought in.",
            ["camera"],
            registry=registry,
        )
        self._kept_units = Gauge(
            "haechi_memory_kept_units",
            "Units brought in out of a camera's own memory since start.",
            ["camera"],
            registry=registry,
        )
        self._kept_bytes = Gauge(
            "haechi_memory_kept_bytes",
            "Bytes brought in out of a camera's own memory since start.",
            ["camera"],
            registry=registry,
        )
        self._lost = Gauge(
            "haechi_memory_lost_units",
            "Units that gave way in the camera's own memory before we had them.",
            ["camera"],
            registry=registry,
        )
        self._failures = Gauge(
            "haechi_memory_failures",
            "Times since start that what a camera kept could not be stored.",
            ["camera"],
            registry=registry,
        )
        self._refused = Gauge(
            "haechi_memory_refused",
            "Times since start that a camera's memory said what it must not.",
            ["camera"],
            registry=registry,
        )

    def set(self, lines: Lines, memories: Memories) -> None:
        """Take the numbers over."""
        for result in _RESULTS:
            self._dials.labels(result).set(getattr(lines.counts, result))
        self._connected.set(lines.connected())
        self._rivals.set(lines.rivals())
        for gauge in (self._bytes, self._limit, self._waiting, self._kept_units, self._kept_bytes):
            gauge.clear()
        for gauge in (self._lost, self._failures, self._refused):
            gauge.clear()
        for camera, status in memories.known():
            self._bytes.labels(camera).set(status.bytes)
            self._limit.labels(camera).set(status.limit_bytes)
            self._waiting.labels(camera).set(status.waiting_ns / NS_PER_S)
            self._kept_units.labels(camera).set(status.kept_units)
            self._kept_bytes.labels(camera).set(status.kept_bytes)
            self._lost.labels(camera).set(status.lost_units)
            self._failures.labels(camera).set(status.failures)
            self._refused.labels(camera).set(status.refused)
