"""The index's side: where there is room for units of the past, and the transaction that lists what was put there."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Conflict
from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.reverse.edge import EdgeId
from haechi.record.backfill.place import SLACK_NS, Between, Room
from haechi.record.index import mend
from haechi.record.index.commits import Appended, RecordingRow, insert_recording, set_layout
from haechi.record.index.edges import neighbours
from haechi.record.index.layouts import FragmentRow, layout_of
from haechi.record.index.ranges import joined, without
from haechi.record.index.spans import Recording, packed_of, recording_of, recordings_between
from haechi.record.tables import gaps, recordings

NOT_FREE = frozenset({GapCause.DISABLED.value, GapCause.RETENTION.value})
"""Causes of gaps that stay: what was not to be recorded, and what was deleted on purpose, does not come back."""
ROOMS_MOST = 1000
AROUND_NS = 3600 * NS_PER_S
"""Where only the clock says where units belong, gaps so far from them are looked at."""


class Site(Struct, frozen=True):
    """Where units may go.

    Attributes:
        is_open: A gap that they may belong in lasts: until what came live after it is listed, nobody knows its end.
    """

    between: Between
    rooms: tuple[Room, ...]
    is_open: bool = False


class Grown(Struct, frozen=True):
    """A file that was written, or that fragments were added to.

    Attributes:
        known: It was listed before, as this recording; None: it is new.
    """

    row: RecordingRow
    pieces: tuple[FragmentRow, ...]
    end_ns: int
    last_seq: int
    known: Recording | None = None

    @property
    def start_ns(self) -> int:
        return self.pieces[0].first_ns

    @property
    def shown(self) -> tuple[int, int]:
        """From the first unit to just behind the last one."""
        return self.start_ns, self.pieces[-1].last_ns + 1


def grown_of(appended: Sequence[Appended], known: Recording | None) -> list[Grown]:
    """What a batch of the writer did, file by file in order. ``known``: listed already, if one of them is."""
    by_path: dict[str, list[Appended]] = {}
    for change in appended:
        by_path.setdefault(change.row.path, []).append(change)
    return [
        Grown(
            row=found[0].row,
            pieces=tuple(one.fragment for one in found),
            end_ns=found[-1].end_ns,
            last_seq=found[-1].last_seq,
            known=known if known is not None and known.path == path else None,
        )
        for path, found in by_path.items()
    ]


def site_of(connection: Connection, stream: StreamId, ends: tuple[EdgeId, EdgeId], times: tuple[int, int]) -> Site:
    """Where units may go that nothing which is recorded lies between.

    Args:
        ends: The first and the last of them.
        times: When these were taken, as far as can be told by the camera's clock.
    """
    before, after = neighbours(connection, stream, ends[0])
    between = Between(
        start_ns=None if before is None else before.end_ns,
        end_ns=None if after is None else after.start_ns,
        missing_before=0 if before is None else ends[0].seq - before.edge_end,
        missing_after=0 if after is None or after.edge_seq is None else after.edge_seq - ends[1].seq - 1,
        last_ns=_last_ns(connection, before, ends[0]),
    )
    rooms = tuple(_rooms(connection, stream, between, times))
    if after is not None:
        return Site(between, rooms)
    lasting = sa.select(gaps.c.start_ns).where(gaps.c.stream == stream, gaps.c.end_ns.is_(None))
    since_ns = connection.execute(lasting).scalar()
    has_other = before is None or any(room.is_free for room in rooms)
    is_open = since_ns is not None and (times[1] + SLACK_NS >= since_ns or not has_other)
    return Site(between, rooms, is_open)


def sizes_of(connection: Connection, volume: str, paths: Iterable[str]) -> dict[str, int]:
    """How many plain bytes of some files are listed."""
    query = sa.select(recordings.c.path, recordings.c.size_bytes).where(recordings.c.volume == volume)
    rows = connection.execute(query.where(recordings.c.path.in_(list(paths)))).all()
    return {row.path: row.size_bytes for row in rows}


def list_grown(connection: Connection, grown: Sequence[Grown]) -> list[Recording]:
    """List files in the past, in the order of their time: gaps shrink, and nothing overlaps. What they became.

    Raises:
        Conflict: ``backfill-collides``: what there was room for is taken by now, or a file that was added to is not
            what it was. Nothing may be kept of this transaction.
    """
    ids = [_list(connection, one) for one in grown]
    rows = [connection.execute(sa.select(recordings).where(recordings.c.id == one)).one() for one in ids]
    return [recording_of(row) for row in rows]


def _list(connection: Connection, one: Grown) -> RecordingId:
    stream, (start_ns, end_ns) = one.row.stream, one.shown
    _check_free(connection, stream, start_ns, end_ns)
    mend.trim_gaps(connection, stream, start_ns, one.end_ns)
    if one.known is None:
        found = insert_recording(connection, one.row, one.pieces, one.end_ns, one.last_seq)
    else:
        found = _extend(connection, one, one.known)
    mend.fill_holes(connection, stream, start_ns, end_ns)
    return found


def _check_free(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    query = sa.select(gaps.c.start_ns, gaps.c.end_ns).where(
        gaps.c.stream == stream,
        gaps.c.start_ns < end_ns,
        gaps.c.end_ns > start_ns,
        gaps.c.cause.not_in(NOT_FREE),
    )
    there = joined((row[0], row[1]) for row in connection.execute(query.order_by(gaps.c.start_ns)))
    if without([(start_ns, end_ns)], there) or recordings_between(connection, stream, start_ns, end_ns):
        raise Conflict("there is no room any more for this footage", code="backfill-collides", stream=stream)


def _extend(connection: Connection, one: Grown, known: Recording) -> RecordingId:
    row = connection.execute(sa.select(recordings).where(recordings.c.id == known.id)).first()
    now = None if row is None else recording_of(row)
    was = (known.volume, known.path, known.size_bytes, known.last_seq)
    if now is None or (now.volume, now.path, now.size_bytes, now.last_seq) != was:
        raise Conflict("a file that was added to is not what it was", code="backfill-collides", stream=known.stream)
    layout = layout_of(packed_of(connection, known.id))
    for piece in one.pieces:
        layout = layout.append(piece)
    set_layout(connection, known.id, layout.packed)
    size = one.pieces[-1].offset_bytes + one.pieces[-1].size_bytes
    grown = recordings.update().where(recordings.c.id == known.id)
    connection.execute(grown.values(end_ns=one.end_ns, last_seq=one.last_seq, size_bytes=size, kept_as=None))
    mend.trim_gaps(connection, known.stream, now.end_ns, one.end_ns)
    return known.id


def _last_ns(connection: Connection, before: Recording | None, first: EdgeId) -> int | None:
    """When the last unit of a recording was taken, where ``first`` is the next."""
    if before is None or before.edge_end != first.seq:
        return None
    return layout_of(packed_of(connection, before.id)).last.last_ns


def _rooms(connection: Connection, stream: StreamId, between: Between, times: tuple[int, int]) -> list[Room]:
    start_ns, end_ns = between.start_ns, between.end_ns
    if not between.is_anchored:
        start_ns, end_ns = times[0] - AROUND_NS, times[1] + AROUND_NS
    query = sa.select(gaps.c.start_ns, gaps.c.end_ns, gaps.c.cause).where(
        gaps.c.stream == stream, gaps.c.end_ns.is_not(None)
    )
    if start_ns is not None:
        query = query.where(gaps.c.end_ns > start_ns)
    if end_ns is not None:
        query = query.where(gaps.c.start_ns < end_ns)
    is_backwards = start_ns is None
    order = gaps.c.start_ns.desc() if is_backwards else gaps.c.start_ns
    rows = connection.execute(query.order_by(order).limit(ROOMS_MOST)).all()
    found: list[Room] = []
    for row in reversed(rows) if is_backwards else rows:
        room = Room(row.start_ns, row.end_ns, row.cause not in NOT_FREE)
        if found and found[-1].end_ns == room.start_ns and found[-1].is_free == room.is_free:
            room = Room(found.pop().start_ns, room.end_ns, room.is_free)
        found.append(room)
    return found
