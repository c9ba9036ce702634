"""Haechi in one process: how everything hangs together. Read this file first.

The walk of an access unit: a camera's bytes come in through `IngestManager`, are stamped, and are put on the `FrameBus`
once. From there the very same object goes to the `Recorder` (disk), to each viewer (`LiveHub`) and to the `VisionPool`
(a locked-in worker process that decodes and detects). What the detector says goes to the `EventCentre`, which applies
the rules, pins the footage in the recording and tells who listens. The HTTP edge translates all of this for browsers.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn

from haechi import __version__
from haechi.api.app import build_app
from haechi.api.services import Auth, EdgeConfig, Services
from haechi.api.settings import LiveSettings, SettingsStore
from haechi.app.keeping import keeping_over
from haechi.app.settings import Settings, make_folder
from haechi.app.sound import RECODING
from haechi.app.tidy import keep_tidy
from haechi.app.tiers import key_ring, require_keys, tiers_over
from haechi.app.zone import machine_zone
from haechi.base.clock import Clock, SystemClock, is_synchronised
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.memory import settle_memory
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus
from haechi.events.centre import EventCentre, Stores
from haechi.events.rulebook import RuleStore
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.manager import IngestManager
from haechi.live.mse import LiveHub
from haechi.record.disk.volume import Volume
from haechi.record.index.accounts import Accounts
from haechi.record.index.policies import Policy
from haechi.record.index.spans import RecordIndex
from haechi.record.playback.footage import Playback
from haechi.record.playback.previews import Previews
from haechi.record.playback.reel import Reel
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.write.recorder import Recorder, RecorderSettings
from haechi.store.database import Database
from haechi.vision.activity import ActivityStore
from haechi.vision.feed import FeedSettings
from haechi.vision.models import ModelStore
from haechi.vision.pool import VisionPool
from haechi.vision.settings import VisionSettings
from haechi.vision.zones import ZoneStore

log = structlog.get_logger(__name__)

PORTS_TRIED = 20


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that runs, put together. Making it starts nothing."""

    settings: Settings
    services: Services
    recorder: Recorder
    retention: Retention
    volume: Volume

    @classmethod
    def build(cls, settings: Settings, database: Database, clock: Clock, *, demo: bool = False) -> Rooms:
        """Make all rooms over a migrated database."""
        bus = FrameBus()
        registry = CameraRegistry(database, clock)
        index = RecordIndex(database)
        volume = Volume(settings.record_dir)
        retention = Retention(index, volume, clock, is_sure=is_synchronised)
        tiers = tiers_over(settings, database, volume, clock, lambda: retention.settings.min_free_bytes)
        retention.shortages = tiers.shortages
        playback = Playback(index, tiers.vault, recoding=RECODING)
        models = ModelStore(settings.cache_dir / "models")
        vision = VisionPool(bus, models, clock, _vision_settings(settings))
        zones, rules = ZoneStore(database), RuleStore(database)
        auth = Auth.over(database, clock)
        activity = ActivityStore(database, clock)
        vision.on_moved(activity.note)
        reel = Reel(index, playback.vault, RECODING)
        services = Services(
            config=_edge_config(settings, clock, demo=demo),
            clock=clock,
            database=database,
            auth=auth,
            settings=SettingsStore(database, clock, _live_defaults(settings)),
            bus=bus,
            registry=registry,
            ingest=IngestManager(registry, bus, clock, database, floor=index.newest_captured_ns),
            live=LiveHub(bus),
            index=index,
            playback=playback,
            reel=reel,
            previews=Previews(reel, vision.still, settings.cache_dir / "previews", settings.preview_bytes),
            vision=vision,
            models=models,
            activity=activity,
            zones=zones,
            rules=rules,
            events=EventCentre(Stores(database, zones, rules, playback, settings.data_dir / "events"), vision, clock),
            keeping=keeping_over(settings, database, clock, auth, retention=retention, tiers=tiers),
        )
        recording = RecorderSettings(
            enabled=settings.record.enabled, keys=key_ring(settings), encrypt=settings.record.encrypt
        )
        recorder = Recorder(bus, index, volume, clock, recording, on_full=retention.wake)
        return cls(settings, services, recorder, retention, volume)


async def serve(rooms: Rooms, ready: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
    """Run until the HTTP server is told to stop (SIGINT, SIGTERM), or ``stop`` is set.

    Live, recording, vision and events fail independently (CONTRACT D4): each is supervised on its own.

    Args:
        ready: Called with the address when requests are answered.

    Raises:
        Unavailable: ``port-taken``: no port could be listened on.
    """
    house = rooms.services
    listener = listen(rooms.settings.http.host, rooms.settings.http.port)
    host, port = listener.getsockname()[:2]
    server = _Server(
        partial(ready, f"http://{_shown(host)}:{port}"),
        uvicorn.Config(
            build_app(house),
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # video does not get smaller, it only costs ten times as much to send
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        ),
    )
    settle_memory()
    with _stopped_by_signals(server):
        await _run_all(rooms, server, listener, stop)


async def _run_all(rooms: Rooms, server: uvicorn.Server, listener: socket.socket, stop: asyncio.Event | None) -> None:
    house = rooms.services
    async with asyncio.TaskGroup() as group:
        keep = partial(_keep, group, house.clock)
        recording = keep("recorder", rooms.recorder.run)
        intake = keep("intake", house.ingest.run)
        others = [
            keep("retention", partial(_retain, rooms)),
            keep("stop", partial(_stop_when, stop, server)),
            keep("retention settings", partial(_follow_settings, rooms)),
        ]
        others.append(keep("accounts", Accounts(house.bus.ledger, house.database, house.clock).run))
        others.append(keep("tiers", house.keeping.tiers.run))
        others.append(keep("exports", house.keeping.exports.run))
        others += [keep("vision", house.vision.run), keep("events", house.events.run)]
        others += [keep("previews", house.previews.run), keep("activity", house.activity.run)]
        others.append(keep("tidy", partial(keep_tidy, house)))
        try:
            await server.serve([listener])
        finally:
            await _stop(intake)
            await _stop(recording)
            for task in others:
                await _stop(task)


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
        """Leave signals to `_stopped_by_signals`: uvicorn raises them again when *it* has stopped, and so would end
        the process before the recorder has written what it holds.
        """
        yield


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Generator[None, None, None]:
    """SIGINT and SIGTERM stop the server, and then everything behind it in its order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, server.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on ``port``, or on the next free one.

    Raises:
        Unavailable: ``port-taken``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65_536)) if port else (0,):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    raise Unavailable("no port to listen on; choose another with --port", code="port-taken", host=host, port=port)


def _keep(
    group: asyncio.TaskGroup, clock: Clock, name: str, run: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Task[None]:
    """Supervise one room: whatever condition it meets, the others go on."""
    backoff = Backoff(1.0, 15.0)
    return group.create_task(
        supervise(name, run, clock=clock, backoff=backoff, expected=(HaechiError, OSError, TimeoutError)), name=name
    )


async def _stop_when(stop: asyncio.Event | None, server: uvicorn.Server) -> None:
    if stop is not None:
        await stop.wait()
        server.should_exit = True


async def _retain(rooms: Rooms) -> None:
    """Retention, from the moment on when the recorder has claimed the volume."""
    while not rooms.volume.id:
        await rooms.services.clock.sleep(0.5)
    await rooms.retention.run()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _follow_settings(rooms: Rooms) -> None:
    async for now in rooms.services.settings.watch():
        rooms.retention.settings = RetentionSettings(
            now.retention_days, now.min_free_bytes, now.motion_days, now.event_days, now.camera_max_bytes or None
        )
        rooms.recorder.defaults = Policy(enabled=rooms.settings.record.enabled, audio=now.record_audio)
        rooms.services.keeping.outlook.forget()
        rooms.retention.wake()


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
        workers=wish.workers if wish.enabled else 0,
        feed=FeedSettings(fps=wish.fps),
    )


def _live_defaults(settings: Settings) -> LiveSettings:
    return LiveSettings(
        retention_days=settings.record.retention_days,
        min_free_bytes=settings.record.min_free_bytes,
        time_zone=settings.time_zone or machine_zone(),
    )


def _edge_config(settings: Settings, clock: Clock, *, demo: bool) -> EdgeConfig:
    return EdgeConfig(
        version=__version__,
        started_ns=clock.wall_ns(),
        trusted_proxies=settings.http.trusted_proxies,
        allowed_origins=settings.http.allowed_origins,
        metrics_token=settings.http.metrics_token,
        record_path=settings.record_dir,
        demo=demo,
    )


def open_rooms(settings: Settings, *, demo: bool = False) -> Rooms:
    """Open and migrate the database, and make all rooms over it."""
    make_folder(settings.data_dir, "data_dir")
    make_folder(settings.record_dir, "record.folder")
    require_keys(settings)
    database = Database.at(settings.database_path)
    database.migrate()
    return Rooms.build(settings, database, SystemClock(), demo=demo)
