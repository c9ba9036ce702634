"""The audit log: who looked at what, took it away, deleted it, changed a setting. Chained by hash (CONTRACT S10).

Each row's hash covers the hash before it, so a row that is changed, taken out or put in is found by `Audit.verify`. Who
can write to the database can make the whole chain anew: keep a copy of the newest hash, or the exported log, elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

import msgspec
import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection, Row

from haechi.api.auth.tables import audit, audit_head
from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Unavailable
from haechi.base.redact import redact_text
from haechi.store.database import Database

log = structlog.get_logger(__name__)

COALESCE_NS = 300 * NS_PER_S
"""What somebody looks at again within this is one entry: a player asks for pieces every few seconds."""
STILL_NS = 3600 * NS_PER_S
"""Who goes on watching live, without a pause of five minutes, is written down again so often."""
MOST_REMEMBERED = 10_000
MOST_OWED = 10_000
"""Entries that may wait for the database, about 5 MB."""
RETRY_S = 5.0
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
    SPEAK = "speak"
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


Fields = tuple[int, str, str, str, str, str]
"""An entry before it has a number: `Entry` from ``at_ns`` to ``detail``."""


class _Watch(Struct):
    """Somebody looks at something live. Monotonic."""

    written_ns: int
    seen_ns: int


class Audit:
    """Writes and reads the log.

    Attributes:
        lost: Entries that had to be given up since the start, because the database was away for too long.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[tuple[str, str, str], int] = {}
        self._watched: dict[tuple[str, str], _Watch] = {}
        self._owed: deque[Fields] = deque()
        self._is_owing = asyncio.Event()
        self._is_down = False
        self.lost = 0

    async def record(
        self, actor: Actor, action: Action, thing: str = "", detail: str = "", *, anyway: bool = False
    ) -> None:
        """Write an entry; durable when this returns.

        Args:
            anyway: It was done already: where the database does not answer, the entry is owed (see `note`).

        Raises:
            Unavailable: The database does not answer.
        """
        fields = self._fields(actor, action, thing, detail)
        try:
            await self._database.write(lambda c: _append(c, fields))
        except Unavailable as error:
            if not anyway:
                raise
            self._tell_down(error)
            self._owe(fields)

    async def seen(self, actor: Actor, action: Action, thing: str, detail: str = "", *, anyway: bool = False) -> None:
        """The same, at most once in five minutes for the same person, action and thing."""
        key, now_ns = (actor.id or detail, action.value, thing), self._clock.monotonic_ns()
        last_ns = self._seen.get(key)
        if last_ns is not None and now_ns - last_ns < COALESCE_NS:
            return
        self._seen[key] = now_ns
        if len(self._seen) > MOST_REMEMBERED:
            self._seen = {one: at for one, at in self._seen.items() if now_ns - at < COALESCE_NS}
        try:
            await self.record(actor, action, thing, detail, anyway=anyway)
        except BaseException:
            self._seen.pop(key, None)
            raise

    def note(self, actor: Actor, action: Action, thing: str = "", detail: str = "") -> None:
        """Owe an entry for what goes on anyway (CONTRACT D4): `run` writes it as soon as the database takes it.

        While that is down, what is owed stands in the server's log, too.
        """
        self._owe(self._fields(actor, action, thing, detail))

    def watching(self, actor: Actor, thing: str) -> None:
        """Somebody looks at something live, now; call it again while that goes on. Each time that somebody looks is one
        entry, and one more every hour that it lasts.
        """
        key, now_ns = (actor.id, thing), self._clock.monotonic_ns()
        watch = self._watched.get(key)
        if watch is not None and now_ns - watch.seen_ns < COALESCE_NS and now_ns - watch.written_ns < STILL_NS:
            watch.seen_ns = now_ns
            return
        self._watched[key] = _Watch(now_ns, now_ns)
        if len(self._watched) > MOST_REMEMBERED:
            self._watched = {one: it for one, it in self._watched.items() if now_ns - it.seen_ns < COALESCE_NS}
        self.note(actor, Action.VIEW, thing, "live")

    @property
    def owed(self) -> int:
        """Entries that wait for the database."""
        return len(self._owed)

    async def run(self) -> None:
        """Write what is owed until cancelled, and then once more."""
        try:
            while True:
                await self._is_owing.wait()
                if not await self.settle():
                    await self._clock.sleep(RETRY_S)
        finally:
            if not await self.settle():
                self.lost += len(self._owed)
                log.error("audit entries could not be written before the stop; they stand above", count=len(self._owed))

    async def settle(self) -> bool:
        """Write what is owed, in order. False: the database does not take it now."""
        while self._owed:
            fields = self._owed[0]
            try:
                await self._database.write(lambda c: _append(c, fields))  # noqa: B023 - called before the next turn
            except Unavailable as error:
                self._tell_down(error)
                return False
            self._owed.popleft()
        self._is_owing.clear()
        if self._is_down:
            log.info("the audit log is written again")
            self._is_down = False
        return True

    def _owe(self, fields: Fields) -> None:
        if len(self._owed) >= MOST_OWED:
            self.lost += 1
            log.error("audit entry lost: the database is away for too long", **_facts(fields))
            return
        self._owed.append(fields)
        if self._is_down:
            log.error("audit entry waits for the database", **_facts(fields))
        self._is_owing.set()

    def _tell_down(self, error: Unavailable) -> None:
        if self._is_down:
            return
        self._is_down = True
        log.error("the audit log cannot be written; entries wait", reason=str(error))
        for fields in self._owed:
            log.error("audit entry waits for the database", **_facts(fields))

    def _fields(self, actor: Actor, action: Action, thing: str, detail: str) -> Fields:
        at_ns = self._clock.wall_ns()
        return (at_ns, actor.name[:64], actor.id[:40], action.value, thing[:120], redact_text(detail)[:MOST_DETAIL])

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


def _append(connection: Connection, fields: Fields) -> None:
    """The head is written first: it is the lock that keeps two processes from giving out one number."""
    connection.execute(audit_head.update().values(number=audit_head.c.number + 1))
    head = connection.execute(sa.select(audit_head)).one()
    bare = Entry(head.number, *fields, hash=b"")
    digest = digest_of(bytes(head.hash), bare)
    row = {name: getattr(bare, name) for name in Entry.__struct_fields__} | {"hash": digest}
    connection.execute(audit.insert().values(row))
    connection.execute(audit_head.update().values(hash=digest))


def _facts(fields: Fields) -> dict[str, object]:
    """An entry for the server's log."""
    return dict(zip(Entry.__struct_fields__[1:-1], fields, strict=True))


def _rows_after(connection: Connection, number: int) -> Sequence[Entry]:
    query = sa.select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(VERIFIED_AT_ONCE)
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return msgspec.convert({name: row._mapping[name] for name in Entry.__struct_fields__}, Entry)
