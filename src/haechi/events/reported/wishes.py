"""Which cameras' own reports become events: a switch, kinds, and a cool-down for each camera; in the database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.events import tables
from haechi.events.event import Severity
from haechi.fleet.onvif.topics import KINDS, Kind
from haechi.store.database import Database

DEFAULT_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "sound")
"""Sound is left out: who listens needs a reason (CONTRACT S11)."""
LEAST_COOLDOWN_S = 1.0
MOST_COOLDOWN_S = 86_400.0


class Wish(Struct, frozen=True):
    """What is wanted of one camera."""

    enabled: bool = False
    kinds: tuple[Kind, ...] = DEFAULT_KINDS
    severity: Severity = "detection"
    cooldown_s: float = 30.0


class WishStore:
    """The wishes, and who wants to hear that one changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def get(self, camera: CameraId) -> Wish:
        """The wish for a camera; switched off when nobody said anything."""
        query = sa.select(tables.reports).where(tables.reports.c.camera == camera)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return Wish() if row is None else _wish(row)

    async def all(self) -> Mapping[CameraId, Wish]:
        """All wishes that somebody stored."""
        rows = await self._database.read(lambda c: c.execute(sa.select(tables.reports)).all())
        return {CameraId(row._mapping["camera"]): _wish(row) for row in rows}

    async def put(self, camera: CameraId, wish: Wish) -> Wish:
        """Set the wish for a camera.

        Raises:
            Invalid: ``bad-reports``.
        """
        stored = checked(wish)
        values = {
            "enabled": stored.enabled,
            "kinds": list(stored.kinds),
            "severity": stored.severity,
            "cooldown_s": stored.cooldown_s,
        }

        def work(connection: Connection) -> None:
            connection.execute(tables.reports.delete().where(tables.reports.c.camera == camera))
            connection.execute(tables.reports.insert().values(camera=camera, **values))

        await self._database.write(work)
        self._changed()
        return stored

    async def forget(self, camera: CameraId) -> None:
        """Remove the wish for a camera that was deleted."""
        statement = tables.reports.delete().where(tables.reports.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def checked(wish: Wish) -> Wish:
    """``wish`` with its kinds in order, each once.

    Raises:
        Invalid: ``bad-reports``: says what is wrong.
    """
    if not math.isfinite(wish.cooldown_s) or not LEAST_COOLDOWN_S <= wish.cooldown_s <= MOST_COOLDOWN_S:
        raise Invalid("the cool-down of a camera's own reports is 1 to 86,400 seconds", code="bad-reports")
    kinds = _known(wish.kinds)
    if wish.enabled and not kinds:
        raise Invalid("choose at least one kind of report, or switch them off", code="bad-reports")
    return replace(wish, kinds=kinds)


def _known(kinds: Iterable[str]) -> tuple[Kind, ...]:
    wanted = set(kinds)
    return tuple(kind for kind in KINDS if kind in wanted)


def _wish(row: Row[tuple[object, ...]]) -> Wish:
    fields = row._mapping
    return Wish(bool(fields["enabled"]), _known(fields["kinds"]), fields["severity"], fields["cooldown_s"])
