"""Counts in the database, and what waits to be written."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import Unavailable
from haechi.base.ids import CameraId, LineId
from haechi.events.counts.counter import Counted
from haechi.events.rules.rule import Way
from haechi.events.tables import crossings
from haechi.store.database import Database
from haechi.vision.tables import lines

WRITE_EVERY_S = 0.5
"""A crash loses the crossings of so long at most."""
_columns = crossings.c


class Row(Struct, frozen=True, order=True):
    """So many crossed in a quarter of an hour. ``slot`` counts them since the epoch."""

    slot: int
    line: LineId
    way: Way
    label: str
    number: int


_Key = tuple[CameraId, LineId, int, Way, str]


class CountStore:
    """What was counted: what is written, and what waits for the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: Tally[_Key] = Tally()
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()

    def add(self, counted: Iterable[Counted]) -> None:
        """Somebody crossed. Counted at once, written soon."""
        for one in counted:
            self._waiting[one.camera, one.line, one.slot, one.way, one.label] += 1
            self._wake.set()

    async def run(self) -> None:
        """Write until cancelled; what waits then is written first.

        Raises:
            Unavailable: The database does not answer; call again, nothing is forgotten.
        """
        try:
            while True:
                await self._wake.wait()
                await self._write()
                await self._clock.sleep(WRITE_EVERY_S)
        finally:
            if self._waiting:
                await self._write()

    async def list(self, camera: CameraId, first_slot: int, after_slot: int) -> Sequence[Row]:
        """The counts of a camera's lines from one quarter of an hour to before another, in order."""
        query = (
            sa.select(_columns.slot, _columns.line, _columns.way, _columns.label, _columns.number)
            .where(_columns.camera == camera, _columns.slot >= first_slot, _columns.slot < after_slot)
            .order_by(_columns.slot, _columns.line, _columns.way, _columns.label)
        )
        tally: Tally[tuple[int, LineId, Way, str]] = Tally()
        async with self._lock:  # what is being written is counted once
            found = await self._database.read(lambda c: c.execute(query).all())
            waiting = dict(self._waiting)
        for slot, line, way, label, number in found:
            tally[slot, LineId(line), way, label] += number
        for (of, line, slot, way, label), number in waiting.items():
            if of == camera and first_slot <= slot < after_slot:
                tally[slot, line, way, label] += number
        return sorted(Row(*key, number) for key, number in tally.items())

    async def forget_gone(self) -> None:
        """Remove the counts of lines that are not there any more."""
        gone = crossings.delete().where(_columns.line.not_in(sa.select(lines.c.id)))
        await self._database.write(lambda c: c.execute(gone))

    async def _write(self) -> None:
        async with self._lock:
            self._wake.clear()
            batch, self._waiting = self._waiting, Tally()
            try:
                await self._finished(self._database.write(lambda connection: _add(connection, batch)))
            except Unavailable:
                self._waiting.update(batch)
                self._wake.set()
                raise

    async def _finished(self, write: Coroutine[None, None, None]) -> None:
        """Wait for a write even when cancelled: one that was given up might be done all the same, and again."""
        task = asyncio.ensure_future(write)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(Unavailable):
                await task
            raise


def _add(connection: Connection, batch: Tally[_Key]) -> None:
    for (camera, line, slot, way, label), number in batch.items():
        where = (_columns.line == line, _columns.slot == slot, _columns.way == way, _columns.label == label)
        more = crossings.update().where(*where).values(number=_columns.number + number)
        if connection.execute(more).rowcount == 0:
            values = {"camera": camera, "line": line, "slot": slot, "way": way, "label": label, "number": number}
            connection.execute(crossings.insert().values(**values))
