"""How the tiers are: what lies where, what waits, and why."""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.record.index.spans import LONGEST_RECORDING_NS
from haechi.record.tables import recordings, stored
from haechi.record.tiers.tables import doomed


class TierReport(Struct, frozen=True):
    """One tier.

    Attributes:
        kind: ``folder`` or ``objects``.
        url: Folder or address; never with a secret in it.
        waiting_bytes: Of recordings whose time to go there has come but that are not there yet.
        failure: Why it stands still, since ``since_ns``; empty: it works.
        doomed: Files and objects that are still to be deleted there.
        moved_bytes: Verified there since the start.
    """

    name: str
    kind: str
    url: str
    recordings: int
    bytes: int
    oldest_ns: int | None
    newest_ns: int | None
    waiting_bytes: int = 0
    oldest_waiting_ns: int | None = None
    failure: str = ""
    since_ns: int = 0
    doomed: int = 0
    moved_bytes: int = 0
    failures: int = 0


class Held(Struct, frozen=True):
    """What lies on some volumes."""

    recordings: int = 0
    bytes: int = 0
    oldest_ns: int | None = None
    newest_ns: int | None = None


def held(connection: Connection) -> dict[str, Held]:
    """What lies where, by volume."""
    ends = recordings.c.end_ns
    found: dict[str, Held] = {}
    for row in connection.execute(sa.select(stored).where(stored.c.recordings > 0)).all():
        mine = recordings.c.volume == row.volume
        first_ns, last_ns = (connection.execute(sa.select(one).where(mine)).scalar_one() for one in _ENDS)
        near = ends <= first_ns + LONGEST_RECORDING_NS  # what ends later cannot begin before what ended first
        oldest = sa.select(sa.func.min(recordings.c.start_ns)).where(mine, near)
        found[row.volume] = Held(row.recordings, row.bytes, connection.execute(oldest).scalar(), last_ns)
    return found


_ENDS = (sa.func.min(recordings.c.end_ns), sa.func.max(recordings.c.end_ns))


def waiting(connection: Connection, sources: Sequence[str], horizon_ns: int) -> tuple[int, int | None]:
    """Bytes of closed recordings that ended before ``horizon_ns``, and when the one begins that ended first."""
    total = sa.select(sa.func.coalesce(sa.func.sum(recordings.c.size_bytes), 0))
    total = total.where(recordings.c.volume.in_(sources), recordings.c.end_ns <= horizon_ns)
    size = int(connection.execute(total).scalar_one())
    for row in connection.execute(sa.select(recordings).where(recordings.c.is_open)):
        size -= row.size_bytes if row.volume in sources and row.end_ns <= horizon_ns else 0
    firsts = [
        connection.execute(
            sa.select(recordings.c.start_ns)
            .where(recordings.c.volume == source, recordings.c.end_ns <= horizon_ns, ~recordings.c.is_open)
            .order_by(recordings.c.end_ns)
            .limit(1)
        ).scalar()
        for source in sources
    ]
    return size, min((first for first in firsts if first is not None), default=None)


def doomed_count(connection: Connection, volumes: Sequence[str]) -> int:
    """How much is still to be deleted on some volumes."""
    query = sa.select(sa.func.count()).select_from(doomed).where(doomed.c.volume.in_(volumes))
    return int(connection.execute(query).scalar_one())


def merged(found: Sequence[Held]) -> Held:
    """What lies on several volumes."""
    starts = [one.oldest_ns for one in found if one.oldest_ns is not None]
    ends = [one.newest_ns for one in found if one.newest_ns is not None]
    return Held(
        sum(one.recordings for one in found),
        sum(one.bytes for one in found),
        min(starts, default=None),
        max(ends, default=None),
    )
