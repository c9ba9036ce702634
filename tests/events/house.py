"""The walk of a unit up to the event, with nothing faked: bus, recorder, decode worker, rules, database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from haechi.base.clock import SystemClock
from haechi.base.errors import NotFound
from haechi.base.ids import CameraId, camera_of
from haechi.events.centre import EventCentre, Stores
from haechi.events.counts.store import CountStore
from haechi.events.event import Event, EventFilter
from haechi.events.rulebook import RuleStore
from haechi.events.rules import Rule
from haechi.media.access_unit import AccessUnit
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.playback.footage import Playback
from haechi.record.tables import pins
from haechi.record.write.recorder import Recorder
from haechi.store.database import Database
from haechi.vision.lines import LineStore
from haechi.vision.settings import VisionSettings
from haechi.vision.view.book import ViewBook
from haechi.vision.zones import Zone, ZoneStore
from tests.vision.scenes import STREAM, Rig, running

CAMERA: CameraId = camera_of(STREAM)
FLOOR = ((0.2, 0.5), (0.95, 0.5), (0.95, 1.0), (0.2, 1.0))


class House:
    """All of it, and what a test asks it."""

    def __init__(self, folder: Path, rig: Rig, centre: EventCentre, stores: Stores) -> None:
        self.folder = folder
        self.rig = rig
        self.centre = centre
        self.stores = stores

    async def forbid_the_floor(self) -> Rule:
        """A zone and a rule: a person on the floor for a second."""
        zone = (await self.stores.zones.put(CAMERA, [Zone(CAMERA, "floor", FLOOR)]))[0]
        rule = Rule(CAMERA, "nobody on the floor", "person", zone.id, min_duration_s=1.0, cooldown_s=0.0)
        return (await self.stores.rules.put(CAMERA, [rule]))[0]

    async def events(self) -> tuple[Event, ...]:
        """What is stored, newest first."""
        return (await self.centre.list(EventFilter())).events

    def seq_at(self, units: Sequence[AccessUnit], at_ns: int) -> int:
        """The number of the unit that was captured then."""
        return next(number for number, unit in enumerate(units) if unit.captured_ns == at_ns)

    async def until_watching(self) -> None:
        """The centre has the rules."""
        await self.rig.until(lambda: STREAM in self.centre.watched())

    async def until_recorded(self, unit: AccessUnit) -> None:
        """The unit is on disk and listed."""
        footage = self.stores.footage
        async with asyncio.timeout(30):
            while True:
                with suppress(NotFound):
                    await footage.units(unit.ref.stream, unit.ref.run, unit.ref.seq, unit.ref.seq)
                    return
                await asyncio.sleep(0.05)

    async def pins(self) -> list[tuple[int, int]]:
        """What is exempt from retention."""
        query = sa.select(pins.c.start_ns, pins.c.end_ns).order_by(pins.c.start_ns)
        rows = await self.stores.database.read(lambda c: c.execute(query).all())
        return [(start_ns, end_ns) for start_ns, end_ns in rows]

    async def until_stored(self, *, ended: bool) -> Event:
        """The first event, once it is stored (and over)."""
        async with asyncio.timeout(30):
            async for event in self.centre.subscribe():
                if not ended or event.end_ns is not None:
                    return event
        raise AssertionError("the centre went away")


@asynccontextmanager
async def house(folder: Path, settings: VisionSettings | None = None) -> AsyncIterator[House]:
    """Everything running on the files in ``folder``; started again on the same folder it goes on."""
    database = Database.at(folder / "haechi.db")
    database.migrate()
    clock = SystemClock()
    index, volume = RecordIndex(database), Volume(folder / "footage")
    async with running(settings) as rig:
        footage = Playback(index, volume)
        zones, rules, lines = ZoneStore(database), RuleStore(database), LineStore(database)
        counted = (lines, CountStore(database, clock), ViewBook(database))
        stores = Stores(database, zones, rules, footage, folder / "events", *counted)
        centre = EventCentre(stores, rig.pool, clock)
        recorder = Recorder(rig.bus, index, volume, clock)
        tasks = [asyncio.create_task(centre.run()), asyncio.create_task(recorder.run())]
        await rig.until(lambda: centre.is_tidy)
        try:
            yield House(folder, rig, centre, stores)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            database.close()
