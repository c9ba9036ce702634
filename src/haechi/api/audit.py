"""The audit log: who looked at what, took it away, deleted it, changed a setting. Chained by hash (CONTRACT S10).

Each row's hash covers the hash before it, so a row that is changed, taken out or put in is found by `Audit.verify`. Who
can write to the database can make the whole chain anew: keep a copy of the newest hash, or the exported log, elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection, Row

from haechi.api.auth.tables import audit, audit_head
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.redact import redact_text
from haechi.store.database import Database

COALESCE_NS = 300 * NS_PER_S
"""What somebody looks at again within this is one entry: a player asks for pieces every few seconds."""
MOST_REMEMBERED = 10_000
MOST_DETAIL = 500
VERIFIED_AT_ONCE = 5_000


class Action(StrEnum):
    """What was done."""

    VIEW = "view"
    EXPORT = "export"
    DELETE = "delete"
    SETTINGS = "settings"
    PIN = "pin"
    USERS = "users"
    CAMERAS = "cameras"
    REVIEW = "review"
    LOG_IN = "log-in"
    LOG_OUT = "log-out"
    REFUSED = "refused"
    """A log-in that failed. Who it was is not known: what was typed as a name may be a password."""


class Actor(Struct, frozen=True):
    """Who did it. Empty: nobody was logged in."""

    id: str = ""
    name: str = ""


class Entry(Struct, frozen=True):
    """One row. ``number`` counts from 1 without holes."""

    number: int
    at_ns: int
    user: str
    user_id: str
    action: str
    object: str
    detail: str
    hash: bytes


class AuditFilter(Struct, frozen=True):
    """Which entries; None: all."""

    after_ns: int | None = None
    before_ns: int | None = None
    user: str | None = None
    action: str | None = None
    before_number: int | None = None
    limit: int = 100


class Verdict(Struct, frozen=True):
    """What a check of the chain found.

    Attributes:
        broken_at: Number of the first row that is not what it was, or is missing; None: all is well.
        hash: Of the newest row.
    """

    entries: int
    broken_at: int | None
    hash: bytes

    @property
    def ok(self) -> bool:
        return self.broken_at is None


class Audit:
    """Writes and reads the log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[tuple[str, str, str], int] = {}

    async def record(self, actor: Actor, action: Action, thing: str = "", detail: str = "") -> None:
        """Write an entry; durable when this returns.

        Raises:
            Unavailable: The database does not answer.
        """
        at_ns = self._clock.wall_ns()
        fields = (at_ns, actor.name[:64], actor.id[:40], action.value, thing[:120], redact_text(detail)[:MOST_DETAIL])
        await self._database.write(lambda c: _append(c, fields))

    async def seen(self, actor: Actor, action: Action, thing: str, detail: str = "") -> None:
        """The same, at most once in five minutes for the same person, action and thing."""
        key, now_ns = (actor.id or detail, action.value, thing), self._clock.monotonic_ns()
        last_ns = self._seen.get(key)
        if last_ns is not None and now_ns - last_ns < COALESCE_NS:
            return
        self._seen[key] = now_ns
        if len(self._seen) > MOST_REMEMBERED:
            self._seen = {one: at for one, at in self._seen.items() if now_ns - at < COALESCE_NS}
        try:
            await self.record(actor, action, thing, detail)
        except BaseException:
            self._seen.pop(key, None)
            raise

    async def entries(self, wanted: AuditFilter) -> list[Entry]:
        """Entries, newest first."""
        query = sa.select(audit).order_by(audit.c.number.desc()).limit(wanted.limit)
        if wanted.after_ns is not None:
            query = query.where(audit.c.at_ns >= wanted.after_ns)
        if wanted.before_ns is not None:
            query = query.where(audit.c.at_ns < wanted.before_ns)
        if wanted.before_number is not None:
            query = query.where(audit.c.number < wanted.before_number)
        if wanted.user is not None:
            query = query.where(sa.or_(audit.c.user == wanted.user, audit.c.user_id == wanted.user))
        if wanted.action is not None:
            query = query.where(audit.c.action == wanted.action)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_entry(row) for row in rows]

    async def verify(self) -> Verdict:
        """Recompute the chain from its beginning."""
        before, number = bytes(32), 0
        while True:
            rows = await self._database.read(lambda c, after=number: _rows_after(c, after))  # type: ignore[misc]
            for entry in rows:
                if entry.number != number + 1 or entry.hash != digest_of(before, entry):
                    return Verdict(number, number + 1, before)
                before, number = entry.hash, entry.number
            if len(rows) < VERIFIED_AT_ONCE:
                break
        head = await self._database.read(lambda c: c.execute(sa.select(audit_head)).one_or_none())
        is_whole = head is not None and (head.number, bytes(head.hash)) == (number, before)
        return Verdict(number, None if is_whole else number + 1, before)


def digest_of(before: bytes, entry: Entry) -> bytes:
    """Hash of a row: SHA-256 of the hash before it and its fields as a JSON array, in the order of `Entry`."""
    fields = (entry.number, entry.at_ns, entry.user, entry.user_id, entry.action, entry.object, entry.detail)
    return hashlib.sha256(before + msgspec.json.encode(fields)).digest()


def _append(connection: Connection, fields: tuple[int, str, str, str, str, str]) -> None:
    """The head is written first: it is the lock that keeps two processes from giving out one number."""
    connection.execute(audit_head.update().values(number=audit_head.c.number + 1))
    head = connection.execute(sa.select(audit_head)).one()
    bare = Entry(head.number, *fields, hash=b"")
    digest = digest_of(bytes(head.hash), bare)
    row = {name: getattr(bare, name) for name in Entry.__struct_fields__} | {"hash": digest}
    connection.execute(audit.insert().values(row))
    connection.execute(audit_head.update().values(hash=digest))


def _rows_after(connection: Connection, number: int) -> Sequence[Entry]:
    query = sa.select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(VERIFIED_AT_ONCE)
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return msgspec.convert({name: row._mapping[name] for name in Entry.__struct_fields__}, Entry)
