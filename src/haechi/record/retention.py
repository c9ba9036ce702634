"""What is deleted, and when: footage past its time, then, where space runs out, the oldest that nothing protects."""

import asyncio
from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of
from haechi.bus.frames import GapCause
from haechi.record.adopt import trim_gaps
from haechi.record.commits import delete_recordings
from haechi.record.index import Policy, RecordIndex
from haechi.record.tables import gaps, pins, recordings
from haechi.record.volume import Volume

log = structlog.get_logger(__name__)

NS_PER_DAY = 86_400 * NS_PER_S
EVERY_S = 60.0
AT_ONCE = 500
"""Recordings that one transaction takes off the list."""
SHARE_FOR_SPACE = 0.1
"""Most of all recordings that one pass deletes for want of space (D8); the next pass goes on."""
LEAST_FOR_SPACE = 10
CLOCK_SLACK_NS = 60 * NS_PER_S


class RetentionSettings(Struct, frozen=True):
    """How long footage is kept where a camera has no setting of its own, and how much space stays free."""

    retention_days: float = 30.0
    min_free_bytes: int = 2 * 1024**3


class RetentionReport(Struct, frozen=True):
    """What a pass deleted and why.

    Attributes:
        only_protected: There is too little space, and all that is left is pinned or still being written.
    """

    expired: int = 0
    for_space: int = 0
    freed_bytes: int = 0
    only_protected: bool = False


class _Candidate(Struct, frozen=True):
    id: RecordingId
    stream: StreamId
    path: str
    start_ns: int
    end_ns: int
    size_bytes: int


class SteadyTime:
    """Wall time that does not believe a leap forward: a wrong clock must not delete what is not old.

    It runs with the monotonic clock from the first reading on. A wall clock that is set back is followed; one that
    leaps ahead is followed only by what the monotonic clock says has passed, until the process starts again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor: tuple[int, int] | None = None

    def now_ns(self) -> int:
        """Wall time, ns."""
        wall_ns, monotonic_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        if self._anchor is None:
            self._anchor = (wall_ns, monotonic_ns)
        expected_ns = self._anchor[0] + monotonic_ns - self._anchor[1]
        if wall_ns < expected_ns - CLOCK_SLACK_NS:
            self._anchor = (wall_ns, monotonic_ns)
            return wall_ns
        return min(wall_ns, expected_ns + CLOCK_SLACK_NS)


class Retention:
    """Deletes footage. Never what is pinned, never on a volume that is not the one it was recorded to."""

    def __init__(
        self, index: RecordIndex, volume: Volume, clock: Clock, settings: RetentionSettings | None = None
    ) -> None:
        self._index = index
        self._volume = volume
        self._clock = clock
        self._time = SteadyTime(clock)
        self.settings = settings or RetentionSettings()
        self._wake = asyncio.Event()
        self.last = RetentionReport()

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
                    self.last = await self.once()
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
        policies = await self._index.policies()
        now_ns = self._time.now_ns()
        expired, freed = 0, 0
        while batch := await self._index.database.read(lambda c: self._expired(c, policies, now_ns)):
            await self._delete(batch)
            expired += len(batch)
            freed += sum(one.size_bytes for one in batch)
        for_space, freed_for_space, only_protected = await self._free_space()
        report = RetentionReport(expired, for_space, freed + freed_for_space, only_protected)
        if expired or for_space:
            log.info("footage deleted", expired=expired, for_space=for_space, freed_bytes=report.freed_bytes)
        if only_protected and not self.last.only_protected:
            log.critical("the disk is full of protected footage: nothing new can be recorded")
        return report

    async def _free_space(self) -> tuple[int, int, bool]:
        """Delete the oldest unprotected recordings until enough is free. Deleted, freed bytes, nothing left."""
        missing = self.settings.min_free_bytes - (await asyncio.to_thread(self._volume.space)).free_bytes
        if missing <= 0:
            return 0, 0, False
        count = sa.select(sa.func.count()).select_from(recordings)
        total = await self._index.database.read(lambda c: int(c.execute(count).scalar_one()))
        most = max(LEAST_FOR_SPACE, int(total * SHARE_FOR_SPACE))
        oldest = await self._index.database.read(lambda c: self._unprotected(c, limit=most))
        chosen: list[_Candidate] = []
        for one in oldest:
            if missing <= 0:
                break
            chosen.append(one)
            missing -= one.size_bytes
        await self._delete(chosen)
        return len(chosen), sum(one.size_bytes for one in chosen), not oldest

    def _expired(self, connection: Connection, policies: dict[CameraId, Policy], now_ns: int) -> list[_Candidate]:
        found: list[_Candidate] = []
        streams = connection.execute(sa.select(recordings.c.stream).distinct()).scalars().all()
        for stream in streams:
            days = policies.get(camera_of(StreamId(stream)), Policy()).retention_days
            horizon_ns = now_ns - int((days or self.settings.retention_days) * NS_PER_DAY)
            query = _candidates().where(recordings.c.stream == stream, recordings.c.end_ns <= horizon_ns)
            rows = connection.execute(query.limit(AT_ONCE - len(found)))
            found += [_Candidate(**row._mapping) for row in rows]
            if len(found) >= AT_ONCE:
                break
        return found

    def _unprotected(self, connection: Connection, limit: int) -> list[_Candidate]:
        return [_Candidate(**row._mapping) for row in connection.execute(_candidates().limit(limit))]

    async def _delete(self, chosen: Sequence[_Candidate]) -> None:
        """Off the list first, then off the disk: a crash between leaves files that the next start finds and deletes
        again, never rows without files."""
        if not chosen:
            return
        self._volume.verify()
        await self._index.database.write(lambda c: _forget(c, chosen))
        await asyncio.to_thread(self._remove, [one.path for one in chosen])

    def _remove(self, paths: list[str]) -> None:
        self._volume.verify()
        for path in paths:
            self._volume.remove(path)


def _candidates() -> sa.Select[tuple[object, ...]]:
    """Recordings that nothing protects, oldest first."""
    pinned = sa.exists().where(
        pins.c.stream == recordings.c.stream,
        pins.c.start_ns < recordings.c.end_ns,
        pins.c.end_ns > recordings.c.start_ns,
    )
    columns = (recordings.c[name] for name in _Candidate.__struct_fields__)
    return sa.select(*columns).where(~recordings.c.is_open, ~pinned).order_by(recordings.c.start_ns)


def _forget(connection: Connection, chosen: Sequence[_Candidate]) -> None:
    delete_recordings(connection, [one.id for one in chosen])
    for stream in {one.stream for one in chosen}:
        _account(connection, stream, [one for one in chosen if one.stream == stream])


def _account(connection: Connection, stream: StreamId, chosen: list[_Candidate]) -> None:
    """One gap for what was deleted in a row; gaps within and beside it that are as old become part of it."""
    start_ns, end_ns = chosen[0].start_ns, chosen[-1].end_ns
    kept = sa.select(sa.func.count()).where(
        recordings.c.stream == stream, recordings.c.start_ns < end_ns, recordings.c.end_ns > start_ns
    )
    if connection.execute(kept).scalar_one():
        for one in chosen:
            _merge(connection, stream, one.start_ns, one.end_ns)
    else:
        _merge(connection, stream, start_ns, end_ns)


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
