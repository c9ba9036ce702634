"""Surgery on the index where it and the disk disagree: what was found is listed, what is gone becomes a gap.

Each function works within one transaction of its caller, and leaves recordings and gaps that never overlap.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.media.fmp4.reader import ScannedFragment
from haechi.record.index.commits import delete_recordings, insert_gap, set_layout
from haechi.record.index.layouts import DIGEST_BYTES, STALL_NS, FragmentRow, layout_of, pack, rows_of
from haechi.record.index.spans import Recording, packed_of, recording_of
from haechi.record.tables import gaps, recordings


def fragment_row(piece: ScannedFragment) -> FragmentRow:
    """A fragment that was read from disk, as the index keeps it."""
    first, last = piece.units[0], piece.units[-1]
    return FragmentRow(
        number=piece.sequence,
        offset_bytes=piece.offset,
        size_bytes=piece.size,
        first_ns=first.captured_ns,
        last_ns=last.captured_ns,
        first_pts_ticks=first.sample.pts,
        first_dts_ticks=first.sample.dts,
        duration_ticks=last.sample.dts + last.sample.duration - first.sample.dts,
        first_seq=first.seq,
        units=len(piece.units),
        is_sync=first.sample.is_sync,
        digest=piece.digest[:DIGEST_BYTES],
    )


def extend(connection: Connection, recording: Recording, pieces: Iterable[ScannedFragment]) -> None:
    """List fragments that follow those that are listed: within a file there is no hole."""
    rows = [fragment_row(piece) for piece in pieces]
    last = rows[-1]
    trim_gaps(connection, recording.stream, min(recording.end_ns, rows[0].first_ns), last.last_ns + 1)
    layout = layout_of(packed_of(connection, recording.id))
    for row in rows:
        layout = layout.append(row)
    set_layout(connection, recording.id, layout.packed)
    connection.execute(
        recordings.update()
        .where(recordings.c.id == recording.id)
        .values(
            end_ns=last.last_ns + 1,
            last_seq=last.first_seq + last.units - 1,
            size_bytes=last.offset_bytes + last.size_bytes,
        )
    )


def cut_short(connection: Connection, recording: Recording, size: int) -> int:
    """A listed file lost its end: list only what it still holds, and account for the rest. Bytes that are kept."""
    rows = rows_of(packed_of(connection, recording.id))
    kept = [row for row in rows if row.offset_bytes + row.size_bytes <= size]
    if not kept:
        lose_recording(connection, recording)
        return 0
    lost, size_bytes = rows[len(kept)], kept[-1].offset_bytes + kept[-1].size_bytes
    set_layout(connection, recording.id, pack(kept))
    connection.execute(
        recordings.update()
        .where(recordings.c.id == recording.id)
        .values(end_ns=lost.first_ns, last_seq=lost.first_seq - 1, size_bytes=size_bytes)
    )
    detail = "the file lost its end"
    insert_gap(connection, recording.stream, lost.first_ns, recording.end_ns, GapCause.DISK_ERROR, detail)
    return size_bytes


def lose_recording(connection: Connection, recording: Recording) -> None:
    """A recording is gone: take it off the list, and account for it."""
    delete_recordings(connection, [recording.id])
    detail = "the file is gone or cannot be read"
    insert_gap(connection, recording.stream, recording.start_ns, recording.end_ns, GapCause.DISK_ERROR, detail)


def trim_gaps(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    """There is footage from ``start_ns`` to ``end_ns`` after all: no gap may say otherwise."""
    ends = sa.func.coalesce(gaps.c.end_ns, end_ns + 1)
    query = sa.select(gaps).where(gaps.c.stream == stream, gaps.c.start_ns < end_ns, ends > start_ns)
    for gap in connection.execute(query).all():
        connection.execute(gaps.delete().where(gaps.c.id == gap.id))
        if gap.start_ns < start_ns:
            insert_gap(connection, stream, gap.start_ns, start_ns, GapCause(gap.cause), gap.detail)
        if gap.end_ns is None or gap.end_ns > end_ns:
            row = {"stream": stream, "start_ns": end_ns, "end_ns": gap.end_ns, "cause": gap.cause}
            connection.execute(gaps.insert().values(row | {"detail": gap.detail}))


def fill_holes(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    """Between two recordings of a time range either nothing is missing, or a gap says so, and never both."""
    last: Recording | None = None
    for recording in _around(connection, stream, start_ns, end_ns):
        if last is not None and last.end_ns < recording.start_ns:
            if _follows(last, recording):
                joined = recordings.update().where(recordings.c.id == last.id)
                connection.execute(joined.values(end_ns=recording.start_ns))
                trim_gaps(connection, stream, last.end_ns, recording.start_ns)
            else:
                _explain(connection, stream, last.end_ns, recording.start_ns)
        last = recording


def _around(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Recording]:
    """Recordings that begin in a time range, the one before, and the one after."""
    of_stream = sa.select(recordings).where(recordings.c.stream == stream)
    starts = recordings.c.start_ns
    before = of_stream.where(starts < start_ns).order_by(starts.desc()).limit(1)
    within = of_stream.where(starts >= start_ns, starts < end_ns).order_by(starts)
    after = of_stream.where(starts >= end_ns).order_by(starts).limit(1)
    return [recording_of(row) for query in (before, within, after) for row in connection.execute(query).all()]


def _follows(last: Recording, recording: Recording) -> bool:
    """Whether no unit is missing between the two, and the last one before shows the time until the next."""
    return last.precedes(recording) and recording.start_ns - last.end_ns < STALL_NS


def _explain(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    """A gap for whatever of the hole no gap speaks of."""
    ends = sa.func.coalesce(gaps.c.end_ns, end_ns)
    query = sa.select(gaps.c.start_ns, ends).where(gaps.c.stream == stream, gaps.c.start_ns < end_ns, ends > start_ns)
    for gap_start_ns, gap_end_ns in connection.execute(query.order_by(gaps.c.start_ns)).all():
        if gap_start_ns > start_ns:
            insert_gap(connection, stream, start_ns, gap_start_ns, GapCause.CRASHED, "index rebuilt")
        start_ns = max(start_ns, gap_end_ns)
    if start_ns < end_ns:
        insert_gap(connection, stream, start_ns, end_ns, GapCause.CRASHED, "index rebuilt")
