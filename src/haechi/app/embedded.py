"""Haechi in one process: how everything hangs together. Read this file first, then `ground`, which it stands on.

The walk of an access unit: a camera's bytes come in through `IngestManager`, are stamped, and are put on the `FrameBus`
once. From there the very same object goes to the `Recorder` (disk), to each viewer (`LiveHub`) and to the `VisionPool`
(a locked-in worker process that decodes and detects). What the detector says goes to the `EventCentre`, which applies
the rules, pins the footage in the recording and tells who listens. The HTTP edge translates all of this for browsers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI

from haechi import __version__
from haechi.api.app import build_app
from haechi.api.layouts import LayoutStore
from haechi.api.services import Auth, EdgeConfig, Services
from haechi.app.camera_modules import modules_over
from haechi.app.films import FilmCameras, films_over
from haechi.app.ground import Ground, kept, on_signals, open_ground, stopped
from haechi.app.inspection import Inspection
from haechi.app.keeping import keeping_over
from haechi.app.ports import listen
from haechi.app.punctual import PunctualProtocol
from haechi.app.push import PushRoom
from haechi.app.reverse import ReverseRoom
from haechi.app.rtsp import RtspRoom
from haechi.app.settings import Settings
from haechi.app.site_clock import follow_site_clock
from haechi.app.sound import RECODING
from haechi.app.sources import sites_of
from haechi.app.sub_streams import SubStreams
from haechi.app.tidy import keep_tidy
from haechi.app.tiers import tiers_over
from haechi.app.webrtc import WebRtcRoom
from haechi.base.clock import Clock
from haechi.base.machine import cores
from haechi.base.memory import collect_now_and_then, settle_memory
from haechi.events.centre import EventCentre, Stores
from haechi.events.counts.store import CountStore
from haechi.events.reported.moments import Moments
from haechi.events.reported.room import ReportRoom
from haechi.events.reported.wishes import WishStore
from haechi.events.rulebook import RuleStore
from haechi.events.snapshots import Snapshots
from haechi.fleet.onvif.control import OnvifControl
from haechi.fleet.onvif.links import LinkStore
from haechi.fleet.phones.ice import IceServers
from haechi.live.mse import LiveHub
from haechi.live.whep.viewers import Viewers
from haechi.record.disk.volume import Volume
from haechi.record.index.accounts import Accounts
from haechi.record.playback.footage import Playback
from haechi.record.playback.previews import Previews
from haechi.record.playback.reel import Reel
from haechi.record.retention.deletion import Retention
from haechi.record.write.recorder import Recorder
from haechi.store.database import Database
from haechi.vision.activity import ActivityStore
from haechi.vision.feed import FeedSettings
from haechi.vision.inspection import InspectionStore
from haechi.vision.lines import LineStore
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings, workers_for
from haechi.vision.view.book import ViewBook
from haechi.vision.view.room import ViewRoom
from haechi.vision.zones import ZoneStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that runs, put together. Making it starts nothing."""

    ground: Ground
    services: Services
    push: PushRoom

    @classmethod
    def build(cls, settings: Settings, database: Database, clock: Clock, *, demo: bool = False) -> Rooms:
        """Make all rooms over a migrated database."""
        return cls.over(Ground.build(settings, database, clock), demo=demo)

    @classmethod
    def over(cls, ground: Ground, *, demo: bool = False) -> Rooms:
        """Make all rooms over a ground, which may be at work already."""
        settings, database, clock, bus = ground.settings, ground.database, ground.clock, ground.bus
        retention, index = ground.retention, ground.index
        tiers = tiers_over(settings, database, ground.volume, clock, lambda: retention.settings.min_free_bytes)
        retention.shortages = tiers.shortages
        playback = Playback(index, tiers.vault, recoding=RECODING)
        models = ModelStore(settings.cache_dir / "models")
        vision = VisionPool(bus, models, clock, _vision_settings(settings))
        zones, rules = ZoneStore(database), RuleStore(database)
        lines, counts = LineStore(database), CountStore(database, clock)
        auth = Auth.over(database, clock)
        activity = ActivityStore(database, clock)
        live = LiveHub(bus, clock, settings.live.renditions)
        vision.on_moved(activity.note)
        reel = Reel(index, playback.vault, RECODING)
        onvif = OnvifControl(LinkStore(database), ground.reach.resolve, clock)
        recorded = Snapshots(settings.data_dir / "events", vision, playback).recorded
        views = ViewRoom(ViewBook(database), vision, settings.data_dir / "views", clock, recorded)
        stores = Stores(database, zones, rules, playback, settings.data_dir / "events", lines, counts, views.book)
        events = EventCentre(stores, vision, clock)
        services = Services(
            config=_edge_config(settings, clock, demo=demo),
            clock=clock,
            database=database,
            auth=auth,
            settings=ground.live,
            layouts=LayoutStore(database, clock),
            bus=bus,
            registry=ground.registry,
            ingest=ground.ingest,
            onvif=onvif,
            live=live,
            whep=Viewers(live, clock, settings.whep.most_viewers),
            index=index,
            playback=playback,
            reel=reel,
            previews=Previews(reel, vision.still, settings.cache_dir / "previews", settings.preview_bytes),
            vision=vision,
            models=models,
            modules=modules_over(settings, database, vision, bus, clock, ground.live),
            activity=activity,
            inspection=InspectionStore(database, clock),
            zones=zones,
            lines=lines,
            rules=rules,
            counts=counts,
            views=views,
            events=events,
            reports=ReportRoom(onvif, ground.registry, WishStore(database), events, Moments(bus, playback), clock),
            keeping=keeping_over(settings, database, clock, auth, retention=retention, tiers=tiers),
            films=films_over(
                settings, clock, index, FilmCameras(ground.registry, database, auth), ground.volume, ground.recorder
            ),
            sites=sites_of(settings),
        )
        ground.on_settings(services.keeping.outlook.forget)
        sub_streams = SubStreams(ground.registry, onvif.links.sub_streams, ground.ingest, live.demand, clock)
        live.renditions.smaller = sub_streams.is_small
        return cls(ground, services, PushRoom(settings, database, models, clock, ground.ingest.openers.berths))

    @property
    def settings(self) -> Settings:
        return self.ground.settings

    @property
    def recorder(self) -> Recorder:
        return self.ground.recorder

    @property
    def retention(self) -> Retention:
        return self.ground.retention

    @property
    def volume(self) -> Volume:
        return self.ground.volume


async def serve(rooms: Rooms, ready: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
    """Run until the HTTP server is told to stop (SIGINT, SIGTERM), or ``stop`` is set.

    Args:
        ready: Called with the address when requests are answered.

    Raises:
        Unavailable: ``port-taken``: no port could be listened on.
    """
    async with rooms.ground.at_work():
        await attend(rooms, ready, stop)


async def attend(rooms: Rooms, ready: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
    """The same over a ground that is at work.

    Live, recording, vision and events fail independently (CONTRACT D4): each is supervised on its own, and a bug in one
    of them is told and ends that one only, until it is begun anew. The edge is made off the event loop: that takes
    longer than a camera should wait.
    """
    listener = listen(rooms.settings.http.host, rooms.settings.http.port)
    host, port = listener.getsockname()[:2]
    app = await asyncio.to_thread(build_app, rooms.services)
    server = _Server(partial(ready, f"http://{_shown(host)}:{port}"), _uvicorn_config(app))
    settle_memory()
    with on_signals(server.handle_exit):
        await _run_all(rooms, server, listener, stop)


async def _run_all(rooms: Rooms, server: uvicorn.Server, listener: socket.socket, stop: asyncio.Event | None) -> None:
    """The ground comes to rest while what looks at it still does: events that end with the intake are stored."""
    house = rooms.services
    async with asyncio.TaskGroup() as group:
        keep = partial(kept, group, house.clock, faults=house.live.faults)
        rest = [
            keep("retention", partial(_retain, rooms)),
            keep("stop", partial(_stop_when, stop, server)),
            keep("memory", partial(collect_now_and_then, house.clock)),
        ]
        rest.append(keep("accounts", Accounts(house.bus.ledger, house.database, house.clock).run))
        rest.append(keep("tiers", house.keeping.tiers.run))
        rest.append(keep("exports", house.keeping.exports.run))
        rest.append(keep("films", house.films.run))
        rest.append(keep("reports", house.reports.run))
        inspection = Inspection(house.inspection, house.vision)
        rest += [keep("vision", inspection.look), keep("inspection", inspection.follow)]
        rest.append(keep("events", house.events.run))
        rest.append(keep("site clock", partial(follow_site_clock, house)))
        rest += [keep("modules", house.modules.run), keep("views", house.views.run)]
        rest.append(keep("audit", house.keeping.audit.run))
        rest.append(keep("activity", house.activity.run))
        rest += [keep("onvif", house.onvif.run), keep("tidy", partial(keep_tidy, house))]
        rest += [keep("live", house.live.run), keep("webrtc", web_rtc_room(rooms).run)]
        rest.append(keep("rtsp", RtspRoom(rooms.settings, house).run))
        rest += [keep("reverse", reverse_room(rooms).run), keep("push", rooms.push.run)]
        try:
            await server.serve([listener])
        finally:
            await rooms.ground.rest()
            for task in rest:
                await stopped(task)


def _uvicorn_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,  # video does not get smaller, it only costs ten times as much to send
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )


def reverse_room(rooms: Rooms) -> ReverseRoom:
    """Where cameras come in that dial out to us."""
    house = rooms.services
    return ReverseRoom(rooms.settings, house.registry, house.database, house.ingest.lines, house.clock)


def web_rtc_room(rooms: Rooms) -> WebRtcRoom:
    """Where browsers publish and watch."""
    house = rooms.services
    return WebRtcRoom(rooms.settings, house.registry, house.ingest.openers, house.whep, house.clock)


class _Server(uvicorn.Server):
    """uvicorn, and a word when it is ready."""

    def __init__(self, ready: Callable[[], None], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `on_signals`: uvicorn raises them again when *it* has stopped, and so would end the process
        before the recorder has written what it holds.
        """
        yield


async def _stop_when(stop: asyncio.Event | None, server: uvicorn.Server) -> None:
    if stop is not None:
        await stop.wait()
        server.should_exit = True


async def _retain(rooms: Rooms) -> None:
    """Retention, from the moment on when the recorder has claimed the volume."""
    while not rooms.volume.id:
        await rooms.services.clock.sleep(0.5)
    await rooms.retention.run()


def _shown(host: str) -> str:
    """The address as a person on this machine would type it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _vision_settings(settings: Settings) -> VisionSettings:
    wish = settings.vision
    return VisionSettings(
        detector=wish.detector,
        runtime=wish.runtime,
        threads=wish.threads,
        workers=(workers_for(cores()) if wish.workers == "auto" else wish.workers) if wish.enabled else 0,
        feed=FeedSettings(fps=wish.fps),
    )


def _edge_config(settings: Settings, clock: Clock, *, demo: bool) -> EdgeConfig:
    return EdgeConfig(
        version=__version__,
        started_ns=clock.wall_ns(),
        trusted_proxies=settings.http.trusted_proxies,
        allowed_origins=settings.http.allowed_origins,
        metrics_token=settings.http.metrics_token,
        record_path=settings.record_dir,
        ice=IceServers(settings.turn.urls, settings.turn.secret, settings.turn.ttl_s),
        demo=demo,
    )


def open_rooms(settings: Settings, *, demo: bool = False) -> Rooms:
    """Open and migrate the database, and make all rooms over it."""
    return Rooms.over(open_ground(settings), demo=demo)
