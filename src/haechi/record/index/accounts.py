"""Keeps the accounts of units in the database: one packed row for each stream and hour, by the minute."""

from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, Unavailable
from haechi.base.ids import StreamId
from haechi.bus.ledger import MINUTE_NS, Entry, Ledger, Minute, Slot
from haechi.record.tables import hours
from haechi.store.database import Database

log = structlog.get_logger(__name__)

MINUTES = 60
EVERY_S = 10.0
"""How often what was counted is kept: a crash forgets as much of the accounts, never of the footage."""
KEPT_HOURS = 400 * 24
"""Accounts are kept for so long, whatever becomes of the footage: about 1 MB for a camera-month."""
PRUNED_AT_ONCE = 10_000
CAUSES_MOST = 32


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """One minute within an hour."""

    minute: int
    received: int
    stored: int
    decoded: int
    motion: int
    score: int
    missing: dict[str, int]


_decoder = msgspec.msgpack.Decoder(tuple[int, list[_Row]])
VERSION = 1
ALL_LOST = 250
UNKNOWN = 255


def pack(minutes: Mapping[int, Entry]) -> bytes:
    """The accounts of an hour, by the minute within it."""
    rows = [
        _Row(minute, one.received, one.stored, one.decoded, one.motion, one.score, one.missing)
        for minute, one in sorted(minutes.items())
    ]
    return msgspec.msgpack.encode((VERSION, rows))


def peaks(minutes: Mapping[int, Entry]) -> bytes:
    """What a timeline draws of an hour: a byte for each minute's motion, then score, then loss.

    Loss is units missing of those expected, in 1/250, and above 0 where any is; `UNKNOWN` where nothing was expected.
    """
    motion, score, loss = bytearray(MINUTES), bytearray(MINUTES), bytearray([UNKNOWN]) * MINUTES
    for minute, one in minutes.items():
        motion[minute], score[minute] = min(one.motion, 255), min(one.score, 255)
        if one.expected:
            loss[minute] = min(-(-sum(one.missing.values()) * ALL_LOST // one.expected), ALL_LOST)
    return bytes(motion + score + loss)


def unpack(body: bytes) -> dict[int, Entry]:
    """The accounts of an hour.

    Raises:
        DataLoss: ``accounts-damaged``.
    """
    try:
        version, rows = _decoder.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DataLoss("the accounts of an hour are damaged", code="accounts-damaged", reason=str(error)) from error
    if version != VERSION or len(rows) > MINUTES:
        raise DataLoss("the accounts of an hour are damaged", code="accounts-damaged", version=version)
    found: dict[int, Entry] = {}
    for row in rows:
        counts = (row.received, row.stored, row.decoded, row.motion, row.score, *row.missing.values())
        if not 0 <= row.minute < MINUTES or min(counts) < 0 or len(row.missing) > CAUSES_MOST:
            raise DataLoss("the accounts of an hour are damaged", code="accounts-damaged", minute=row.minute)
        entry = found[row.minute] = Entry()
        entry.received, entry.stored, entry.decoded = row.received, row.stored, row.decoded
        entry.motion, entry.score, entry.missing = row.motion, row.score, row.missing
    return found


def keep(connection: Connection, taken: Mapping[Slot, Entry]) -> None:
    """Add what was counted to the rows of its hours."""
    by_hour: dict[tuple[StreamId, int], dict[int, Entry]] = {}
    for (stream, minute), entry in taken.items():
        by_hour.setdefault((stream, minute // MINUTES), {})[minute % MINUTES] = entry
    for (stream, hour), minutes in by_hour.items():
        same = (hours.c.stream == stream, hours.c.hour == hour)
        body = connection.execute(sa.select(hours.c.body).where(*same)).scalar()
        known = unpack(body) if body is not None else {}
        for minute, entry in minutes.items():
            there = known.setdefault(minute, Entry())
            there.add(entry)
            there.settle()
        values = {"peaks": peaks(known), "body": pack(known)}
        if body is None:
            connection.execute(hours.insert().values(stream=stream, hour=hour, **values))
        else:
            connection.execute(hours.update().where(*same).values(**values))


def minutes_of(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Minute]:
    """The minutes of a time range in which something was counted, in order."""
    first, last = start_ns // MINUTE_NS, -(-end_ns // MINUTE_NS)
    query = sa.select(hours.c.hour, hours.c.body).where(
        hours.c.stream == stream, hours.c.hour >= first // MINUTES, hours.c.hour <= last // MINUTES
    )
    return [
        minute
        for row in connection.execute(query.order_by(hours.c.hour))
        for minute in _minutes(row.hour, unpack(row.body))
        if first * MINUTE_NS <= minute.start_ns < last * MINUTE_NS
    ]


def _minutes(hour: int, entries: Mapping[int, Entry]) -> Iterable[Minute]:
    for number, one in sorted(entries.items()):
        start_ns = (hour * MINUTES + number) * MINUTE_NS
        yield Minute(start_ns, one.expected, one.received, one.stored, one.decoded, one.missing, one.motion, one.score)


class Accounts:
    """Brings the ledger into the database while it runs, and once more when it ends."""

    def __init__(self, ledger: Ledger, database: Database, clock: Clock) -> None:
        self._ledger = ledger
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Keep what is counted, until cancelled. While the database is down it waits in the ledger (D4)."""
        try:
            await self._prune()
            while True:
                await self._clock.sleep(EVERY_S)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Keep what was counted since the last time."""
        taken = self._ledger.take()
        if not taken:
            return
        try:
            await self._database.write(lambda c: keep(c, taken))
        except (Unavailable, DataLoss) as error:
            self._ledger.give_back(taken)
            log.debug("accounts wait for the database", reason=str(error))

    async def _prune(self) -> None:
        oldest = self._clock.wall_ns() // MINUTE_NS // MINUTES - KEPT_HOURS
        old = hours.delete().where(hours.c.hour < oldest)
        try:
            await self._database.write(lambda c: c.execute(old))
        except Unavailable as error:
            log.debug("old accounts stay for now", reason=str(error))
