"""After a new key was made: wrap the data keys of all sealed recordings with it. The footage itself stays as it is."""

from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.ids import RecordingId
from haechi.record.disk.keys import KeyRing
from haechi.record.tables import recordings
from haechi.store.database import Database

AT_ONCE = 1000


def rewrap_all(database: Database, ring: KeyRing) -> int:
    """Blocking; how many. May be cut short and run again.

    Raises:
        Unavailable: ``key-missing``: a key that some recording needs is not in the ring.
    """
    count = last = 0
    while True:
        page = database.read_now(partial(_page, last=last))
        if not page:
            break
        fresh = [(one, ring.rewrap(seal)) for one, seal in page]
        changed = [(one, seal) for (one, seal), (_, before) in zip(fresh, page, strict=True) if seal != before]
        database.write_now(partial(_store, changed=changed))
        count += len(changed)
        last = page[-1][0]
    return count


def _page(connection: Connection, last: int) -> list[tuple[RecordingId, bytes]]:
    query = sa.select(recordings.c.id, recordings.c.seal).where(recordings.c.id > last, recordings.c.seal.is_not(None))
    rows = connection.execute(query.order_by(recordings.c.id).limit(AT_ONCE))
    return [(RecordingId(row.id), bytes(row.seal)) for row in rows]


def _store(connection: Connection, changed: list[tuple[RecordingId, bytes]]) -> None:
    for one, seal in changed:
        connection.execute(recordings.update().where(recordings.c.id == one).values(seal=seal))
