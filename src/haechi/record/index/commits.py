"""What the recorder writes into the index, many streams in one transaction.

A row may only say what the disk holds already: the caller has written and fsynced the files first.
"""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.reverse.edge import EdgeId
from haechi.record.index.layouts import FragmentRow, Layout, pack
from haechi.record.tables import gaps, layouts, recordings

DETAIL_LENGTH = 200


class RecordingRow(Struct, frozen=True):
    """What does not change of a recording. The rest follows from its fragments.

    Attributes:
        edge: What the camera's memory calls its first unit.
    """

    volume: str
    stream: StreamId
    run: int
    params: int
    path: str
    init_bytes: int
    seal: bytes | None = None
    edge: EdgeId | None = None


class Appended(Struct, frozen=True):
    """A fragment is on disk.

    Attributes:
        end_ns: Exclusive end of what the recording shows from now on.
        last_seq: Newest unit.
        hole: Why nothing precedes the recording that begins here, where its units tell.
        minutes: When its units were captured: a time in each minute, and how many.
        edge: What the camera's memory calls its first unit.
    """

    row: RecordingRow
    fragment: FragmentRow
    end_ns: int
    last_seq: int
    hole: GapCause | None = None
    minutes: tuple[tuple[int, int], ...] = ()
    edge: EdgeId | None = None


class Closed(Struct, frozen=True):
    """Nothing more will be appended to a recording."""

    path: str


class GapOpened(Struct, frozen=True):
    """Nothing is recorded any more: a gap begins where the footage of the stream ends.

    Where a gap lasts already, it stands; with ``replaces`` it ends at ``start_ns``, and the new one begins there. Of a
    stream of which nothing was ever recorded there are no gaps, except with ``is_loss``: units came and are lost.
    """

    stream: StreamId
    start_ns: int
    cause: GapCause
    detail: str = ""
    replaces: bool = False
    is_loss: bool = False


Change = Appended | Closed | GapOpened


class Listing(Struct, frozen=True):
    """A recording that is being written, as the index has it."""

    id: RecordingId
    layout: Layout


def apply(connection: Connection, changes: Sequence[Change], known: Mapping[str, Listing]) -> dict[str, Listing]:
    """Write the changes in order; ``known`` are the recordings in the making by path, the answer is what they became:
    those that were begun or grew here. It holds once the transaction does."""
    grown: dict[str, Listing] = {}
    newest: dict[str, Appended] = {}
    for change in changes:
        match change:
            case Appended():
                path = change.row.path
                listing = grown.get(path) or known.get(path)
                if listing is None:
                    _update(connection, newest, grown)
                    listing = Listing(_begin(connection, change), Layout())
                grown[path] = Listing(listing.id, listing.layout.append(change.fragment))
                newest[path] = change
            case GapOpened():
                _update(connection, newest, grown)
                open_gap(connection, change)
            case Closed():
                closed = grown.get(change.path) or known.get(change.path)
                if closed is not None:
                    done = recordings.update().where(recordings.c.id == closed.id)
                    connection.execute(done.values(is_open=False))
    _update(connection, newest, grown)
    return grown


def set_layout(connection: Connection, recording: RecordingId, packed: bytes) -> None:
    """Replace where the fragments of a listed recording lie."""
    connection.execute(layouts.update().where(layouts.c.recording == recording).values(pieces=packed))


def insert_recording(
    connection: Connection, row: RecordingRow, pieces: Sequence[FragmentRow], end_ns: int, last_seq: int
) -> RecordingId:
    """List a recording whose file exists whole; for files that are adopted."""
    last = pieces[-1]
    recording = _insert(connection, row, pieces[0], end_ns, last_seq, last.offset_bytes + last.size_bytes)
    set_layout(connection, recording, pack(pieces))
    connection.execute(recordings.update().where(recordings.c.id == recording).values(is_open=False))
    return recording


def _begin(connection: Connection, change: Appended) -> RecordingId:
    first = change.fragment
    close_gap(connection, change.row.stream, first.first_ns, change.hole or GapCause.CAMERA_CLOSED)
    size = first.offset_bytes + first.size_bytes
    return _insert(connection, change.row, first, change.end_ns, change.last_seq, size)


def _insert(
    connection: Connection, row: RecordingRow, first: FragmentRow, end_ns: int, last_seq: int, size_bytes: int
) -> RecordingId:
    result = connection.execute(
        recordings.insert().values(
            volume=row.volume,
            stream=row.stream,
            run=row.run,
            params=row.params,
            path=row.path,
            start_ns=first.first_ns,
            end_ns=end_ns,
            first_seq=first.first_seq,
            last_seq=last_seq,
            init_bytes=row.init_bytes,
            seal=row.seal,
            size_bytes=size_bytes,
            is_open=True,
            edge_run=None if row.edge is None else row.edge.run,
            edge_seq=None if row.edge is None else row.edge.seq,
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    recording = RecordingId(int(key[0]))
    connection.execute(layouts.insert().values(recording=recording, pieces=Layout().packed))
    return recording


def _update(connection: Connection, newest: dict[str, Appended], grown: Mapping[str, Listing]) -> None:
    """Write how far the recordings go by now, and what is in them; empties ``newest``."""
    if not newest:
        return
    rows = [
        {
            "b_id": grown[path].id,
            "b_end_ns": change.end_ns,
            "b_last_seq": change.last_seq,
            "b_size_bytes": change.fragment.offset_bytes + change.fragment.size_bytes,
            "b_pieces": grown[path].layout.packed,
        }
        for path, change in newest.items()
    ]
    connection.execute(_GROW, rows)
    connection.execute(_GROW_LAYOUT, rows)
    newest.clear()


_GROW = (
    recordings.update()
    .where(recordings.c.id == sa.bindparam("b_id"))
    .values(
        end_ns=sa.bindparam("b_end_ns"),
        last_seq=sa.bindparam("b_last_seq"),
        size_bytes=sa.bindparam("b_size_bytes"),
    )
)
_GROW_LAYOUT = (
    layouts.update().where(layouts.c.recording == sa.bindparam("b_id")).values(pieces=sa.bindparam("b_pieces"))
)


def recorded_until(connection: Connection, stream: StreamId) -> int | None:
    """Exclusive end of the newest recording of ``stream``, ns; None when there is none."""
    newest = (
        sa.select(recordings.c.end_ns)
        .where(recordings.c.stream == stream)
        .order_by(recordings.c.start_ns.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar()


def open_gap(connection: Connection, change: GapOpened) -> None:
    """Begin a gap that lasts, where the footage of the stream ends. Units that come and are lost have a cause of their
    own: it is not that of the gap before them."""
    lasting = connection.execute(
        sa.select(gaps.c.id, gaps.c.start_ns, gaps.c.cause).where(
            gaps.c.stream == change.stream, gaps.c.end_ns.is_(None)
        )
    ).first()
    if lasting is not None:
        if not change.replaces and not (change.is_loss and lasting.cause != change.cause.value):
            return
        start_ns = max(change.start_ns, lasting.start_ns)
        _end_gap(connection, lasting.id, lasting.start_ns, start_ns)
    else:
        until_ns = recorded_until(connection, change.stream)
        if until_ns is None and not change.is_loss:
            return
        start_ns = change.start_ns if until_ns is None else until_ns
    row = {"stream": change.stream, "start_ns": start_ns, "end_ns": None, "cause": change.cause.value}
    connection.execute(gaps.insert().values(row | {"detail": change.detail[:DETAIL_LENGTH]}))


def close_gap(connection: Connection, stream: StreamId, end_ns: int, cause: GapCause) -> None:
    """Footage begins again at ``end_ns``: end the gap that lasts, or account for the hole before it by ``cause``."""
    lasting = connection.execute(
        sa.select(gaps.c.id, gaps.c.start_ns).where(gaps.c.stream == stream, gaps.c.end_ns.is_(None))
    ).first()
    if lasting is not None:
        _end_gap(connection, lasting.id, lasting.start_ns, end_ns)
    else:
        until_ns = recorded_until(connection, stream)
        if until_ns is not None and until_ns < end_ns:
            insert_gap(connection, stream, until_ns, end_ns, cause)
    _cut_gaps(connection, stream, end_ns)


def _cut_gaps(connection: Connection, stream: StreamId, end_ns: int) -> None:
    """No gap goes beyond ``end_ns``: the clock that said so was ahead, and has been set back since."""
    newest = sa.select(gaps.c.id, gaps.c.start_ns, gaps.c.end_ns).where(gaps.c.stream == stream)
    newest = newest.order_by(gaps.c.start_ns.desc()).limit(1)
    while (gap := connection.execute(newest).first()) is not None and gap.end_ns > end_ns:
        _end_gap(connection, gap.id, gap.start_ns, end_ns)


def insert_gap(
    connection: Connection, stream: StreamId, start_ns: int, end_ns: int, cause: GapCause, detail: str = ""
) -> None:
    """Account for a stretch of the past without footage."""
    row = {"stream": stream, "start_ns": start_ns, "end_ns": end_ns, "cause": cause.value}
    connection.execute(gaps.insert().values(row | {"detail": detail[:DETAIL_LENGTH]}))


def _end_gap(connection: Connection, gap: int, start_ns: int, end_ns: int) -> None:
    if end_ns > start_ns:
        connection.execute(gaps.update().where(gaps.c.id == gap).values(end_ns=end_ns))
    else:
        connection.execute(gaps.delete().where(gaps.c.id == gap))


def delete_recordings(connection: Connection, ids: Iterable[RecordingId]) -> None:
    """Take recordings off the list; their layouts go with them."""
    wanted = [{"b_id": one} for one in ids]
    if wanted:
        connection.execute(layouts.delete().where(layouts.c.recording == sa.bindparam("b_id")), wanted)
        connection.execute(recordings.delete().where(recordings.c.id == sa.bindparam("b_id")), wanted)
