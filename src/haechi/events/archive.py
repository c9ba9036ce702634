"""Events and looks in the database: one transaction writes what belongs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, Row, Select

from haechi.base.errors import DataLoss, Invalid, NotFound
from haechi.base.ids import CameraId, EventId, RuleId, StreamId, ZoneId
from haechi.events import tables
from haechi.events.desk import Basis
from haechi.events.event import Event, EventFilter, EventPage, Report
from haechi.media.access_unit import UnitRef
from haechi.store.database import Database
from haechi.vision.result import FrameResult

T = TypeVar("T", Basis, Report)
MOST_LISTED = 500
MOST_LOOKS = 20_000
"""Most looks that are read for one event: 600 s at 30 a second, and a margin."""
_events = tables.events.c
_looks = tables.looks.c


class Change(Struct, frozen=True):
    """What is to be written together.

    Attributes:
        events: New events with what they were decided from, and known ones without.
    """

    events: tuple[tuple[Event, Basis | Report | None], ...]
    looks: tuple[FrameResult, ...]


class EventArchive:
    """What is known of events for good."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, change: Change) -> None:
        """Store events and looks; durable when this returns. A look that is there already stays.

        Raises:
            Unavailable: The database does not answer; nothing was written.
        """
        await self._database.write(lambda connection: _write(connection, change))

    async def get(self, event: EventId) -> Event:
        """One event.

        Raises:
            NotFound: ``event-not-found``.
        """
        return _event(await self._row(event))

    async def basis(self, event: EventId) -> Basis:
        """What the event was decided from.

        Raises:
            NotFound: ``event-not-found``.
            DataLoss: ``event-damaged``.
        """
        return await self._decided_from(event, Basis)

    async def report(self, event: EventId) -> Report:
        """What the camera said, of an event that it reported. Raises as `basis` does."""
        return await self._decided_from(event, Report)

    async def _decided_from(self, event: EventId, kind: type[T]) -> T:
        row = await self._row(event)
        try:
            return msgspec.msgpack.decode(row._mapping["basis"], type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DataLoss("the stored basis of the event cannot be read", code="event-damaged", event=event) from error

    async def list(self, wanted: EventFilter) -> EventPage:
        """Events, newest first.

        Raises:
            Invalid: ``bad-filter``: the limit is not 1 to 500.
        """
        if not 1 <= wanted.limit <= MOST_LISTED:
            raise Invalid("list 1 to 500 events at a time", code="bad-filter", limit=wanted.limit)
        query = _filtered(sa.select(tables.events), wanted)
        query = query.order_by(_events.start_ns.desc(), _events.id).limit(wanted.limit + 1)
        unread = sa.select(sa.func.count()).select_from(tables.events).where(_events.reviewed.is_(False))
        if wanted.cameras is not None:
            unread = unread.where(_events.camera.in_(list(wanted.cameras)))

        def read(connection: Connection) -> tuple[Sequence[Row[tuple[object, ...]]], int]:
            return connection.execute(query).all(), connection.execute(unread).scalar_one()

        rows, unreviewed = await self._database.read(read)
        events = tuple(_event(row) for row in rows[: wanted.limit])
        next_before_ns = events[-1].start_ns if len(rows) > wanted.limit else None
        return EventPage(events, next_before_ns, unreviewed)

    async def open_events(self) -> Sequence[Event]:
        """Events without an end: after a start, those that a crash left behind."""
        query = sa.select(tables.events).where(_events.end_ns.is_(None))
        return [_event(row) for row in await self._database.read(lambda c: c.execute(query).all())]

    async def set_reviewed(self, ids: Sequence[EventId], *, reviewed: bool) -> None:
        """Mark events.

        Raises:
            NotFound: ``event-not-found``: one of them does not exist; none was marked.
        """
        unique = list(dict.fromkeys(ids))

        def mark(connection: Connection) -> None:
            statement = tables.events.update().where(_events.id.in_(unique)).values(reviewed=reviewed)
            if connection.execute(statement).rowcount != len(unique):
                raise NotFound("no such event", code="event-not-found")

        await self._database.write(mark)

    async def looks(self, event: Event, around_ns: int) -> Sequence[FrameResult]:
        """The looks around an event, in the order in which they were decided upon."""
        end_ns = event.last_ns if event.end_ns is None else event.end_ns
        query = (
            sa.select(_looks.body)
            .where(_looks.stream == event.stream)
            .where(_looks.captured_ns.between(event.start_ns - around_ns, end_ns + around_ns))
            .order_by(_looks.id)
            .limit(MOST_LOOKS)
        )
        bodies = await self._database.read(lambda c: c.execute(query).scalars().all())
        try:
            return [msgspec.msgpack.decode(body, type=FrameResult) for body in bodies]
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DataLoss("stored results cannot be read", code="event-damaged", event=event.id) from error

    async def _row(self, event: EventId) -> Row[tuple[object, ...]]:
        query = sa.select(tables.events).where(_events.id == event)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise NotFound("no such event", code="event-not-found")
        return row


def _write(connection: Connection, change: Change) -> None:
    for event, basis in change.events:
        if basis is not None:
            columns = {**_columns(event), "basis": msgspec.msgpack.encode(basis), "reviewed": event.reviewed}
            connection.execute(tables.events.insert().values(**columns))
        else:
            connection.execute(tables.events.update().where(_events.id == event.id).values(**_columns(event)))
    for look in change.looks:
        ref = look.ref
        there = sa.select(_looks.id).where(_looks.stream == ref.stream, _looks.run == ref.run, _looks.seq == ref.seq)
        if connection.execute(there).first() is None:
            connection.execute(tables.looks.insert().values(**_look_columns(look)))


def _look_columns(look: FrameResult) -> Mapping[str, object]:
    return {
        "stream": look.ref.stream,
        "run": look.ref.run,
        "seq": look.ref.seq,
        "captured_ns": look.captured_ns,
        "body": msgspec.msgpack.encode(look),
    }


def _filtered(query: Select[tuple[object, ...]], wanted: EventFilter) -> Select[tuple[object, ...]]:
    if wanted.cameras is not None:
        query = query.where(_events.camera.in_(list(wanted.cameras)))
    if wanted.label is not None:
        query = query.where(_events.label == wanted.label)
    if wanted.severity is not None:
        query = query.where(_events.severity == wanted.severity)
    if wanted.reviewed is not None:
        query = query.where(_events.reviewed.is_(wanted.reviewed))
    if wanted.after_ns is not None:
        query = query.where(_events.start_ns >= wanted.after_ns)
    if wanted.before_ns is not None:
        query = query.where(_events.start_ns < wanted.before_ns)
    return query


def _columns(event: Event) -> dict[str, object]:
    """All but ``reviewed``, which belongs to the person, and the basis."""
    fields = msgspec.structs.asdict(event)
    del fields["reviewed"]
    refs = {name: str(fields[name]) for name in ("first_ref", "last_ref", "best_ref")}
    return {**fields, **refs, "best_box": list(event.best_box)}


def _event(row: Row[tuple[object, ...]]) -> Event:
    fields = row._mapping
    x, y, w, h = fields["best_box"]
    return Event(
        id=EventId(fields["id"]),
        camera=CameraId(fields["camera"]),
        stream=StreamId(fields["stream"]),
        rule=RuleId(fields["rule"]),
        rule_name=fields["rule_name"],
        zone=None if fields["zone"] is None else ZoneId(fields["zone"]),
        zone_name=fields["zone_name"],
        label=fields["label"],
        severity=fields["severity"],
        score=fields["score"],
        start_ns=fields["start_ns"],
        last_ns=fields["last_ns"],
        end_ns=fields["end_ns"],
        first_ref=UnitRef.parse(fields["first_ref"]),
        last_ref=UnitRef.parse(fields["last_ref"]),
        best_ref=UnitRef.parse(fields["best_ref"]),
        best_ns=fields["best_ns"],
        best_box=(x, y, w, h),
        model_name=fields["model_name"],
        model_hash=fields["model_hash"],
        config_hash=fields["config_hash"],
        reviewed=bool(fields["reviewed"]),
        is_cut=bool(fields["is_cut"]),
        kind=fields["kind"],
        detail=fields["detail"],
    )
