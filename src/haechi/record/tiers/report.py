"""How the tiers are: what lies where, what waits, and why."""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.record.tables import recordings
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
    columns = (
        sa.func.count(),
        sa.func.sum(recordings.c.size_bytes),
        sa.func.min(recordings.c.start_ns),
        sa.func.max(recordings.c.end_ns),
    )
    query = sa.select(recordings.c.volume, *columns).group_by(recordings.c.volume)
    return {row[0]: Held(row[1], int(row[2]), row[3], row[4]) for row in connection.execute(query)}


def waiting(connection: Connection, sources: Sequence[str], horizon_ns: int) -> tuple[int, int | None]:
    """Bytes of closed recordings that ended before ``horizon_ns``, and when the oldest begins."""
    query = sa.select(sa.func.coalesce(sa.func.sum(recordings.c.size_bytes), 0), sa.func.min(recordings.c.start_ns))
    row = connection.execute(
        query.where(recordings.c.volume.in_(sources), recordings.c.end_ns <= horizon_ns, ~recordings.c.is_open)
    ).one()
    return int(row[0]), row[1]


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
