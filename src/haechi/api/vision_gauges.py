"""Numbers of the live workers, for Prometheus, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from haechi.base.ids import camera_of
from haechi.base.machine import cores, memory_of
from haechi.vision.capacity import Capacity, Room, WorkerLoad
from haechi.vision.pool import VisionPool


class VisionNumbers:
    """A collector over the pool."""

    def __init__(self, vision: VisionPool, registry: CollectorRegistry) -> None:
        self._vision = vision
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        capacity = self._vision.capacity()
        room = capacity.room(self._vision.idle_cores(), cores())
        return [*_of_workers(capacity.workers), *_of_cameras(capacity), *_of_room(room)]


def _of_workers(workers: Iterable[WorkerLoad]) -> list[Metric]:
    streams = GaugeMetricFamily("haechi_vision_worker_streams", "Streams that a worker has.", labels=["worker"])
    used = GaugeMetricFamily(
        "haechi_vision_worker_used", "Share of a worker's time that work takes.", labels=["worker"]
    )
    wanted = GaugeMetricFamily(
        "haechi_vision_worker_wanted", "The same if nothing were given up; may be more than 1.", labels=["worker"]
    )
    late = GaugeMetricFamily(
        "haechi_vision_worker_late_seconds",
        "From the arrival of a picture to its result at a worker: 95th percentile of 10 s.",
        labels=["worker"],
    )
    memory = GaugeMetricFamily("haechi_vision_worker_memory_bytes", "Memory of a worker.", labels=["worker"])
    starts = CounterMetricFamily(
        "haechi_vision_worker_starts_total", "Processes that were started for a worker.", labels=["worker"]
    )
    for one in workers:
        label = [str(one.number)]
        streams.add_metric(label, one.streams)
        used.add_metric(label, one.used)
        wanted.add_metric(label, one.wanted)
        late.add_metric(label, one.late_s)
        starts.add_metric(label, one.starts)
        if one.pid is not None and (held := memory_of(one.pid)) is not None:
            memory.add_metric(label, held)
    return [streams, used, wanted, late, memory, starts]


def _of_cameras(capacity: Capacity) -> list[Metric]:
    cost = GaugeMetricFamily(
        "haechi_vision_cost",
        "Seconds of a worker per second that a camera would take if nothing were given up.",
        labels=["camera"],
    )
    for one in capacity.streams:
        if one.wanted is not None:
            cost.add_metric([camera_of(one.stream)], one.wanted)
    stopped = GaugeMetricFamily("haechi_vision_stopped_cameras", "Cameras whose inspection was stopped.")
    stopped.add_metric([], len(capacity.stopped))
    return [cost, stopped]


def _of_room(room: Room) -> list[Metric]:
    gauge = GaugeMetricFamily(
        "haechi_vision_room_cameras", "How many more cameras could be looked at, by what they cost.", labels=["like"]
    )
    for like, number in (("mean", room.like_mean), ("dearest", room.like_dearest)):
        if number is not None:
            gauge.add_metric([like], number)
    return [gauge]
