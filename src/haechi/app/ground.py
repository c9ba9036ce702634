"""What records, and nothing else: cameras, the bus, the disk.

It starts first and by itself. What is imported here is what stands between the start of the process and the first unit
on disk, so everything that is slow to load (the HTTP edge, vision, tiers) is in `embedded` and comes while this works.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any

from haechi.api.settings import LiveSettings, SettingsStore
from haechi.app.keys import key_ring, require_keys
from haechi.app.settings import Settings, make_folder
from haechi.app.sources import openers_over, reach_of, sites_of
from haechi.app.zone import machine_zone
from haechi.base.clock import Clock, SystemClock, is_synchronised
from haechi.base.errors import HaechiError
from haechi.base.faults import CONDITIONS, Faults
from haechi.base.supervise import Backoff, supervise
from haechi.bus.frames import FrameBus
from haechi.fleet.cameras import CameraRegistry
from haechi.ingest.manager import IngestManager
from haechi.ingest.reach import Reach
from haechi.ingest.runs import RunNumbers
from haechi.record.backfill.filler import Backfill
from haechi.record.disk.volume import Volume
from haechi.record.index.policies import Policy
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.deletion import Retention, RetentionSettings
from haechi.record.write.recorder import Recorder, RecorderSettings
from haechi.store.database import Database

Work = Callable[[], Coroutine[Any, Any, None]]
Handler = Callable[[int, FrameType | None], object]


@dataclass(slots=True)
class Ground:
    """What the rooms stand on. Making it starts nothing."""

    settings: Settings
    database: Database
    clock: Clock
    bus: FrameBus
    registry: CameraRegistry
    live: SettingsStore
    index: RecordIndex
    volume: Volume
    retention: Retention
    ingest: IngestManager
    recorder: Recorder
    backfill: Backfill
    reach: Reach
    _told: list[Callable[[], None]] = field(default_factory=list)
    _listens: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    def build(cls, settings: Settings, database: Database, clock: Clock) -> Ground:
        """Make it over a migrated database."""
        bus = FrameBus(settings.gop_cache_bytes)
        reach = reach_of(settings.sources)
        registry = CameraRegistry(database, clock)
        index = RecordIndex(database)
        volume = Volume(settings.record_dir)
        retention = Retention(index, volume, clock, is_sure=is_synchronised)
        recording = RecorderSettings(
            enabled=settings.record.enabled, keys=key_ring(settings), encrypt=settings.record.encrypt
        )
        recorder = Recorder(bus, index, volume, clock, recording, on_full=retention.wake)
        openers = openers_over(clock, reach, sites_of(settings))
        backfill = Backfill(recorder, index, volume, clock, RunNumbers(database).next, recording)
        openers.memories.store = backfill
        openers.memories.bytes_per_s = settings.reverse.backfill_kbit * 125
        return cls(
            settings=settings,
            database=database,
            clock=clock,
            bus=bus,
            registry=registry,
            live=SettingsStore(database, clock, _live_defaults(settings)),
            index=index,
            volume=volume,
            retention=retention,
            ingest=IngestManager(
                registry,
                bus,
                clock,
                database,
                floor=index.newest_captured_ns,
                openers=openers,
            ),
            recorder=recorder,
            backfill=backfill,
            reach=reach,
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Record while the block lasts; what it came to a stop for is told as it is, not as a group of one."""
        failure: HaechiError | None = None
        async with asyncio.TaskGroup() as group:
            keep = partial(kept, group, self.clock)
            self._tasks = [keep("intake", self._take_in), keep("recorder", self._record)]
            following = keep("recording settings", self._follow_settings)
            try:
                yield
            except HaechiError as error:
                failure = error
            finally:
                await self.rest()
                await stopped(following)
        if failure is not None:
            raise failure

    def on_settings(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the settings of recording may have changed, and are in force."""
        self._told.append(listener)

    async def rest(self) -> None:
        """Stop the intake, then the recorder, which writes what it holds. Once; again it is nothing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            await stopped(task)
        await self.backfill.close()

    async def _record(self) -> None:
        """Whether sound is recorded is known before the first unit is."""
        self._take(await self.live.get())
        self._listens.set()
        try:
            await self.recorder.run()
        except (HaechiError, OSError) as error:
            self.volume.refusal = str(error)
            raise

    async def _take_in(self) -> None:
        """The recorder listens before the first unit comes, so that none is missed."""
        await self._listens.wait()
        await self.ingest.run()

    async def _follow_settings(self) -> None:
        async for now in self.live.watch():
            self._take(now)
            self.retention.wake()
            for listener in self._told:
                listener()

    def _take(self, now: LiveSettings) -> None:
        self.retention.settings = RetentionSettings(
            now.retention_days, now.min_free_bytes, now.motion_days, now.event_days, now.camera_max_bytes or None
        )
        self.recorder.defaults = Policy(enabled=self.settings.record.enabled, audio=now.record_audio)


def open_ground(settings: Settings) -> Ground:
    """Open and migrate the database, and make the ground over it.

    Raises:
        Invalid: A folder cannot be made, or there is no key for what is to be sealed.
        DataLoss: The database is damaged.
        Unavailable: The database cannot be opened.
    """
    make_folder(settings.data_dir, "data_dir")
    make_folder(settings.record_dir, "record.folder")
    require_keys(settings)
    database = Database.at(settings.database_path)
    database.migrate()
    return Ground.build(settings, database, SystemClock())


def kept(
    group: asyncio.TaskGroup, clock: Clock, name: str, run: Work, faults: Faults | None = None
) -> asyncio.Task[None]:
    """Supervise one room: whatever condition it meets, the others go on. A bug of the ground's own rooms ends the
    process, which is then begun anew; one of those that keep ``faults`` ends that room (CONTRACT D4).
    """
    backoff = Backoff(1.0, 15.0)
    return group.create_task(
        supervise(name, run, clock=clock, backoff=backoff, expected=CONDITIONS, faults=faults), name=name
    )


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel it, and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextmanager
def on_signals(handle: Handler) -> Generator[None, None, None]:
    """SIGINT and SIGTERM call ``handle`` while the block lasts (in the main thread; elsewhere nothing changes)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Mapping[signal.Signals, Any] = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _live_defaults(settings: Settings) -> LiveSettings:
    return LiveSettings(
        retention_days=settings.record.retention_days,
        min_free_bytes=settings.record.min_free_bytes,
        time_zone=settings.time_zone or machine_zone(),
    )
