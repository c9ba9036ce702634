"""Puts together what takes films in: reading is vision's, recording is record's, the camera is fleet's."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from haechi.api.services import Auth
from haechi.app.keys import key_ring
from haechi.app.settings import Settings
from haechi.app.sites import fetch_over
from haechi.app.sources import sites_of
from haechi.base.clock import Clock
from haechi.base.errors import NotFound
from haechi.base.ids import CameraId
from haechi.events.rulebook import RuleStore
from haechi.fleet.address import UPLOAD
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.runs import RunNumbers
from haechi.record.disk.volume import Volume
from haechi.record.films.runner import Disk, Films, Hands
from haechi.record.films.store import Film, FilmStore
from haechi.record.films.uploads import FilmSettings
from haechi.record.index.spans import RecordIndex
from haechi.store.database import Database
from haechi.vision.demux.film import open_film
from haechi.vision.lines import LineStore
from haechi.vision.zones import ZoneStore

if TYPE_CHECKING:
    from haechi.record.write.recorder import Recorder


class FilmCameras:
    """The cameras of films: they connect to nothing, and are switched off."""

    def __init__(self, registry: CameraRegistry, database: Database, auth: Auth) -> None:
        self._registry = registry
        self._auth = auth
        self._zones = ZoneStore(database)
        self._lines = LineStore(database)
        self._rules = RuleStore(database)

    async def make(self, film: Film) -> CameraId:
        """Add one."""
        camera = await self._registry.add(film.name, f"{UPLOAD}{film.id}", audio=film.sound, enabled=False)
        return camera.id

    async def drop(self, camera: CameraId) -> None:
        """Remove one, unless it is gone."""
        with suppress(NotFound):
            await self._registry.delete(camera)
        await self._auth.users.forget_camera(camera)
        await self._zones.forget(camera)
        await self._lines.forget(camera)
        await self._rules.forget(camera)


def films_over(
    settings: Settings, clock: Clock, index: RecordIndex, cameras: FilmCameras, volume: Volume, recorder: Recorder
) -> Films:
    """All films over one database."""
    database = index.database
    disk = Disk(
        index=index,
        volume=volume,
        is_ready=lambda: recorder.ready.is_set() and recorder.swept.is_set(),
        begun=recorder.spare,
        sealed_with=key_ring(settings) if settings.record.encrypt else None,
        next_runs=RunNumbers(database).next,
    )
    wish = settings.films
    bounds = FilmSettings(wish.max_bytes, wish.max_hours, wish.reserve_bytes)
    hands = Hands(open_film, fetch_over(sites_of(settings)), cameras)
    return Films(FilmStore(database), settings.data_dir / "films", disk, hands, clock, bounds)
