"""Which recordings go, in which order, and why. One choice serves the pass that deletes and the plan that only says.

Order (CONTRACT D5): what has had its time; what a camera has too much of, continuous footage first, then motion, then
events; and for want of space the oldest of all cameras. Never what is protected, open, or not judged yet.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of
from haechi.record.index.policies import EXPIRING, Keep, Kept, Policy
from haechi.record.tables import recordings

ROWS_AT_ONCE = 1_000


class Why(StrEnum):
    """Why a recording goes."""

    AGE = "age"
    SIZE = "size"
    SPACE = "space"


class Gone(Struct, frozen=True):
    """A recording that is to go."""

    id: RecordingId
    stream: StreamId
    volume: str
    path: str
    start_ns: int
    end_ns: int
    size_bytes: int
    kept_as: int


class Sum(Struct, frozen=True):
    """Recordings of one stream and class, taken together."""

    stream: StreamId
    kept: Kept
    recordings: int
    bytes: int
    oldest_ns: int
    newest_ns: int


class Cut(Struct, frozen=True):
    """What goes of one camera and class because it has too much: the oldest, up to and including one recording.

    Attributes:
        sum: Of one of its streams, for all of them.
    """

    sum: Sum
    last: RecordingId

    def covers(self, one: Gone) -> bool:
        """Whether this recording goes."""
        is_of_it = camera_of(one.stream) == camera_of(self.sum.stream) and one.kept_as == self.sum.kept.value
        return is_of_it and (one.end_ns, one.id) <= (self.sum.newest_ns, self.last)


class Wishes(Struct, frozen=True):
    """What all cameras want kept."""

    default: Keep
    cameras: Mapping[CameraId, Policy]

    def of(self, camera: CameraId) -> Keep:
        """What this camera wants kept."""
        policy = self.cameras.get(camera)
        return self.default if policy is None else policy.keep(self.default)


_COLUMNS = tuple(recordings.c[name] for name in Gone.__struct_fields__)


def streams_in(connection: Connection) -> list[StreamId]:
    """Streams of which something is recorded; one look at the index each, however many recordings there are."""
    found: list[StreamId] = []
    last = ""
    while True:
        query = sa.select(sa.func.min(recordings.c.stream)).where(recordings.c.stream > last)
        stream = connection.execute(query).scalar()
        if stream is None:
            return found
        found.append(StreamId(stream))
        last = stream


def expired_sums(connection: Connection, wishes: Wishes, now_ns: int) -> list[Sum]:
    """What has had its time, by stream and class."""
    found: list[Sum] = []
    for stream in streams_in(connection):
        for kept in EXPIRING:
            row = connection.execute(
                sa.select(*_sums(recordings.c)).where(*_expired(stream, kept, wishes, now_ns))
            ).one()
            if row.number:
                found.append(Sum(stream, kept, row.number, int(row.size), row.oldest, row.newest))
    return found


def expired(connection: Connection, wishes: Wishes, now_ns: int, limit: int) -> list[Gone]:
    """Recordings that have had their time, of one stream after the other."""
    found: list[Gone] = []
    for stream in streams_in(connection):
        for kept in EXPIRING:
            query = sa.select(*_COLUMNS).where(*_expired(stream, kept, wishes, now_ns))
            rows = connection.execute(query.order_by(recordings.c.end_ns).limit(limit - len(found)))
            found += map(_gone, rows)
            if len(found) >= limit:
                return found
    return found


def over_size(connection: Connection, wishes: Wishes, now_ns: int) -> Iterator[Gone]:
    """What goes because a camera has more than it may have, once the expired is gone."""
    streams = streams_in(connection)
    for camera in sorted({camera_of(stream) for stream in streams}):
        keep = wishes.of(camera)
        if keep.max_bytes is not None:
            mine = [stream for stream in streams if camera_of(stream) == camera]
            yield from _over_size(connection, mine, keep, now_ns)


def size_cuts(connection: Connection, wishes: Wishes, now_ns: int) -> list[Cut]:
    """The same as `over_size`, in sums: however much goes."""
    found: list[Cut] = []
    streams = streams_in(connection)
    for camera in sorted({camera_of(stream) for stream in streams}):
        keep = wishes.of(camera)
        if keep.max_bytes is not None:
            mine = [stream for stream in streams if camera_of(stream) == camera]
            found += _cuts(connection, mine, keep, now_ns)
    return found


def oldest(connection: Connection, volume: str) -> Iterator[Gone]:
    """Unprotected recordings of a volume, of all cameras, the oldest first."""
    unprotected = recordings.c.kept_as.in_([one.value for one in EXPIRING])
    query = sa.select(*_COLUMNS).where(unprotected, recordings.c.volume == volume)
    yield from _pages(connection, query, recordings.c.start_ns)


def is_expired(one: Gone, wishes: Wishes, now_ns: int) -> bool:
    """Whether a recording has had its time."""
    return one.end_ns <= wishes.of(camera_of(one.stream)).horizon_ns(Kept(one.kept_as), now_ns)


def _sums(columns: sa.ColumnCollection[str, sa.ColumnElement[Any]]) -> tuple[sa.Label[Any], ...]:
    return (
        sa.func.count().label("number"),
        sa.func.sum(columns.size_bytes).label("size"),
        sa.func.min(columns.start_ns).label("oldest"),
        sa.func.max(columns.end_ns).label("newest"),
    )


def _expired(stream: StreamId, kept: Kept, wishes: Wishes, now_ns: int) -> tuple[sa.ColumnElement[bool], ...]:
    horizon_ns = wishes.of(camera_of(stream)).horizon_ns(kept, now_ns)
    return (recordings.c.stream == stream, recordings.c.kept_as == kept.value, recordings.c.end_ns <= horizon_ns)


def _over_size(connection: Connection, streams: list[StreamId], keep: Keep, now_ns: int) -> Iterator[Gone]:
    horizons = {kept: keep.horizon_ns(kept, now_ns) for kept in EXPIRING}
    excess = _bytes_left(connection, streams, horizons) - (keep.max_bytes or 0)
    for kept in EXPIRING:
        if excess <= 0:
            return
        query = sa.select(*_COLUMNS).where(
            recordings.c.stream.in_(streams), recordings.c.kept_as == kept.value, recordings.c.end_ns > horizons[kept]
        )
        for one in _pages(connection, query, recordings.c.end_ns):
            if excess <= 0:
                return
            excess -= one.size_bytes
            yield one


def _cuts(connection: Connection, streams: list[StreamId], keep: Keep, now_ns: int) -> Iterator[Cut]:
    horizons = {kept: keep.horizon_ns(kept, now_ns) for kept in EXPIRING}
    excess = _bytes_left(connection, streams, horizons) - (keep.max_bytes or 0)
    for kept in EXPIRING:
        if excess <= 0:
            return
        order = (recordings.c.end_ns, recordings.c.id)
        upto = sa.func.sum(recordings.c.size_bytes).over(order_by=order, rows=(None, 0))
        inner = (
            sa.select(
                recordings.c.id,
                recordings.c.start_ns,
                recordings.c.end_ns,
                recordings.c.size_bytes,
                (upto - recordings.c.size_bytes).label("before"),
            )
            .where(
                recordings.c.stream.in_(streams),
                recordings.c.kept_as == kept.value,
                recordings.c.end_ns > horizons[kept],
            )
            .subquery()
        )
        goes = sa.select(*_sums(inner.c)).where(inner.c.before < excess)
        row = connection.execute(goes).one()
        if row.number:
            newest = sa.select(sa.func.max(inner.c.id)).where(inner.c.before < excess, inner.c.end_ns == row.newest)
            last = RecordingId(connection.execute(newest).scalar_one())
            found = Sum(streams[0], kept, row.number, int(row.size), row.oldest, row.newest)
            yield Cut(found, last)
            excess -= found.bytes


def _bytes_left(connection: Connection, streams: list[StreamId], horizons: Mapping[Kept, int]) -> int:
    """Bytes of a camera once the expired is gone."""
    size = sa.func.coalesce(sa.func.sum(recordings.c.size_bytes), 0)
    total = connection.execute(sa.select(size).where(recordings.c.stream.in_(streams))).scalar_one()
    for kept, horizon_ns in horizons.items():
        past = (recordings.c.stream.in_(streams), recordings.c.kept_as == kept.value, recordings.c.end_ns <= horizon_ns)
        total -= connection.execute(sa.select(size).where(*past)).scalar_one()
    return int(total)


def _pages(
    connection: Connection, query: sa.Select[tuple[object, ...]], order: sa.ColumnElement[int]
) -> Iterator[Gone]:
    """Rows by ``order``, so many at a time: who stops early has read little."""
    ordered = query.order_by(order, recordings.c.id).limit(ROWS_AT_ONCE)
    page = ordered
    while True:
        found = [_gone(row) for row in connection.execute(page)]
        yield from found
        if len(found) < ROWS_AT_ONCE:
            return
        last = getattr(found[-1], order.key or "")
        page = ordered.where(sa.or_(order > last, sa.and_(order == last, recordings.c.id > found[-1].id)))


def _gone(row: sa.Row[tuple[object, ...]]) -> Gone:
    return Gone(*(row._mapping[name] for name in Gone.__struct_fields__))


def taken(rows: Iterable[Gone], missing_bytes: int, most: int) -> list[Gone]:
    """From the front of ``rows`` as many as it takes to free so many bytes, and no more than ``most``."""
    found: list[Gone] = []
    for one in rows:
        if missing_bytes <= 0 or len(found) >= most:
            break
        found.append(one)
        missing_bytes -= one.size_bytes
    return found
