"""Keeps what moved where, for every camera that is looked at; and finds it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import DataLoss, Unavailable
from haechi.base.ids import CameraId, StreamId, camera_of
from haechi.store.database import Database
from haechi.vision.hours import MINUTES, Hour, Moves, Sample, hour_of, pack, unpack
from haechi.vision.motion import CLOSE_SHARE
from haechi.vision.result import Moved
from haechi.vision.search import Hit, Search, Wish
from haechi.vision.tables import activity

log = structlog.get_logger(__name__)

NS_PER_HOUR = 3600 * NS_PER_S
NS_PER_MINUTE = 60 * NS_PER_S
EVERY_S = 60.0
"""How often what moved is written: a crash forgets as much."""
PENDING_MOST = 5_000
"""Hours of streams that wait for a database that is down; beyond, the oldest are forgotten."""
AT_ONCE = 24
"""Hours that are read in one go."""

Slot = tuple[StreamId, int]
"""A stream, and hours since the epoch."""


class Moment(Struct, frozen=True):
    """A second in which something moved.

    Attributes:
        at_ns: When most moved.
        share: How much of the picture, 1 to 255.
        cells: Which cells in the whole second; `MotionGate.cells`.
    """

    at_ns: int
    share: int
    cells: bytes


class Looked(Struct, frozen=True):
    """How far a search is, and what it found since the last word.

    Attributes:
        done, total: Hours.
        judged: How many pictures were judged (255 at most), by minute since the epoch; minutes without are left out.
    """

    done: int
    total: int
    hits: tuple[Hit, ...]
    judged: dict[int, int]


class ActivityStore:
    """One row for each stream and hour."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pending: dict[Slot, Hour] = {}

    def note(self, moved: Moved) -> None:
        """A picture was judged. Returns at once."""
        if not moved.cells:
            return
        hour, rest_ns = divmod(moved.captured_ns, NS_PER_HOUR)
        slot = (moved.ref.stream, hour)
        if slot not in self._pending and len(self._pending) >= PENDING_MOST:
            self._pending.pop(next(iter(self._pending)))
        held = self._pending.setdefault(slot, Hour())
        at_ms = rest_ns // NS_PER_MS
        held.judge(at_ms)
        if moved.share >= CLOSE_SHARE and any(moved.cells):
            held.add(Sample(at_ms, min(255, max(1, round(moved.share * 255))), moved.cells))

    async def run(self) -> None:
        """Write what was noted, until cancelled, and once more then."""
        try:
            while True:
                await self._clock.sleep(EVERY_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what was noted since the last time; it waits when the database is down."""
        taken, self._pending = self._pending, {}
        if not taken:
            return
        try:
            rows = await self._database.read(lambda connection: _merged(connection, taken))
            await self._database.write(lambda connection: _keep(connection, rows))
        except Unavailable as error:
            newer, self._pending = self._pending, taken
            for slot, hour in newer.items():
                self._pending.setdefault(slot, Hour()).merge(hour)
            log.debug("what moved waits for the database", reason=str(error))

    async def samples(self, stream: StreamId, start_ns: int, end_ns: int) -> list[Moment]:
        """What moved in a range, in order."""
        found: list[Moment] = []
        for hour, moves in await self._read(stream, start_ns // NS_PER_HOUR, -(-end_ns // NS_PER_HOUR)):
            times = (hour * NS_PER_HOUR + moves.at_ms * NS_PER_MS).tolist()
            rows = zip(times, moves.share.tolist(), moves.cells, strict=True)
            found += (Moment(at, share, cells.tobytes()) for at, share, cells in rows if start_ns <= at < end_ns)
        return found

    async def search(self, stream: StreamId, start_ns: int, end_ns: int, wish: Wish) -> AsyncIterator[Looked]:
        """When something moved in a part of the picture: a word after each day, with what was found in it.

        Raises:
            Invalid: ``bad-region``.
        """
        first, last = start_ns // NS_PER_HOUR, (end_ns - 1) // NS_PER_HOUR
        search = Search(wish)
        total = last - first + 1
        for begin in range(first, last + 1, AT_ONCE):
            after = min(begin + AT_ONCE, last + 1)
            hits: list[Hit] = []
            judged: dict[int, int] = {}
            for hour, moves in await self._read(stream, begin, after):
                hits += search.feed(moves, hour * NS_PER_HOUR, start_ns, end_ns)
                judged |= {hour * MINUTES + n: number for n, number in enumerate(moves.judged.tolist()) if number}
            hits += search.flush() if after > last else ()
            yield Looked(after - first, total, tuple(hits), judged)

    async def forget(self, oldest_ns: Mapping[CameraId, int]) -> None:
        """Drop what moved in footage that is gone: hours before the oldest of a camera, and cameras not named."""

        def work(connection: Connection) -> None:
            streams = connection.execute(sa.select(activity.c.stream).distinct()).scalars().all()
            for stream in streams:
                oldest = oldest_ns.get(camera_of(StreamId(stream)))
                gone = activity.delete().where(activity.c.stream == stream)
                connection.execute(gone if oldest is None else gone.where(activity.c.hour < oldest // NS_PER_HOUR))

        await self._database.write(work)

    async def _read(self, stream: StreamId, first: int, after: int) -> list[tuple[int, Moves]]:
        """Stored hours and what is noted of them and not written yet, in order."""
        query = sa.select(activity.c.hour, activity.c.body).where(
            activity.c.stream == stream, activity.c.hour >= first, activity.c.hour < after
        )
        found = await self._database.read(
            lambda c: {
                hour: moves for hour, body in c.execute(query) if (moves := _sound(stream, hour, body)) is not None
            }
        )
        for hour in range(first, after):
            held = self._pending.get((stream, hour))
            if held is not None:
                whole = hour_of(found[hour]) if hour in found else Hour()
                whole.merge(held)
                found[hour] = unpack(pack(whole))
        return sorted(found.items(), key=lambda one: one[0])


def _merged(connection: Connection, taken: Mapping[Slot, Hour]) -> dict[Slot, tuple[bytes, bool]]:
    """Rows to write: what is there with what is new, and whether there is a row. Nobody else writes them."""
    found: dict[Slot, tuple[bytes, bool]] = {}
    for (stream, hour), held in taken.items():
        query = sa.select(activity.c.body).where(activity.c.stream == stream, activity.c.hour == hour)
        body = connection.execute(query).scalar()
        known = _sound(stream, hour, body) if body is not None else None
        whole = hour_of(known) if known is not None else Hour()
        whole.merge(held)
        found[stream, hour] = pack(whole), body is not None
    return found


def _keep(connection: Connection, rows: Mapping[Slot, tuple[bytes, bool]]) -> None:
    for (stream, hour), (body, is_known) in rows.items():
        if is_known:
            same = (activity.c.stream == stream, activity.c.hour == hour)
            connection.execute(activity.update().where(*same).values(body=body))
        else:
            connection.execute(activity.insert().values(stream=stream, hour=hour, body=body))


def _sound(stream: StreamId, hour: int, body: bytes) -> Moves | None:
    """An hour, unless it is damaged: the others are still worth something."""
    try:
        return unpack(body)
    except DataLoss as error:
        log.warning("what moved in an hour cannot be read", stream=stream, hour=hour, reason=str(error))
        return None
