"""What is deleted, and when: footage past its time, what a camera has too much of, then, where space runs out, the
oldest that nothing protects. What a pass would do can be asked beforehand (`Retention.plan`).
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import pairwise

import sqlalchemy as sa
import structlog
from msgspec import Struct, structs
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import GapCause
from haechi.record.disk.volume import Volume
from haechi.record.index.commits import delete_recordings
from haechi.record.index.edges import forget_settled, has_settled, settle_deleted
from haechi.record.index.mend import trim_gaps
from haechi.record.index.pins import stale_pins
from haechi.record.index.policies import DAYS_BY_DEFAULT, NS_PER_DAY, Keep, Policy
from haechi.record.index.spans import RecordIndex
from haechi.record.retention.choice import Gone, Wishes, expired, oldest, over_size, streams_in, taken
from haechi.record.retention.forecast import Forecast, forecast
from haechi.record.retention.judge import SETTLE_NS, judge_some
from haechi.record.retention.plan import RetentionPlan, Shortage, plan
from haechi.record.retention.steady import DOUBT_NS, SteadyTime
from haechi.record.tables import gaps, recordings
from haechi.record.tiers.ledger import forsake

log = structlog.get_logger(__name__)

__all__ = ["NS_PER_DAY", "Retention", "RetentionReport", "RetentionSettings"]

EVERY_S = 60.0
AT_ONCE = 500
"""Recordings that one transaction takes off the list."""
SHARE_FOR_SPACE = 0.1
"""Most of all recordings that one pass deletes for want of space (D8); the next pass goes on."""
LEAST_FOR_SPACE = 10
FILES_LEAST = 64
"""When a file system can hold fewer files more than this, it counts as full, however many bytes are free."""
NO_ROOM_BYTES = 1 << 62
REMEMBERED_NS = 400 * NS_PER_DAY
"""For so long a camera is not asked again for what was deleted here; a row for each start of the camera."""
JUDGED_MOST = 100
"""Batches that one pass judges: an old archive of a million recordings is judged within a few passes."""


class RetentionSettings(Struct, frozen=True):
    """How long footage is kept where a camera has no setting of its own, and how much space stays free.

    Attributes:
        motion_days, event_days: None: as long as all else.
        max_bytes: Of one camera; None: as much as there is room for.
    """

    retention_days: float = DAYS_BY_DEFAULT
    min_free_bytes: int = 2 * 1024**3
    motion_days: float | None = None
    event_days: float | None = None
    max_bytes: int | None = None

    @property
    def keep(self) -> Keep:
        """The same as one value."""
        days = self.retention_days
        return Keep(
            days,
            days if self.motion_days is None else self.motion_days,
            days if self.event_days is None else self.event_days,
            self.max_bytes,
        )


class RetentionReport(Struct, frozen=True):
    """What a pass deleted and why.

    Attributes:
        only_protected: There is too little space, and all that is left is pinned or still being written.
        for_size: Because a camera had more than it may have.
    """

    expired: int = 0
    for_space: int = 0
    freed_bytes: int = 0
    only_protected: bool = False
    for_size: int = 0


class Retention:
    """Deletes footage. Never what is protected, never on a volume that is not the one it was recorded to.

    Files of that volume are deleted here; what lies in other tiers is noted, and goes when these answer.

    Args:
        is_sure: Whether a source of time vouches for the wall clock; see `SteadyTime`.
    """

    def __init__(
        self,
        index: RecordIndex,
        volume: Volume,
        clock: Clock,
        settings: RetentionSettings | None = None,
        *,
        is_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self._index = index
        self._volume = volume
        self._clock = clock
        self._time = SteadyTime(clock, is_sure)
        self.settings = settings or RetentionSettings()
        self._wake = asyncio.Event()
        self.last = RetentionReport()
        self.shortages: Callable[[], Awaitable[list[tuple[str, int]]]] = _no_shortages
        """Volumes of other tiers that are full, and bytes that are missing there."""

    def wake(self) -> None:
        """Make a pass soon: the recorder ran out of space."""
        self._wake.set()

    async def run(self) -> None:
        """A pass each minute, and at once when woken, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    await self.once()
                except (HaechiError, OSError) as error:
                    log.warning("retention stands still", reason=str(error))

    async def _tick(self) -> None:
        while True:
            self._wake.set()
            await self._clock.sleep(EVERY_S)

    async def once(self) -> RetentionReport:
        """One pass.

        Raises:
            Unavailable: The volume is not there, is not the right one, or failed; nothing was deleted.
        """
        self._volume.verify()
        wishes, now_ns = await self._wishes(), await self._now_ns()
        await self._judge(now_ns - SETTLE_NS)
        aged = await self._delete_all(lambda c: expired(c, wishes, now_ns, AT_ONCE))
        sized = await self._delete_all(lambda c: taken(over_size(c, wishes, now_ns), 1 << 62, AT_ONCE))
        spaced, only_protected = await self._free_space(now_ns)
        relieved = await self._relieve()
        freed = sum(size for _, size in (aged, sized, spaced, relieved))
        report = RetentionReport(aged[0], spaced[0] + relieved[0], freed, only_protected, sized[0])
        await self._drop_stale_pins()
        await self._forget_settled(now_ns)
        if freed:
            log.info("footage deleted", expired=aged[0], for_size=sized[0], for_space=spaced[0], freed_bytes=freed)
        if only_protected and not self.last.only_protected:
            log.critical("the disk is full of protected footage: nothing new can be recorded")
        self.last = report
        return report

    async def plan(self, default: Keep | None = None, cameras: dict[CameraId, Policy] | None = None) -> RetentionPlan:
        """What a pass would delete now; with other wishes than those of now, what it would delete under them.

        Args:
            default: For cameras without a setting of their own.
            cameras: Settings of some cameras in place of their own.
        """
        wishes, now_ns = await self._wishes(), await self._now_ns()
        await self._judge(now_ns - SETTLE_NS)
        asked = Wishes(default or wishes.default, {**wishes.cameras, **(cameras or {})})
        short = Shortage(self._volume.id, await self._missing_bytes(), SHARE_FOR_SPACE, LEAST_FOR_SPACE)
        others = [structs.replace(short, volume=one, missing_bytes=size) for one, size in await self.shortages()]
        return await self._index.database.read(lambda c: plan(c, asked, now_ns, [short, *others]))

    async def forecast(self) -> Forecast:
        """How fast the disk fills, and where that ends. Looks at every recording: ask seldom."""
        wishes, now_ns = await self._wishes(), await self._now_ns()
        room = -await self._missing_bytes()
        return await self._index.database.read(lambda c: forecast(c, wishes, now_ns, room))

    async def _now_ns(self) -> int:
        if not self._time.has_begun:
            self._time.begin(await self._index.database.read(_believed))
        return self._time.now_ns()

    async def _wishes(self) -> Wishes:
        return Wishes(self.settings.keep, await self._index.policies())

    async def _judge(self, before_ns: int) -> int:
        """Judge what ended by then. How many."""
        total = 0
        for _ in range(JUDGED_MOST):
            count = await self._index.database.write(lambda c: judge_some(c, before_ns))
            total += count
            if not count:
                break
        return total

    async def _drop_stale_pins(self) -> None:
        """Pins of events whose footage is gone only make the others slower to find."""
        for stream in await self._index.database.read(streams_in):
            for reason in await self._index.database.read(partial(stale_pins, stream=stream)):
                await self._index.unpin(reason)

    async def _forget_settled(self, now_ns: int) -> None:
        """Cameras do not remember for so long what was deleted here."""
        before_ns = now_ns - REMEMBERED_NS
        if await self._index.database.read(lambda c: has_settled(c, before_ns)):
            await self._index.database.write(lambda c: forget_settled(c, before_ns))

    async def _missing_bytes(self) -> int:
        """Bytes that would have to be freed; below 0: so much room is left."""
        space = await asyncio.to_thread(self._volume.space)
        if space.free_files < FILES_LEAST:
            return NO_ROOM_BYTES
        return self.settings.min_free_bytes - space.free_bytes

    async def _free_space(self, now_ns: int) -> tuple[tuple[int, int], bool]:
        """Delete the oldest unprotected recordings until enough is free: how many and how large, and whether there was
        nothing left to delete."""
        if await self._missing_bytes() <= 0:
            return (0, 0), False
        count = sa.select(sa.func.count()).select_from(recordings)
        total = await self._index.database.read(lambda c: int(c.execute(count).scalar_one()))
        most = max(LEAST_FOR_SPACE, int(total * SHARE_FOR_SPACE))
        chosen = await self._oldest(most)
        if len(chosen) < most and sum(one.size_bytes for one in chosen) < await self._missing_bytes():
            await self._judge(now_ns)
            chosen = await self._oldest(most)
        is_all = len(chosen) < most and sum(one.size_bytes for one in chosen) < await self._missing_bytes()
        gone: list[Gone] = []
        for first in range(0, len(chosen), AT_ONCE):
            gone += await self._delete(chosen[first : first + AT_ONCE])
        return (len(gone), sum(one.size_bytes for one in gone)), is_all

    async def _relieve(self) -> tuple[int, int]:
        """Make room in other tiers that are full: the oldest unprotected there goes. How many and how large."""
        gone: list[Gone] = []
        for volume, missing in await self.shortages():
            total = await self._index.database.read(partial(_count_on, volume=volume))
            most = max(LEAST_FOR_SPACE, int(total * SHARE_FOR_SPACE))
            choose = partial(_oldest_on, volume=volume, missing=missing, most=most)
            chosen = await self._index.database.read(choose)
            for first in range(0, len(chosen), AT_ONCE):
                gone += await self._delete(chosen[first : first + AT_ONCE])
        return len(gone), sum(one.size_bytes for one in gone)

    async def _oldest(self, most: int) -> list[Gone]:
        missing = await self._missing_bytes()
        return await self._index.database.read(lambda c: taken(oldest(c, self._volume.id), missing, most))

    async def _delete_all(self, choose: Callable[[Connection], list[Gone]]) -> tuple[int, int]:
        """Delete what ``choose`` gives until it gives nothing: how many and how large."""
        count = size = 0
        while batch := await self._index.database.read(choose):
            gone = await self._delete(batch)
            count += len(gone)
            size += sum(one.size_bytes for one in gone)
        return count, size

    async def _delete(self, chosen: Sequence[Gone]) -> list[Gone]:
        """Off the list first, then off the disk: a crash between leaves files that the next start finds and deletes
        again, never rows without files. What was pinned since it was chosen stays."""
        self._volume.verify()
        gone = await self._index.database.write(partial(self._forget, chosen=chosen))
        await asyncio.to_thread(self._remove, [one.path for one in gone if one.volume == self._volume.id])
        return gone

    def _remove(self, paths: list[str]) -> None:
        self._volume.verify()
        for path in paths:
            self._volume.remove(path)

    def _forget(self, connection: Connection, chosen: Sequence[Gone]) -> list[Gone]:
        ids = sa.select(recordings.c.id).where(
            recordings.c.id.in_([one.id for one in chosen]), recordings.c.kept_as.is_not(None)
        )
        judged = set(connection.execute(ids).scalars())
        gone = [one for one in chosen if one.id in judged]
        going, now_ns = [one.id for one in gone], self._clock.wall_ns()
        forsake(connection, going, now_ns, spared=self._volume.id)
        settle_deleted(connection, going, now_ns)
        _forget(connection, gone)
        return gone


def _believed(connection: Connection) -> int | None:
    """How late it was at the end of the newest footage, as far as that can be believed; None: there is none.

    Where less than a day of footage follows a hole of more than a day that retention did not make, the clock may have
    leapt there, and what follows only says how long ago that was: a restart does not make a wrong clock right.
    """
    newest = sa.select(recordings.c.end_ns).order_by(recordings.c.start_ns.desc()).limit(1)
    end_ns = connection.execute(newest).scalar()
    if end_ns is None:
        return None
    since_ns = int(end_ns) - DOUBT_NS
    first = sa.select(sa.func.min(recordings.c.start_ns)).where(recordings.c.start_ns >= since_ns)
    last = newest.where(recordings.c.start_ns < since_ns)
    began_ns, before_ns = connection.execute(first).scalar(), connection.execute(last).scalar()
    if began_ns is None or before_ns is None or began_ns - before_ns <= DOUBT_NS:
        return int(end_ns)
    ours = (gaps.c.cause == GapCause.RETENTION.value, gaps.c.start_ns < began_ns, gaps.c.end_ns > before_ns)
    if connection.execute(sa.select(gaps.c.id).where(*ours).limit(1)).first() is not None:
        return int(end_ns)
    return int(before_ns) + int(end_ns) - int(began_ns)


def _count_on(connection: Connection, volume: str) -> int:
    query = sa.select(sa.func.count()).where(recordings.c.volume == volume)
    return int(connection.execute(query).scalar_one())


def _oldest_on(connection: Connection, volume: str, missing: int, most: int) -> list[Gone]:
    return taken(oldest(connection, volume), missing, most)


async def _no_shortages() -> list[tuple[str, int]]:
    return []


def _forget(connection: Connection, chosen: Sequence[Gone]) -> None:
    delete_recordings(connection, [one.id for one in chosen])
    for stream in {one.stream for one in chosen}:
        _account(connection, stream, [one for one in chosen if one.stream == stream])


def _account(connection: Connection, stream: StreamId, chosen: list[Gone]) -> None:
    """A gap for each stretch that was deleted in a row; gaps within and beside it become part of it."""
    ordered = sorted(chosen, key=lambda one: one.start_ns)
    kept = sa.select(recordings.c.start_ns).where(
        recordings.c.stream == stream,
        recordings.c.start_ns > ordered[0].start_ns,
        recordings.c.start_ns < ordered[-1].start_ns,
    )
    starts = list(connection.execute(kept.order_by(recordings.c.start_ns)).scalars())
    first = ordered[0]
    for one, after in pairwise([*ordered, None]):
        assert one is not None
        if after is None or bisect_left(starts, one.start_ns) < bisect_left(starts, after.start_ns):
            _merge(connection, stream, first.start_ns, one.end_ns)
            first = after or one


def _merge(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    last = (
        sa.select(gaps.c.id, gaps.c.start_ns)
        .where(gaps.c.stream == stream, gaps.c.cause == GapCause.RETENTION.value, gaps.c.end_ns <= start_ns)
        .order_by(gaps.c.end_ns.desc())
        .limit(1)
    )
    before = connection.execute(last).first()
    if before is not None and not _is_recorded(connection, stream, before.start_ns, start_ns):
        start_ns = before.start_ns
    trim_gaps(connection, stream, start_ns, end_ns)
    row = {"stream": stream, "start_ns": start_ns, "end_ns": end_ns, "cause": GapCause.RETENTION.value, "detail": ""}
    connection.execute(gaps.insert().values(row))


def _is_recorded(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> bool:
    query = sa.select(recordings.c.id).where(
        recordings.c.stream == stream, recordings.c.start_ns < end_ns, recordings.c.end_ns > start_ns
    )
    return connection.execute(query.limit(1)).first() is not None
