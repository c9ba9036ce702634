"""Which modules look at which camera, and in which hours of the week: kept in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.base.week import Week, checked_week
from haechi.store.database import Database
from haechi.vision.tables import camera_modules, inspection_stops

MOST_MODULES = 32


class Choice(Struct, frozen=True):
    """A module at a camera. ``week`` None: at all hours."""

    camera: CameraId
    module: str
    enabled: bool
    week: Week | None = None


class ChoiceStore:
    """Choices in the database, and who wants to hear that they changed. What nobody chose has no row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def list(self, camera: CameraId | None = None) -> Sequence[Choice]:
        """Those of a camera (or of all), by name of the module."""
        query = sa.select(camera_modules).order_by(camera_modules.c.camera, camera_modules.c.module)
        if camera is not None:
            query = query.where(camera_modules.c.camera == camera)
        return [_choice(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def stopped(self) -> frozenset[CameraId]:
        """Cameras that nothing looks at, because somebody said so; see `haechi.vision.inspection`."""
        query = sa.select(inspection_stops.c.camera)
        return frozenset(await self._database.read(lambda c: [CameraId(one) for one in c.execute(query).scalars()]))

    async def put(self, camera: CameraId, choices: Iterable[Choice]) -> None:
        """Keep choices of a camera; modules that are not named stay as they were.

        Raises:
            Invalid: ``bad-hours``; ``too-many-modules``; ``bad-modules``: one is named twice.
        """
        wanted = [_checked(choice, camera) for choice in choices]
        names = [choice.module for choice in wanted]
        if len(set(names)) < len(names):
            raise Invalid("a module is named twice", code="bad-modules")
        column = camera_modules.c

        def work(connection: Connection) -> None:
            connection.execute(camera_modules.delete().where(column.camera == camera, column.module.in_(names)))
            if wanted:
                connection.execute(camera_modules.insert(), [_columns(choice) for choice in wanted])
            mine = sa.select(sa.func.count()).select_from(camera_modules).where(column.camera == camera)
            if connection.execute(mine).scalar_one() > MOST_MODULES:
                raise Invalid(f"a camera has at most {MOST_MODULES} modules", code="too-many-modules")

        await self._database.write(work)
        self._changed()

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""
        statement = camera_modules.delete().where(camera_modules.c.camera == camera)
        await self._database.write(lambda c: c.execute(statement))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _checked(choice: Choice, camera: CameraId) -> Choice:
    week = None if choice.week is None else checked_week(choice.week)
    return structs.replace(choice, camera=camera, week=week)


def _columns(choice: Choice) -> dict[str, object]:
    hours = None if choice.week is None else msgspec.to_builtins(choice.week)
    return {"camera": choice.camera, "module": choice.module, "enabled": choice.enabled, "hours": hours}


def _choice(row: Row[tuple[object, ...]]) -> Choice:
    fields = row._mapping
    week = None if fields["hours"] is None else msgspec.convert(fields["hours"], Week)
    return Choice(CameraId(fields["camera"]), fields["module"], bool(fields["enabled"]), week)
