"""Prometheus' numbers. Gauges are read when somebody asks; counters count what passes through the edge."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter as Tally
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haechi.api.dial_gauges import DialGauges
from haechi.api.fault_numbers import FaultNumbers
from haechi.api.module_gauges import ModuleNumbers
from haechi.api.push_gauges import ResultSocketNumbers
from haechi.api.rendition_gauges import RenditionNumbers
from haechi.api.report_gauges import ReportGauges
from haechi.api.rtsp_gauges import RtspNumbers
from haechi.api.tier_gauges import TierGauges
from haechi.api.vision_gauges import VisionNumbers
from haechi.api.watch_gauges import WatchNumbers
from haechi.base.clock import NS_PER_S, Clock
from haechi.events.event import EventFilter

if TYPE_CHECKING:
    from haechi.api.services import Services

_STATES = ("live", "connecting", "offline", "waiting", "peer", "disabled")


class Metrics:
    """All numbers of one server, in a registry of its own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.registry = registry = CollectorRegistry()
        self._cameras = Gauge("haechi_cameras", "Cameras by state.", ["state"], registry=registry)
        self._units = Gauge("haechi_ingest_units", "Units of the present run.", ["camera"], registry=registry)
        self._bitrate = Gauge("haechi_ingest_bitrate_bps", "Bit rate of a camera.", ["camera"], registry=registry)
        self._lost = Gauge(
            "haechi_ingest_lost_packets", "RTP packets known to be lost since start.", ["camera"], registry=registry
        )
        self._accounts = Gauge(
            "haechi_units",
            "Units since start, by what became of them.",
            ["camera", "stream", "state"],
            registry=registry,
        )
        self._missing = Gauge(
            "haechi_units_missing", "Units missing since start.", ["camera", "stream", "cause"], registry=registry
        )
        self._stored = Gauge("haechi_record_stored_bytes", "Bytes of listed footage.", registry=registry)
        self._free = Gauge("haechi_record_free_bytes", "Free bytes where footage is kept.", registry=registry)
        self._only_protected = Gauge(
            "haechi_record_only_protected",
            "1 while the disk is full and all that is left on it is protected: nothing new can be recorded.",
            registry=registry,
        )
        self._tiers = TierGauges(registry)
        self._dialling = DialGauges(registry)
        self._reports = ReportGauges(registry)
        _read_themselves(services, registry)
        self._viewers = Gauge("haechi_live_viewers", "Open live connections.", registry=registry)
        self._late = Gauge(
            "haechi_vision_late_seconds",
            "From the arrival of a picture to what is seen in it: 95th percentile of the last 10 s.",
            registry=registry,
        )
        self._shed = Gauge(
            "haechi_vision_shed_units",
            "Units that were to be decoded and were not, for want of time; of the streams of now.",
            registry=registry,
        )
        self._thinned = Gauge(
            "haechi_vision_thinned_looks",
            "Looks that were planned and left out, for want of time; of the streams of now.",
            registry=registry,
        )
        self._strained = Gauge(
            "haechi_vision_strained_streams",
            "Streams of which less is looked at than asked for, for want of time.",
            registry=registry,
        )
        self._looks = Gauge("haechi_vision_looks", "Pictures that were looked at since start.", registry=registry)
        self._unreviewed = Gauge("haechi_events_unreviewed", "Events that nobody looked at.", registry=registry)
        self._audit_owed = Gauge(
            "haechi_audit_owed", "Entries of the audit log that wait for the database.", registry=registry
        )
        self._audit_lost = Gauge(
            "haechi_audit_lost", "Entries of the audit log that were given up since start.", registry=registry
        )
        self.requests = Counter(
            "haechi_http_requests_total", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "haechi_http_seconds", "Time until an answer was complete.", ["route"], registry=registry
        )
        self.push_dropped = Counter(
            "haechi_push_dropped_total", "Messages that slow pages did not get.", ["topic"], registry=registry
        )

    async def render(self) -> tuple[bytes, str]:
        """The text, and its media type."""
        await self._read()
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    async def _read(self) -> None:
        services = self._services
        self._audit_owed.set(services.keeping.audit.owed)
        self._audit_lost.set(services.keeping.audit.lost)
        cameras = await services.registry.list()
        states: Tally[str] = Tally()
        for gauge in (self._units, self._bitrate, self._lost, self._accounts, self._missing):
            gauge.clear()
        self._read_accounts()
        for camera in cameras:
            status = services.ingest.status(camera.id)
            states[status.state] += 1
            self._units.labels(camera.id).set(status.units)
            self._bitrate.labels(camera.id).set(status.bitrate_bps)
            self._lost.labels(camera.id).set(status.lost_packets)
        for state in _STATES:
            self._cameras.labels(state).set(states[state])
        self._dialling.set(services.ingest.lines, services.ingest.openers.memories)
        self._reports.set(services.reports)
        self._tiers.set(await services.keeping.tiers.report(), services.clock.wall_ns())
        self._stored.set(await services.index.storage_bytes())
        path = services.config.record_path
        if path.exists():
            self._free.set((await asyncio.to_thread(shutil.disk_usage, path)).free)
        self._only_protected.set(services.keeping.retention.last.only_protected)
        self._viewers.set(services.live.viewers)
        vision = services.vision.status()
        self._late.set(vision.late_s)
        self._shed.set(vision.shed_units)
        self._thinned.set(vision.thinned_looks)
        self._strained.set(vision.strained_streams)
        self._looks.set(vision.looked_frames)
        self._unreviewed.set((await services.events.list(EventFilter(limit=1))).unreviewed)

    def _read_accounts(self) -> None:
        for stream, entry in self._services.bus.ledger.all_totals().items():
            camera, _, role = stream.partition("/")
            for state in ("expected", "received", "stored", "decoded"):
                self._accounts.labels(camera, role, state).set(getattr(entry, state))
            for cause, count in entry.missing.items():
                self._missing.labels(camera, role, cause).set(count)


def _read_themselves(services: Services, registry: CollectorRegistry) -> None:
    """Collectors that read their rooms when somebody asks."""
    RtspNumbers(services.rtsp, registry)
    ResultSocketNumbers(lambda: services.ingest.openers.berths.server, registry)
    RenditionNumbers(services.live.renditions, registry)
    WatchNumbers(services.whep, registry)
    VisionNumbers(services.vision, registry)
    FaultNumbers(services.live.faults, registry)
    ModuleNumbers(services.modules.known, registry)


class CountRequests:
    """ASGI middleware. Routes are counted by their template: an id in a label would be one more series each."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through; note status and time of HTTP answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = self._clock.monotonic_ns()
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = _template(scope.get("route"))
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe((self._clock.monotonic_ns() - began_ns) / NS_PER_S)


def _template(route: BaseRoute | None) -> str:
    return str(getattr(route, "path", "(none)"))
