"""Settings that are made in the browser and take effect at once. What needs a restart stands in ``config.yaml``."""

import asyncio
import zoneinfo
from collections.abc import AsyncIterator

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection

from haechi.api.auth.tables import settings
from haechi.base.clock import Clock
from haechi.base.errors import Invalid
from haechi.record.index.policies import Keep
from haechi.store.database import Database


class LiveSettings(Struct, frozen=True):
    """What can be changed while the server runs.

    Attributes:
        retention_days: Footage older than this is deleted.
        min_free_bytes: When less is free on the volume, the oldest unprotected footage goes first.
        time_zone: Of the site (IANA name); days and file names follow it.
        motion_days, event_days: Of footage with motion, and of events; None: as long as all else.
        camera_max_bytes: Of one camera; 0: as much as there is room for.
        purpose: Why cameras record, where one has no purpose of its own.
        record_audio: Whether sound is recorded where a camera says nothing about it (CONTRACT S11).
    """

    retention_days: float = 30.0
    min_free_bytes: int = 2 * 1024**3
    time_zone: str = "UTC"
    motion_days: float | None = None
    event_days: float | None = None
    camera_max_bytes: int = 0
    purpose: str = ""
    record_audio: bool = False

    @property
    def keep(self) -> Keep:
        """How long footage is kept where a camera has no setting of its own."""
        motion = self.retention_days if self.motion_days is None else self.motion_days
        event = self.retention_days if self.event_days is None else self.event_days
        return Keep(self.retention_days, motion, event, self.camera_max_bytes or None)


class SettingsChange(Struct, frozen=True):
    """What to change; None leaves a thing as it is."""

    retention_days: float | None = None
    min_free_bytes: int | None = None
    time_zone: str | None = None
    motion_days: float | None = None
    event_days: float | None = None
    camera_max_bytes: int | None = None
    purpose: str | None = None
    record_audio: bool | None = None


class SettingsStore:
    """The settings in the database, over the defaults of the installation."""

    def __init__(self, database: Database, clock: Clock, defaults: LiveSettings | None = None) -> None:
        self._database = database
        self._clock = clock
        self._defaults = defaults or LiveSettings()
        self._watchers: list[asyncio.Event] = []

    async def get(self) -> LiveSettings:
        """The settings as they are now."""
        return await self._database.read(self._read)

    async def change(self, change: SettingsChange) -> LiveSettings:
        """Change some.

        Raises:
            Invalid: A value cannot be taken.
        """
        if change.time_zone is not None:
            time_zone(change.time_zone)
        now_ns = self._clock.wall_ns()
        changed = {key: value for key, value in structs.asdict(change).items() if value is not None}

        def work(connection: Connection) -> LiveSettings:
            for key, value in changed.items():
                connection.execute(settings.delete().where(settings.c.key == key))
                connection.execute(settings.insert().values(key=key, value=value, changed_ns=now_ns))
            return self._read(connection)

        now = await self._database.write(work)
        for event in self._watchers:
            event.set()
        return now

    async def watch(self) -> AsyncIterator[LiveSettings]:
        """The settings now, and again after each change."""
        event = asyncio.Event()
        self._watchers.append(event)
        try:
            while True:
                event.clear()
                yield await self.get()
                await event.wait()
        finally:
            self._watchers.remove(event)

    def _read(self, connection: Connection) -> LiveSettings:
        known = set(LiveSettings.__struct_fields__)
        rows = connection.execute(sa.select(settings.c.key, settings.c.value)).all()
        stored = {key: value for key, value in rows if key in known}
        return msgspec.convert(structs.asdict(self._defaults) | stored, LiveSettings)


def time_zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone called ``name``.

    Raises:
        Invalid: ``bad-time-zone``.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("no such time zone; want a name such as Asia/Seoul", code="bad-time-zone") from error
