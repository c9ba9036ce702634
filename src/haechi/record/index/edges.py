"""Which units of a camera's memory are recorded, and which are not wanted any more; by the camera's own numbers.

A recording says what the camera calls its first unit, and the others follow without a hole, so what is listed is what
is held: nothing can be said to be held that is not durable. Only what is *not* there needs rows of its own.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.ids import RecordingId, StreamId
from haechi.media.reverse.edge import EdgeId, EdgeRun
from haechi.record.index.ranges import Range, joined, without
from haechi.record.index.spans import Recording, recording_of
from haechi.record.tables import edge_settled, recordings


def held(connection: Connection, stream: StreamId, run: EdgeRun) -> list[Range]:
    """Ranges of numbers that are recorded, or settled otherwise: joined, in order."""
    columns = recordings.c.edge_seq, recordings.c.edge_seq + recordings.c.last_seq - recordings.c.first_seq + 1
    rows = connection.execute(sa.select(*columns).where(*_of(stream, run)))
    here = (edge_settled.c.stream == stream, edge_settled.c.edge_run == run)
    settled = connection.execute(sa.select(edge_settled.c.first_seq, edge_settled.c.end_seq).where(*here))
    return joined(sorted([(row[0], row[1]) for row in (*rows, *settled)]))


def neighbours(connection: Connection, stream: StreamId, edge: EdgeId) -> tuple[Recording | None, Recording | None]:
    """The recordings of the same edge run that are nearest before and after a unit that is in none."""
    query = sa.select(recordings).where(*_of(stream, edge.run))
    number = recordings.c.edge_seq
    before = connection.execute(query.where(number <= edge.seq).order_by(number.desc()).limit(1)).first()
    after = connection.execute(query.where(number > edge.seq).order_by(number).limit(1)).first()
    return (None if before is None else recording_of(before), None if after is None else recording_of(after))


def settle(connection: Connection, stream: StreamId, run: EdgeRun, wanted: Iterable[Range], now_ns: int) -> None:
    """Note that numbers need not come any more. Rows that touch become one."""
    for first, end in wanted:
        touching = (
            edge_settled.c.stream == stream,
            edge_settled.c.edge_run == run,
            edge_settled.c.first_seq <= end,
            edge_settled.c.end_seq >= first,
        )
        columns = edge_settled.c.first_seq, edge_settled.c.end_seq
        rows = connection.execute(sa.select(*columns).where(*touching)).all()
        connection.execute(edge_settled.delete().where(*touching))
        row: dict[str, object] = {"stream": stream, "edge_run": run, "since_ns": now_ns}
        row |= {
            "first_seq": min([first, *(one[0] for one in rows)]),
            "end_seq": max([end, *(one[1] for one in rows)]),
        }
        connection.execute(edge_settled.insert().values(row))


def settle_deleted(connection: Connection, ids: Sequence[RecordingId], now_ns: int) -> None:
    """Recordings are about to be deleted on purpose, in this transaction: their units must not be asked for again."""
    for start in range(0, len(ids), 500):
        some = recordings.c.id.in_(ids[start : start + 500])
        query = sa.select(recordings).where(some, recordings.c.edge_run.is_not(None)).order_by(recordings.c.edge_seq)
        found: dict[tuple[StreamId, EdgeRun], list[Range]] = {}
        for one in map(recording_of, connection.execute(query).all()):
            if one.edge_run is not None and one.edge_seq is not None:
                found.setdefault((one.stream, EdgeRun(one.edge_run)), []).append((one.edge_seq, one.edge_end))
        for (stream, run), gone in found.items():
            settle(connection, stream, run, joined(gone), now_ns)


def has_settled(connection: Connection, before_ns: int) -> bool:
    """Whether there are rows that `forget_settled` would forget."""
    query = sa.select(edge_settled.c.stream).where(edge_settled.c.since_ns < before_ns).limit(1)
    return connection.execute(query).first() is not None


def forget_settled(connection: Connection, before_ns: int) -> None:
    """Rows that nothing was added to for so long are of no use: no camera remembers those units."""
    connection.execute(edge_settled.delete().where(edge_settled.c.since_ns < before_ns))


def missing(wanted: Sequence[int], there: Sequence[Range]) -> list[Range]:
    """Which of some numbers, in order, are in none of the ranges, as ranges that no range lies between."""
    if not wanted:
        return []
    return without([(wanted[0], wanted[-1] + 1)], there)


def _of(stream: StreamId, run: EdgeRun) -> tuple[sa.ColumnElement[bool], ...]:
    return recordings.c.stream == stream, recordings.c.edge_run == run
