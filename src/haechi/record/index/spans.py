"""What is recorded, and what is not and why: the questions that the timeline and the player ask."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.bus.ledger import Minute
from haechi.record.index.accounts import minutes_of
from haechi.record.index.commits import recorded_until
from haechi.record.index.layouts import Fragment, unpack
from haechi.record.index.pins import Pin, add_pin, drop_pins
from haechi.record.index.policies import PinKind, Policy
from haechi.record.index.ranges import joined, without
from haechi.record.tables import gaps, layouts, record_settings, recordings, stored
from haechi.store.database import Database

LONGEST_RECORDING_NS = 3600 * NS_PER_S
"""No recording lasts longer (the segmenter begins a new file every minute); bounds the search for what overlaps."""


class Span(Struct, frozen=True):
    """A stretch of time without a hole in its footage, ns since the epoch, ``end_ns`` exclusive."""

    start_ns: int
    end_ns: int


class Gap(Struct, frozen=True):
    """A stretch of time without footage, and why."""

    start_ns: int
    end_ns: int
    cause: GapCause
    detail: str


class Recording(Struct, frozen=True):
    """One file of footage: whole GOPs of one run.

    Attributes:
        base_bytes: Where it begins in the file or object at ``path`` of ``volume``; offsets of fragments count from
            here.
        seal: None: plain. Else the key that it is sealed with, itself sealed.
        edge_run, edge_seq: What the camera's memory calls its first unit; None: it does not number them.
    """

    id: RecordingId
    volume: str
    stream: StreamId
    run: int
    params: int
    path: str
    start_ns: int
    end_ns: int
    first_seq: int
    last_seq: int
    init_bytes: int
    size_bytes: int
    is_open: bool
    base_bytes: int = 0
    seal: bytes | None = None
    kept_as: int | None = None
    edge_run: int | None = None
    edge_seq: int | None = None

    @property
    def edge_end(self) -> int:
        """The number that the camera's memory gave to the unit after its last; 0 where it numbers none."""
        return 0 if self.edge_seq is None else self.edge_seq + self.last_seq - self.first_seq + 1

    def precedes(self, after: "Recording") -> bool:
        """Whether no unit is missing between this one and ``after``, whichever way they came."""
        if self.edge_run is not None and self.edge_run == after.edge_run:
            return self.edge_end == after.edge_seq
        return self.run == after.run and self.last_seq + 1 == after.first_seq


class RecordIndex:
    """Reads the index, and keeps what people set in it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def spans(self, stream: StreamId, start_ns: int, end_ns: int) -> list[Span]:
        """Stretches with footage within a time range, joined where nothing is missing between them."""
        return await self.database.read(lambda c: spans_of(c, stream, start_ns, end_ns))

    async def gaps(self, stream: StreamId, start_ns: int, end_ns: int) -> list[Gap]:
        """Gaps within a time range. One that lasts goes to the end of the range."""
        return await self.database.read(lambda c: gaps_of(c, stream, start_ns, end_ns))

    async def minutes(self, stream: StreamId, start_ns: int, end_ns: int) -> list[Minute]:
        """What became of the units of a time range, by the minute; minutes without any account are left out."""
        return await self.database.read(lambda c: minutes_of(c, stream, start_ns, end_ns))

    async def days_with_footage(self, stream: StreamId, zone: str = "UTC") -> list[str]:
        """Dates such as ``2026-11-21``, in the time zone of the site, on which there is footage.

        Raises:
            Invalid: ``bad-time-zone``.
        """
        try:
            site = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Invalid("no such time zone", code="bad-time-zone", zone=zone[:60]) from error
        return sorted(_days(await self.spans(stream, 0, 1 << 62), site))

    async def storage_bytes(self, camera: CameraId | None = None) -> int:
        """Bytes of listed footage, of one camera or of all."""
        total = sa.select(sa.func.coalesce(sa.func.sum(stored.c.bytes), 0))
        if camera is not None:
            mine = recordings.c.stream.startswith(f"{camera}/", autoescape=True)
            total = sa.select(sa.func.coalesce(sa.func.sum(recordings.c.size_bytes), 0)).where(mine)
        return await self.database.read(lambda c: int(c.execute(total).scalar_one()))

    async def oldest_ns(self) -> int | None:
        """When the oldest footage of all begins."""
        return await self.database.read(lambda c: c.execute(sa.select(sa.func.min(recordings.c.start_ns))).scalar())

    async def newest_captured_ns(self, stream: StreamId) -> int:
        """No unit of ``stream`` at or after this time is recorded; 0 when nothing is. Stamps must go on from here."""
        return await self.database.read(lambda c: recorded_until(c, stream) or 0)

    async def recording(self, stream: StreamId, recording: RecordingId) -> Recording:
        """One recording.

        Raises:
            NotFound: There is none of this id, or it is another stream's.
        """
        query = sa.select(recordings).where(recordings.c.id == recording, recordings.c.stream == stream)
        row = await self.database.read(lambda c: c.execute(query).first())
        if row is None:
            raise NotFound("no such recording", code="recording-not-found", recording=recording)
        return recording_of(row)

    async def pin(
        self, stream: StreamId, start_ns: int, end_ns: int, reason: str, kind: PinKind = PinKind.PROTECTED
    ) -> None:
        """Keep footage beyond its time. The same range may be pinned for several reasons."""
        await self.database.write(lambda c: add_pin(c, Pin(stream, start_ns, end_ns, reason, kind)))

    async def unpin(self, reason: str) -> None:
        """Let go of all that was pinned for ``reason``."""
        await self.database.write(lambda c: drop_pins(c, reason))

    async def policies(self) -> dict[CameraId, Policy]:
        """Cameras for which something was set; the others have the default policy."""
        fields = Policy.__struct_fields__
        rows = await self.database.read(lambda c: c.execute(sa.select(record_settings)).all())
        return {CameraId(row.camera): Policy(*(row._mapping[name] for name in fields)) for row in rows}

    async def set_policy(self, camera: CameraId, policy: Policy) -> None:
        """Set what a camera wants of the recorder, and for how long.

        Raises:
            Invalid: ``bad-retention``.
        """
        policy.check()
        row = {"camera": camera} | structs.asdict(policy)

        def work(connection: Connection) -> None:
            connection.execute(record_settings.delete().where(record_settings.c.camera == camera))
            connection.execute(record_settings.insert().values(row))

        await self.database.write(work)


_RECORDING_FIELDS = Recording.__struct_fields__


def recording_of(row: sa.Row[tuple[object, ...]]) -> Recording:
    """A row of `recordings` as a value."""
    return Recording(*(row._mapping[name] for name in _RECORDING_FIELDS))


def overlapping(stream: StreamId, start_ns: int, end_ns: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Conditions for recordings of ``stream`` that show something of a time range."""
    return (
        recordings.c.stream == stream,
        recordings.c.start_ns > start_ns - LONGEST_RECORDING_NS,
        recordings.c.start_ns < end_ns,
        recordings.c.end_ns > start_ns,
    )


def spans_of(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Span]:
    """See `RecordIndex.spans`."""
    query = sa.select(recordings.c.start_ns, recordings.c.end_ns).where(*overlapping(stream, start_ns, end_ns))
    rows = connection.execute(query.order_by(recordings.c.start_ns)).all()
    there = joined((max(row[0], start_ns), min(row[1], end_ns)) for row in rows)
    holes = [(gap.start_ns, gap.end_ns) for gap in gaps_of(connection, stream, start_ns, end_ns)]
    return [Span(*one) for one in without(there, holes)]  # damaged fragments that were taken off the list


def gaps_of(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Gap]:
    """See `RecordIndex.gaps`. Rows that adjoin and have the same cause are one gap: a stop writes two."""
    ends = sa.func.coalesce(gaps.c.end_ns, end_ns)
    query = sa.select(gaps.c.start_ns, ends.label("ends_ns"), gaps.c.cause, gaps.c.detail)
    query = query.where(gaps.c.stream == stream, gaps.c.start_ns < end_ns, ends > start_ns)
    found: list[Gap] = []
    for row in connection.execute(query.order_by(gaps.c.start_ns)):
        gap = Gap(max(row.start_ns, start_ns), min(row.ends_ns, end_ns), GapCause(row.cause), row.detail)
        if found and _is_one(found[-1], gap):
            before = found.pop()
            gap = Gap(before.start_ns, gap.end_ns, gap.cause, gap.detail or before.detail)
        found.append(gap)
    return found


def _is_one(before: Gap, after: Gap) -> bool:
    adjoin = before.end_ns == after.start_ns and before.cause is after.cause
    return adjoin and (before.detail == after.detail or not (before.detail and after.detail))


def recordings_between(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Recording]:
    """Recordings that show something of a time range, in order."""
    query = sa.select(recordings).where(*overlapping(stream, start_ns, end_ns)).order_by(recordings.c.start_ns)
    return [recording_of(row) for row in connection.execute(query)]


def fragments_in(connection: Connection, ids: Sequence[RecordingId]) -> list[Fragment]:
    """All fragments of some recordings, by recording and number."""
    found: list[Fragment] = []
    for start in range(0, len(ids), 500):
        query = sa.select(layouts).where(layouts.c.recording.in_(ids[start : start + 500]))
        for row in connection.execute(query.order_by(layouts.c.recording)):
            found += unpack(row.pieces, row.recording)
    return found


def packed_of(connection: Connection, recording: RecordingId) -> bytes:
    """The packed layout of a listed recording."""
    query = sa.select(layouts.c.pieces).where(layouts.c.recording == recording)
    return bytes(connection.execute(query).scalar_one())


def _days(spans: list[Span], zone: ZoneInfo) -> set[str]:
    days: set[str] = set()
    for span in spans:
        day = datetime.fromtimestamp(span.start_ns // NS_PER_S, UTC).astimezone(zone).date()
        last = datetime.fromtimestamp((span.end_ns - 1) // NS_PER_S, UTC).astimezone(zone).date()
        while day <= last:
            days.add(day.isoformat())
            day += timedelta(days=1)
    return days
