"""What the database says of moves: each change of state is one transaction, so that a crash is between two of them.

``planned`` (the object has a name) → ``uploaded`` (it has a hash) → ``listed`` (its recordings are read from there),
and only then is what they were read from until now ``doomed``. See docs/design/tiers.md.
"""

import secrets
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import RecordingId
from haechi.record.index.spans import Recording, recording_of
from haechi.record.tables import recordings
from haechi.record.tiers.places import packed_path, packed_range, stored_path
from haechi.record.tiers.tables import doomed, moves, objects

CANDIDATES = 4000
PLANNED, UPLOADED, LISTED = "planned", "uploaded", "listed"


class Item(Struct, frozen=True):
    """A recording on its way, as the index has it now.

    Attributes:
        base_bytes: Where it begins in what it becomes part of.
        seal: Header to seal it with on the way; None: it goes as it is.
    """

    recording: Recording
    base_bytes: int
    seal: bytes | None


class Job(Struct, frozen=True):
    """One file or object in the making.

    Attributes:
        size_bytes: While it is planned, of its recordings; then of all of it, with its manifest.
        sha256: What tells of all its bytes: `parcels.digest_in`.
        items: Those recordings that are still where they were when it was planned.
        planned: How many there were then.
    """

    id: int
    volume: str
    path: str
    state: str
    size_bytes: int
    sha256: bytes | None
    items: tuple[Item, ...]
    planned: int

    @property
    def is_whole(self) -> bool:
        """Whether all that it is to be made of is still there."""
        return len(self.items) == self.planned


class Doomed(Struct, frozen=True):
    """A file or object that is to be deleted."""

    volume: str
    path: str


def candidates(connection: Connection, sources: Sequence[str], horizon_ns: int) -> list[Recording]:
    """Closed recordings of some volumes that ended before ``horizon_ns`` and are not on their way, the oldest first."""
    moving = sa.select(moves.c.recording).where(moves.c.recording == recordings.c.id).exists()
    due = sa.select(recordings).where(recordings.c.end_ns <= horizon_ns, ~recordings.c.is_open, ~moving)
    found: list[Recording] = []
    for source in sources:  # one at a time: then their index has them in order, and a million need not be sorted
        query = due.where(recordings.c.volume == source).order_by(recordings.c.end_ns).limit(CANDIDATES)
        found += [recording_of(row) for row in connection.execute(query)]
    found = sorted(found, key=lambda one: one.end_ns)[:CANDIDATES]
    return sorted(found, key=lambda one: (one.stream, one.start_ns))


def object_name(first: Recording) -> str:
    """A name that no object ever had: a late deletion of an older one must not hit it."""
    return f"{stored_path(first.path).removesuffix('.mp4')}.{secrets.token_hex(5)}.mp4"


def plan(
    connection: Connection, volume: str, path: str, parts: Sequence[tuple[Recording, int, bytes | None]], now_ns: int
) -> Job | None:
    """Note that recordings are to become a file or object. None: something of that name is still to be deleted.

    Args:
        parts: Each with how many bytes it will take there, and its seal.
    """
    same = sa.select(doomed.c.path).where(doomed.c.volume == volume, doomed.c.path == path)
    if connection.execute(same).first() is not None:
        return None
    size = sum(taken for _, taken, _ in parts)
    values = {"volume": volume, "path": path, "stream": parts[0][0].stream, "state": PLANNED, "size_bytes": size}
    key = connection.execute(objects.insert().values(values | {"since_ns": now_ns})).inserted_primary_key
    assert key is not None
    items: list[Item] = []
    base = 0
    for recording, taken, seal in parts:
        items.append(Item(recording, base, seal))
        base += taken
    connection.execute(moves.insert(), [_row(int(key[0]), item) for item in items])
    return Job(int(key[0]), volume, path, PLANNED, size, None, tuple(items), len(items))


def unfinished(connection: Connection, volume: str) -> list[Job]:
    """What was planned or uploaded but is not listed, as it stands now; after a crash, or a failure."""
    rows = connection.execute(
        sa.select(objects).where(objects.c.volume == volume, objects.c.state != LISTED).order_by(objects.c.id)
    ).all()
    return [_job(connection, row) for row in rows]


def refresh(connection: Connection, job: Job) -> Job | None:
    """The job as it stands now: recordings may have been deleted meanwhile. None: it is over."""
    row = connection.execute(sa.select(objects).where(objects.c.id == job.id)).first()
    return _job(connection, row) if row is not None else None


def uploaded(connection: Connection, job: Job, now_ns: int) -> None:
    """All bytes of it were handed over, so many and with this hash; whether they are there is not known yet."""
    _set(connection, job, state=UPLOADED, sha256=job.sha256, size_bytes=job.size_bytes, since_ns=now_ns)


def again(connection: Connection, job: Job, now_ns: int) -> None:
    """What came back differs from what was handed over: begin again."""
    _set(connection, job, state=PLANNED, sha256=None, since_ns=now_ns)


def listed(connection: Connection, job: Job, now_ns: int, *, is_object: bool) -> list[Recording]:
    """From now on its recordings are read from there; where they were is doomed. Which ones those are.

    Recordings that were deleted or changed meanwhile are left alone; when none is left, the object is doomed itself.
    Nothing is listed when it is not known as handed over with this hash any more: a round that was given up may have
    its last word, that other bytes came back, only after the next round began.
    """
    known = connection.execute(sa.select(objects.c.state, objects.c.sha256).where(objects.c.id == job.id)).first()
    if known is not None and (known.state, known.sha256) != (UPLOADED, job.sha256):
        return []
    moved: list[Recording] = []
    for item in job.items:
        before = item.recording
        path = packed_path(job.path, item.base_bytes) if is_object else job.path
        values: dict[str, object] = {"volume": job.volume, "path": path, "base_bytes": item.base_bytes}
        if item.seal is not None:
            values["seal"] = item.seal
        done = connection.execute(
            recordings.update()
            .where(recordings.c.id == before.id, recordings.c.volume == before.volume, recordings.c.path == before.path)
            .where(recordings.c.size_bytes == before.size_bytes)
            .values(values)
        )
        if done.rowcount:
            moved.append(before)
    connection.execute(moves.delete().where(moves.c.object == job.id))
    if moved and is_object:
        _set(connection, job, state=LISTED, since_ns=now_ns)
    else:
        connection.execute(objects.delete().where(objects.c.id == job.id))
    if not moved:
        condemn(connection, [Doomed(job.volume, job.path)], now_ns)
    condemn(connection, _unused(connection, moved), now_ns)
    return moved


def abandon(connection: Connection, job: Job, now_ns: int) -> None:
    """It will not be made; what there is of it is doomed, its recordings stay where they are."""
    connection.execute(moves.delete().where(moves.c.object == job.id))
    connection.execute(objects.delete().where(objects.c.id == job.id))
    condemn(connection, [Doomed(job.volume, job.path)], now_ns)


def forsake(connection: Connection, ids: Iterable[RecordingId], now_ns: int, spared: str = "") -> None:
    """Recordings are about to be taken off the list, in this transaction: doom what only they are in.

    Call it before their rows go. An object goes when none of its recordings is listed any more.

    Args:
        spared: A volume whose files the caller deletes itself.
    """
    gone = set(ids)
    found: list[Recording] = []
    for start in range(0, len(wanted := sorted(gone)), 500):
        query = sa.select(recordings).where(recordings.c.id.in_(wanted[start : start + 500]))
        found += [recording_of(row) for row in connection.execute(query)]
    condemn(connection, _unused(connection, [one for one in found if one.volume != spared], gone), now_ns)


def condemn(connection: Connection, found: Iterable[Doomed], now_ns: int) -> None:
    """Note what is to be deleted, as soon as its place answers."""
    for one in found:
        same = sa.select(doomed.c.path).where(doomed.c.volume == one.volume, doomed.c.path == one.path)
        if connection.execute(same).first() is None:
            row = {"volume": one.volume, "path": one.path, "since_ns": now_ns}
            connection.execute(doomed.insert().values(row))
        connection.execute(objects.delete().where(objects.c.volume == one.volume, objects.c.path == one.path))


def condemned(connection: Connection, volume: str, most: int) -> list[Doomed]:
    """What is to be deleted on a volume, the longest known first. Never what a recording is read from."""
    query = sa.select(doomed.c.volume, doomed.c.path).where(doomed.c.volume == volume)
    rows = connection.execute(query.order_by(doomed.c.since_ns).limit(most)).all()
    return [Doomed(row.volume, row.path) for row in rows]


def is_used(connection: Connection, one: Doomed) -> bool:
    """Whether a recording is read from it: then it must not be deleted, whatever was noted."""
    return _users(connection, one, set())


def deleted(connection: Connection, one: Doomed) -> None:
    """It is gone."""
    connection.execute(doomed.delete().where(doomed.c.volume == one.volume, doomed.c.path == one.path))


def _unused(connection: Connection, gone: Sequence[Recording], leaving: set[RecordingId] | None = None) -> list[Doomed]:
    """Files and objects that ``gone`` were in and that no other recording is in (``leaving`` do not count)."""
    places = {Doomed(one.volume, stored_path(one.path)) for one in gone}
    return [one for one in sorted(places, key=lambda d: d.path) if not _users(connection, one, leaving or set())]


def _users(connection: Connection, one: Doomed, leaving: set[RecordingId]) -> bool:
    _, end = packed_range(one.path)
    query = sa.select(recordings.c.id, recordings.c.volume, recordings.c.path)
    rows = connection.execute(query.where(recordings.c.path >= one.path, recordings.c.path < end))
    return any(row.id not in leaving and (row.volume, stored_path(row.path)) == (one.volume, one.path) for row in rows)


def _set(connection: Connection, job: Job, **values: object) -> None:
    connection.execute(objects.update().where(objects.c.id == job.id).values(values))


def _row(job: int, item: Item) -> dict[str, object]:
    return {
        "recording": item.recording.id,
        "object": job,
        "source_volume": item.recording.volume,
        "source_path": item.recording.path,
        "size_bytes": item.recording.size_bytes,
        "base_bytes": item.base_bytes,
        "seal": item.seal,
    }


def _job(connection: Connection, row: sa.Row[tuple[object, ...]]) -> Job:
    query = sa.select(moves).where(moves.c.object == row.id).order_by(moves.c.base_bytes)
    wanted = connection.execute(query).all()
    ids = [one.recording for one in wanted]
    rows = connection.execute(sa.select(recordings).where(recordings.c.id.in_(ids)))
    now = {one.id: one for one in map(recording_of, rows)}
    items = [Item(now[one.recording], one.base_bytes, one.seal) for one in wanted if _is_same(now, one)]
    return Job(row.id, row.volume, row.path, row.state, row.size_bytes, row.sha256, tuple(items), len(wanted))


def _is_same(now: dict[RecordingId, Recording], move: sa.Row[tuple[object, ...]]) -> bool:
    found = now.get(move.recording)
    if found is None:
        return False
    return (found.volume, found.path, found.size_bytes) == (move.source_volume, move.source_path, move.size_bytes)
