"""Proves that objects hold what is listed in them: by presence, by size, or by the hash of every byte.

It repairs nothing: a store that misses or falsifies something today may have it again tomorrow, and what is taken off
the list is gone for good. What to do is written in docs/guide/storage.md.
"""

import hashlib
from collections.abc import Callable
from functools import partial

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import DataLoss
from haechi.record.repair.check import ISSUES_MOST, CheckLevel, Issue
from haechi.record.tables import recordings
from haechi.record.tiers.ledger import LISTED
from haechi.record.tiers.places import Place, stored_path
from haechi.record.tiers.tables import objects
from haechi.store.database import Database

PAGE = 500
READ_BYTES = 8 * 1024 * 1024


class ObjectsReport(Struct, frozen=True):
    """What a check of a store saw.

    Attributes:
        requests, bytes: What it cost.
    """

    objects: int
    recordings: int
    requests: int
    bytes: int
    issues: tuple[Issue, ...]
    issue_count: int

    @property
    def is_sound(self) -> bool:
        return self.issue_count == 0


class _Row(Struct, frozen=True):
    id: int
    path: str
    size_bytes: int
    sha256: bytes


async def check_objects(
    database: Database,
    place: Place,
    level: CheckLevel = CheckLevel.SIZE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ObjectsReport:
    """Look at every object of a store, and at every recording that is said to be in one.

    Raises:
        Unavailable: The store does not answer.
    """
    return await _Check(database, place, level).run(progress)


class _Check:
    def __init__(self, database: Database, place: Place, level: CheckLevel) -> None:
        self._database = database
        self._place = place
        self._level = level
        self._issues: list[Issue] = []
        self._count = 0
        self._requests = 0
        self._bytes = 0

    async def run(self, progress: Callable[[int, int], None]) -> ObjectsReport:
        await self._place.verify()
        self._requests = 2
        total = await self._database.read(partial(_count, volume=self._place.id))
        done = last = 0
        while page := await self._database.read(partial(_page, volume=self._place.id, last=last)):
            for row in page:
                await self._look(row)
                done += 1
            last = page[-1].id
            progress(done, total)
        held = await self._database.read(partial(_recordings, volume=self._place.id))
        known = await self._database.read(partial(_paths, volume=self._place.id))
        for path in sorted(held.keys() - known):
            self._note(Issue("missing", path, "no object of this name was ever made"))
        return ObjectsReport(
            done, sum(held.values()), self._requests, self._bytes, tuple(self._issues), self._count
        )  # fmt: skip

    async def _look(self, row: _Row) -> None:
        size = await self._place.size_of(row.path)
        self._requests += 1
        if size is None:
            self._note(Issue("missing", row.path))
        elif self._level is not CheckLevel.PRESENCE and size != row.size_bytes:
            self._note(
                Issue("short" if size < row.size_bytes else "long", row.path, f"{size} of {row.size_bytes} bytes")
            )
        elif self._level is CheckLevel.HASH and not await self._is_same(row):
            self._note(Issue("damaged", row.path, "other bytes than were put there"))

    async def _is_same(self, row: _Row) -> bool:
        hashed = hashlib.sha256()
        for offset in range(0, row.size_bytes, READ_BYTES):
            size = min(READ_BYTES, row.size_bytes - offset)
            try:
                hashed.update(await self._place.fetch(row.path, offset, size))
            except DataLoss:
                return False
            self._requests += 1
            self._bytes += size
        return hashed.digest() == row.sha256

    def _note(self, issue: Issue) -> None:
        self._count += 1
        if len(self._issues) < ISSUES_MOST:
            self._issues.append(issue)


def _count(connection: Connection, volume: str) -> int:
    query = sa.select(sa.func.count()).select_from(objects)
    return int(connection.execute(query.where(objects.c.volume == volume, objects.c.state == LISTED)).scalar_one())


def _page(connection: Connection, volume: str, last: int) -> list[_Row]:
    columns = (objects.c.id, objects.c.path, objects.c.size_bytes, objects.c.sha256)
    query = sa.select(*columns).where(objects.c.volume == volume, objects.c.state == LISTED, objects.c.id > last)
    return [_Row(*row) for row in connection.execute(query.order_by(objects.c.id).limit(PAGE))]


def _paths(connection: Connection, volume: str) -> set[str]:
    query = sa.select(objects.c.path).where(objects.c.volume == volume, objects.c.state == LISTED)
    return set(connection.execute(query).scalars())


def _recordings(connection: Connection, volume: str) -> dict[str, int]:
    """How many recordings are said to be in each object."""
    found: dict[str, int] = {}
    for path in connection.execute(sa.select(recordings.c.path).where(recordings.c.volume == volume)).scalars():
        found[stored_path(path)] = found.get(stored_path(path), 0) + 1
    return found
