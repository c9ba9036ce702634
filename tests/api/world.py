"""A small world for the tests of the edge: a house, cameras, people, and browsers to look in with."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from haechi.api.app import build_app
from haechi.api.auth.passwords import Passwords
from haechi.api.auth.principal import Role
from haechi.api.auth.read_tokens import TokenDraft
from haechi.api.auth.tokens import csrf_of
from haechi.api.layouts import LayoutDraft, LayoutStore
from haechi.api.policy import COOKIE
from haechi.api.services import Auth, EdgeConfig, Services
from haechi.api.settings import SettingsStore
from haechi.app.camera_modules import modules_over
from haechi.app.films import FilmCameras, films_over
from haechi.app.keeping import keeping_over
from haechi.app.settings import Settings
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Unavailable
from haechi.base.ids import BookmarkId, CameraId, ExportId, LayoutId, RecordingId, UserId, new_id, stream_of
from haechi.bus.frames import FrameBus, Run
from haechi.events.archive import Change, EventArchive
from haechi.events.centre import EventCentre, Stores
from haechi.events.counts.store import CountStore
from haechi.events.event import Event
from haechi.events.reported.moments import Moments
from haechi.events.reported.room import ReportRoom
from haechi.events.reported.wishes import WishStore
from haechi.events.rulebook import RuleStore
from haechi.fleet.cameras import CameraRegistry
from haechi.fleet.onvif.control import OnvifControl
from haechi.fleet.onvif.http import Address
from haechi.fleet.onvif.links import LinkStore
from haechi.ingest.manager import IngestManager
from haechi.ingest.openers import Openers
from haechi.ingest.sites.site import Sites
from haechi.live.mse import LiveHub
from haechi.live.whep.viewers import Viewers
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.record.disk.volume import Volume
from haechi.record.exports.store import Export, ExportBounds, ExportPart, ExportStore
from haechi.record.films.runner import Films
from haechi.record.index.spans import RecordIndex
from haechi.record.playback.previews import Previews
from haechi.record.playback.reel import Reel
from haechi.record.retention.bookmarks import Author, Draft
from haechi.record.retention.deletion import Retention
from haechi.record.tiers.room import Tiers
from haechi.record.tiers.vault import Vault
from haechi.record.write.recorder import Recorder
from haechi.store.database import Database
from haechi.vision.activity import ActivityStore
from haechi.vision.inspection import InspectionStore
from haechi.vision.lines import LineStore
from haechi.vision.models import ModelStore
from haechi.vision.view.book import ViewBook
from haechi.vision.view.room import ViewRoom
from haechi.vision.zones import ZoneStore
from tests.api.fakes_house import (
    FakePlayback,
    FakeVision,
    Found,
    RecordingFile,
    basis_of,
    event_of,
    result_of,
)
from tests.reach import HERE
from tests.streams import h264_stream

T = TypeVar("T")
HOST = "haechi.test"
ORIGIN = f"http://{HOST}"
PASSWORD = "correct horse battery"
CAMERA_PASSWORD = "canary-camera-password"
METRICS_TOKEN = "canary-metrics-token"
START_NS = 1_760_000_000 * NS_PER_S
PAGE = b"<!doctype html><title>Haechi</title><script type=module src=/assets/index-4f2a.js></script>"


@lru_cache(maxsize=1)
def _migrated() -> bytes:
    """An empty database of the newest schema, made once."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.at(Path(folder) / "empty.db")
        database.migrate()
        database.close()
        return (Path(folder) / "empty.db").read_bytes()


async def _nowhere(host: str, _port: int) -> Address:
    """No name is known in this world."""
    raise Unavailable("the camera's host name is unknown", code="dns-failed", host=host)


class World:
    """Everything that `build_app` wants, over one database in ``folder``; time stands still unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START_NS)
        (folder / "haechi.db").write_bytes(_migrated())
        self.database = Database.at(folder / "haechi.db")
        self.record_path = folder / "record"
        self.record_path.mkdir()
        self.static = folder / "static"
        (self.static / "assets").mkdir(parents=True)
        (self.static / "index.html").write_bytes(PAGE)
        (self.static / "assets" / "index-4f2a.js").write_bytes(b"console.log('haechi');\n" * 200)
        self.auth = Auth.over(
            self.database, self.clock, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        )
        self.bus = FrameBus()
        self.registry = CameraRegistry(self.database, self.clock)
        openers = Openers(self.clock, reach=HERE)
        self.ingest = IngestManager(self.registry, self.bus, self.clock, self.database, openers=openers)
        self.onvif = OnvifControl(LinkStore(self.database), _nowhere, self.clock, targets=())
        self.vision = FakeVision()
        self.playback = FakePlayback(folder)
        self.index = RecordIndex(self.database)
        self.reel = Reel(self.index, Vault(Volume(self.record_path), self.database))
        self.previews = Previews(self.reel, self.vision.still, folder / "previews", 1 << 20)
        self.activity = ActivityStore(self.database, self.clock)
        self.zones, self.rules = ZoneStore(self.database), RuleStore(self.database)
        self.lines, self.counts = LineStore(self.database), CountStore(self.database, self.clock)
        self.views = ViewRoom(ViewBook(self.database), cast("Any", self.vision), folder / "views", self.clock)
        self.archive, self.settings = EventArchive(self.database), SettingsStore(self.database, self.clock)
        self.events = self._centre(folder)
        self.volume = Volume(self.record_path)
        self.keeping = keeping_over(
            Settings(data_dir=folder),
            self.database,
            self.clock,
            self.auth,
            retention=Retention(RecordIndex(self.database), self.volume, self.clock),
            tiers=Tiers(self.database, self.volume, self.clock),
        )
        self.modules = modules_over(
            Settings(data_dir=folder), self.database, self.vision, self.bus, self.clock, self.settings
        )
        self.config = EdgeConfig(
            version="0.1.0",
            started_ns=START_NS,
            metrics_token=METRICS_TOKEN,
            record_path=self.record_path,
            static=self.static,
            trusted_proxies=("10.9.0.0/16",),
        )

    def services(self) -> Services:
        """The house as the edge sees it."""
        live = LiveHub(self.bus)
        return Services(
            config=self.config,
            clock=self.clock,
            database=self.database,
            auth=self.auth,
            settings=self.settings,
            layouts=self.layouts(),
            bus=self.bus,
            registry=self.registry,
            ingest=self.ingest,
            onvif=self.onvif,
            live=live,
            whep=Viewers(live, self.clock),
            index=self.index,
            playback=cast("Any", self.playback),
            reel=self.reel,
            previews=self.previews,
            vision=cast("Any", self.vision),
            models=ModelStore(self.record_path.parent / "models"),
            modules=self.modules,
            activity=self.activity,
            inspection=InspectionStore(self.database, self.clock),
            zones=self.zones,
            lines=self.lines,
            rules=self.rules,
            counts=self.counts,
            views=self.views,
            events=self.events,
            reports=self._reports(),
            keeping=self.keeping,
            films=self.films(),
            sites=Sites(()),
        )

    def _centre(self, folder: Path) -> EventCentre:
        footage = cast("Any", self.playback)
        drawn = (self.lines, self.counts, self.views.book)
        stores = Stores(self.database, self.zones, self.rules, footage, folder / "events", *drawn)
        return EventCentre(stores, cast("Any", self.vision), self.clock)

    def _reports(self) -> ReportRoom:
        moments = Moments(self.bus, cast("Any", self.playback))
        return ReportRoom(self.onvif, self.registry, WishStore(self.database), self.events, moments, self.clock)

    def films(self) -> Films:
        """Films over this house; the recorder never gets ready."""
        cameras = FilmCameras(self.registry, self.database, self.auth)
        recorder = Recorder(self.bus, self.index, self.volume, self.clock)
        settings = Settings(data_dir=self.record_path.parent)
        return films_over(settings, self.clock, self.index, cameras, self.volume, recorder)

    def app(self) -> FastAPI:
        """The web application."""
        return build_app(self.services())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on a loop of its own."""
        return asyncio.run(work)

    def camera(self, name: str = "Front door") -> CameraId:
        """Add a camera with credentials, a recording and a picture."""
        url = f"rtsp://192.0.2.20:8554/{name.replace(' ', '-')}"
        camera = self.do(self.registry.add(name, url, credentials=("operator", CAMERA_PASSWORD), enabled=False))
        stream = stream_of(camera.id)
        params, coded = h264_stream(frames=2, gop=2)
        unit = AccessUnit(UnitRef(stream, 1, 0), 0, 0, START_NS, True, 0, coded[0].data)
        run = Run(stream, 1, START_NS, [params])
        self.bus.channel(stream).open_run(run)
        self.bus.channel(stream).publish(unit)
        path = self.record_path / f"{camera.id}.mp4"
        path.write_bytes(bytes(range(256)) * 40)
        self.playback.files[stream, RecordingId(7)] = RecordingFile(path, 10_000)
        self.playback.moments[stream] = Found((unit,), params)
        return camera.id

    def event(self, camera: CameraId, *, ago_s: float = 3600, label: str = "person") -> Event:
        """Let something have happened."""
        event = event_of(camera, self.clock.wall_ns() - int(ago_s * NS_PER_S), label=label)
        look = result_of(camera, event.start_ns, event.first_ref.seq)
        self.do(self.archive.write(Change(((event, basis_of(event)),), (look,))))
        return event

    def export(self, camera: CameraId, owner: UserId) -> ExportId:
        """Somebody asked for footage, and it was made."""
        export = Export(
            ExportId(new_id("exp")),
            owner,
            camera,
            stream_of(camera),
            START_NS,
            START_NS + 60 * NS_PER_S,
            "Front_door",
            False,
            "done",
            1.0,
            parts=(ExportPart(1000, START_NS, START_NS + 60 * NS_PER_S, 900),),
            created_ns=START_NS,
        )
        self.do(ExportStore(self.database).add(export, ExportBounds()))
        folder = self.record_path.parent / "exports" / export.id
        folder.mkdir(parents=True)
        (folder / "1.mp4").write_bytes(bytes(1000))
        return export.id

    def bookmark(self, camera: CameraId, by: UserId, *, keep: bool = False) -> BookmarkId:
        """Somebody found something."""
        draft = Draft(camera, START_NS, START_NS + 10 * NS_PER_S, "a fox", keep)
        return self.do(self.keeping.bookmarks.add(draft, Author(by, "somebody"))).id

    def user(
        self, name: str, role: Role = "viewer", cameras: tuple[CameraId, ...] = (), *, may_speak: bool = False
    ) -> UserId:
        """Add a user whose password is `PASSWORD`."""

        async def add() -> UserId:
            hashed = await self.auth.passwords.hash(PASSWORD)
            return (await self.auth.users.add(name, hashed, role, cameras, may_speak=may_speak)).id

        return self.do(add())

    def token(self, user: UserId) -> str:
        """A session of a user."""
        return self.do(self.auth.sessions.create(user))

    def read_token(self, user: UserId, *cameras: CameraId, lasts_s: float = 0) -> tuple[str, str]:
        """Id and text of a read token of a user."""
        draft = TokenDraft(
            "a player", cameras or None, self.clock.wall_ns() + int(lasts_s * NS_PER_S) if lasts_s else 0
        )

        async def add() -> tuple[str, str]:
            made, token = await self.auth.read_tokens.add(await self.auth.users.get(user), draft)
            return made.id, token

        return self.do(add())

    def layouts(self) -> LayoutStore:
        """Everybody's layouts of the wall."""
        return LayoutStore(self.database, self.clock)

    def layout(self, user: UserId, *cameras: CameraId) -> LayoutId:
        """Somebody arranged the wall."""
        return self.do(self.layouts().add(user, LayoutDraft(new_id("wall"), cameras=cameras or None))).id

    def close(self) -> None:
        """Let go of everything."""
        self.auth.passwords.close()
        self.database.close()


class Browser:
    """A browser on a page of ours: cookies, `Origin`, and the CSRF header where it knows it."""

    def __init__(self, app: FastAPI, token: str = "") -> None:
        self.http = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
        self.csrf = csrf_of(token) if token else ""
        if token:
            self.http.cookies.set(COOKIE, token)

    def ask(self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None) -> Response:
        """Make a request as our page would."""
        ours = {"Origin": ORIGIN, "X-Haechi-CSRF": self.csrf} if method not in {"GET", "HEAD"} else {}
        return self.http.request(method, path, json=body, headers={**ours, **(headers or {})})

    def get(self, path: str, **headers: str) -> Response:
        """Read something."""
        return self.ask("GET", path, headers=headers)
