"""Which cameras are not looked at because somebody said so. All others are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.ids import CameraId
from haechi.store.database import Database
from haechi.vision.tables import inspection_stops

POLL_S = 2.0
"""How often the table is read again: the command line writes to the same database from another process."""


class InspectionStore:
    """Cameras whose inspection was stopped, in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changed = asyncio.Event()

    async def stopped(self) -> frozenset[CameraId]:
        """Cameras that are not looked at."""
        query = sa.select(inspection_stops.c.camera)
        return frozenset(await self._database.read(lambda c: [CameraId(one) for one in c.execute(query).scalars()]))

    async def is_on(self, camera: CameraId) -> bool:
        """Whether a camera is looked at."""
        return camera not in await self.stopped()

    async def switch(self, camera: CameraId, *, on: bool) -> None:
        """Look at a camera, or do not. Doing it twice changes nothing."""
        column = inspection_stops.c.camera

        def work(connection: Connection) -> None:
            if on:
                connection.execute(inspection_stops.delete().where(column == camera))
            elif connection.execute(sa.select(column).where(column == camera)).first() is None:
                row = {"camera": camera, "since_ns": self._clock.wall_ns()}
                connection.execute(inspection_stops.insert().values(**row))

        await self._database.write(work)
        self._changed.set()

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""
        await self.switch(camera, on=True)

    async def watch(self) -> AsyncGenerator[frozenset[CameraId], None]:
        """Cameras that are not looked at: now, and after each change: at once for ours, within 2 s for another
        process's. For one reader.
        """
        before: frozenset[CameraId] | None = None
        while True:
            self._changed.clear()
            now = await self.stopped()
            if now != before:
                before = now
                yield now
            await self._changed_or_polled()

    async def _changed_or_polled(self) -> None:
        tasks = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(POLL_S))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
