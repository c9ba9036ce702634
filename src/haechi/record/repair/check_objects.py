"""Proves that objects hold what is listed in them: by presence, by size, or by the hash of every byte.

It repairs nothing: a store that misses or falsifies something today may have it again tomorrow, and what is taken off
the list is gone for good. What to do is written in docs/guide/storage.md.
"""

from collections.abc import Callable
from functools import partial

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import DataLoss
from haechi.record.repair.check import ISSUES_MOST, CheckLevel, Issue
from haechi.record.tables import recordings
from haechi.record.tiers.ledger import LISTED
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.parcels import digest_in
from haechi.record.tiers.places import stored_path
from haechi.record.tiers.tables import doomed, objects
from haechi.store.database import Database

PAGE = 500
LISTED_AT_ONCE = 1000
"""Objects in one answer of a store."""


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


async def check_objects(
    database: Database,
    place: Objects,
    level: CheckLevel = CheckLevel.SIZE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ObjectsReport:
    """Look at every object of a store, and at every recording that is said to be in one.

    Raises:
        Unavailable: The store does not answer.
    """
    return await _Check(database, place, level).run(progress)


async def days_of(database: Database, place: Objects) -> list[str]:
    """The folders ``camera/date/`` that objects of a store lie in, by the store and by the index."""
    found = set(await database.read(partial(_days_listed, volume=place.id)))
    for camera in await place.folders():
        found.update(await place.folders(camera))
    return sorted(found)


async def unknown_in(database: Database, place: Objects, day: str, there: dict[str, int]) -> dict[str, int]:
    """Of what lies in a folder of a store, path and size, that which the database does not know, as far as that lasts.

    A mover and a reaper may be at work: what is known before it is there, and until it is gone, is not meant.
    """
    known = await database.read(partial(_known_in, volume=place.id, day=day))
    if there.keys() <= known:
        return {}
    again = await place.listing(day)
    known |= await database.read(partial(_known_in, volume=place.id, day=day))
    unknown = sorted((again.keys() & there.keys()) - known)
    return {path: again[path] for path in unknown if path.endswith(".mp4")}


class _Row(Struct, frozen=True):
    id: int
    path: str
    size_bytes: int
    sha256: bytes


class _Check:
    def __init__(self, database: Database, place: Objects, level: CheckLevel) -> None:
        self._database = database
        self._place = place
        self._level = level
        self._issues: list[Issue] = []
        self._count = 0
        self._requests = 2
        self._bytes = 0
        self._done = 0

    async def run(self, progress: Callable[[int, int], None]) -> ObjectsReport:
        await self._place.verify()
        total = await self._database.read(partial(_count, volume=self._place.id))
        for day in await days_of(self._database, self._place):
            await self._look_at(day, lambda: progress(self._done, max(self._done, total)))
        count = await self._look_for_objects()
        return ObjectsReport(self._done, count, self._requests, self._bytes, tuple(self._issues), self._count)

    async def _look_at(self, day: str, progress: Callable[[], None]) -> None:
        there = await self._place.listing(day)
        self._requests += 1 + len(there) // LISTED_AT_ONCE
        for row in await self._database.read(partial(_rows, volume=self._place.id, day=day)):
            await self._look(row, there.get(row.path))
            self._done += 1
            if self._level is CheckLevel.HASH:
                progress()
        for path in await unknown_in(self._database, self._place, day, there):
            self._note(Issue("unlisted", path, "no row speaks of this object"))
        progress()

    async def _look(self, row: _Row, size: int | None) -> None:
        if size is None:  # it may have come since
            size = await self._place.size_of(row.path)
            self._requests += 1
        if size is None:
            if await self._database.read(lambda c: _is_listed(c, row.id)):
                self._note(Issue("missing", row.path))
        elif self._level is not CheckLevel.PRESENCE and size != row.size_bytes:
            self._note(
                Issue("short" if size < row.size_bytes else "long", row.path, f"{size} of {row.size_bytes} bytes")
            )
        elif self._level is CheckLevel.HASH and not await self._is_same(row):
            self._note(Issue("damaged", row.path, "other bytes than were put there"))

    async def _is_same(self, row: _Row) -> bool:
        try:
            digest, requests = await digest_in(self._place, row.path, row.size_bytes)
        except DataLoss:
            return False
        self._requests += requests
        self._bytes += row.size_bytes
        return digest == row.sha256

    async def _look_for_objects(self) -> int:
        """Every recording that is said to be in an object is in one that was made. How many recordings."""
        count, last = 0, (0, 0)
        while page := await self._database.read(partial(_recordings, volume=self._place.id, last=last)):
            paths = {stored_path(row.path) for row in page}
            known = await self._database.read(partial(_made, volume=self._place.id, paths=sorted(paths)))
            for path in sorted(paths - known):
                self._note(Issue("missing", path, "no object of this name was ever made"))
            count, last = count + len(page), (page[-1].end_ns, page[-1].id)
        return count

    def _note(self, issue: Issue) -> None:
        self._count += 1
        if len(self._issues) < ISSUES_MOST:
            self._issues.append(issue)


def _count(connection: Connection, volume: str) -> int:
    query = sa.select(sa.func.count()).select_from(objects)
    return int(connection.execute(query.where(objects.c.volume == volume, objects.c.state == LISTED)).scalar_one())


def _is_listed(connection: Connection, one: int) -> bool:
    query = sa.select(objects.c.id).where(objects.c.id == one, objects.c.state == LISTED)
    return connection.execute(query).first() is not None


def _within(path: sa.Column[str], folder: str) -> sa.ColumnElement[bool]:
    """Whether a path is below a folder, which ends with a slash."""
    return (path >= folder) & (path < folder[:-1] + chr(ord("/") + 1))


def _rows(connection: Connection, volume: str, day: str) -> list[_Row]:
    columns = (objects.c.id, objects.c.path, objects.c.size_bytes, objects.c.sha256)
    query = sa.select(*columns).where(objects.c.volume == volume, objects.c.state == LISTED)
    return [
        _Row(*row) for row in connection.execute(query.where(_within(objects.c.path, day)).order_by(objects.c.path))
    ]


def _known_in(connection: Connection, volume: str, day: str) -> set[str]:
    """What has a name in a folder: made, on its way, or about to be deleted."""
    made = sa.select(objects.c.path).where(objects.c.volume == volume, _within(objects.c.path, day))
    going = sa.select(doomed.c.path).where(doomed.c.volume == volume, _within(doomed.c.path, day))
    return {*connection.execute(made).scalars(), *connection.execute(going).scalars()}


def _days_listed(connection: Connection, volume: str) -> list[str]:
    """Folders of days that objects are listed in; a step of an index for each."""
    found: list[str] = []
    after = ""
    query = sa.select(sa.func.min(objects.c.path)).where(objects.c.volume == volume)
    while (path := connection.execute(query.where(objects.c.path > after)).scalar()) is not None:
        found.append("/".join(path.split("/")[:2]) + "/")
        after = found[-1][:-1] + chr(ord("/") + 1)
    return found


def _made(connection: Connection, volume: str, paths: list[str]) -> set[str]:
    query = sa.select(objects.c.path).where(objects.c.volume == volume, objects.c.state == LISTED)
    return set(connection.execute(query.where(objects.c.path.in_(paths))).scalars())


class _Held(Struct, frozen=True):
    id: int
    end_ns: int
    path: str


def _recordings(connection: Connection, volume: str, last: tuple[int, int]) -> list[_Held]:
    """A page of what is said to be in the store, in order of time."""
    end_ns, one = last
    query = sa.select(recordings.c.id, recordings.c.end_ns, recordings.c.path).where(recordings.c.volume == volume)
    beyond = (recordings.c.end_ns > end_ns) | ((recordings.c.end_ns == end_ns) & (recordings.c.id > one))
    query = query.where(recordings.c.end_ns >= end_ns, beyond).order_by(recordings.c.end_ns, recordings.c.id)
    return [_Held(*row) for row in connection.execute(query.limit(PAGE))]
