"""The running sums over recordings, and whether they are true. Triggers keep them; this is for `haechi check`."""

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.record.tables import recordings, stored


class Total(Struct, frozen=True):
    """How much is listed on a volume."""

    recordings: int = 0
    bytes: int = 0


def kept(connection: Connection) -> dict[str, Total]:
    """As the sums say, by volume."""
    rows = connection.execute(sa.select(stored).where(stored.c.recordings != 0)).all()
    return {row.volume: Total(row.recordings, row.bytes) for row in rows}


def counted(connection: Connection) -> dict[str, Total]:
    """As the rows say. Reads an index from end to end."""
    query = sa.select(recordings.c.volume, sa.func.count(), sa.func.sum(recordings.c.size_bytes))
    rows = connection.execute(query.group_by(recordings.c.volume)).all()
    return {volume: Total(count, int(size)) for volume, count, size in rows}


def differing(connection: Connection) -> dict[str, tuple[Total, Total]]:
    """Volumes of which the sums are wrong: what they say, and what is true."""
    said, true = kept(connection), counted(connection)
    pairs = {volume: (said.get(volume, Total()), true.get(volume, Total())) for volume in said.keys() | true.keys()}
    return {volume: pair for volume, pair in sorted(pairs.items()) if pair[0] != pair[1]}


def count_again(connection: Connection) -> None:
    """Put the sums right."""
    connection.execute(stored.delete())
    rows = [{"volume": v, "recordings": one.recordings, "bytes": one.bytes} for v, one in counted(connection).items()]
    if rows:
        connection.execute(stored.insert(), rows)
