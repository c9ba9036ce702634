"""Bookmarks: what a person found in the footage, and whether it must stay."""

from collections.abc import Collection

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import BookmarkId, CameraId, UserId, new_id, stream_of
from haechi.record.index.pins import Pin, add_pin, drop_pins
from haechi.record.index.policies import PinKind
from haechi.record.tables import bookmarks
from haechi.store.database import Database

MOST_BOOKMARKS = 20_000
MOST_LISTED = 2_000
MOST_NOTE = 500
LONGEST_NS = 24 * 3600 * NS_PER_S
"""What one bookmark may keep: nobody fills the disk with one slip of the hand."""
AROUND_NS = 30 * NS_PER_S
"""A bookmark that keeps, keeps so much before and after itself."""


class Author(Struct, frozen=True):
    """Who made something; the name stays readable when the user is gone."""

    id: UserId
    name: str


class Draft(Struct, frozen=True):
    """A bookmark before it is made. ``end_ns`` None: a moment."""

    camera: CameraId
    start_ns: int
    end_ns: int | None = None
    note: str = ""
    keep: bool = False


class BookmarkChange(Struct, frozen=True):
    """What to change; None leaves a thing as it is."""

    note: str | None = None
    keep: bool | None = None


class Bookmark(Struct, frozen=True):
    """A bookmark."""

    id: BookmarkId
    camera: CameraId
    start_ns: int
    end_ns: int | None
    note: str
    keep: bool
    made_by: UserId
    made_by_name: str
    created_ns: int


class BookmarkFilter(Struct, frozen=True):
    """Which bookmarks. ``cameras`` None: of all; a range: those that touch it."""

    cameras: Collection[CameraId] | None = None
    start_ns: int = 0
    end_ns: int = 1 << 62


class BookmarkStore:
    """Bookmarks in the database, and the pins of those that keep their footage."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, draft: Draft, by: Author) -> Bookmark:
        """Make a bookmark.

        Raises:
            Invalid: ``bad-bookmark``, ``too-many-bookmarks``.
        """
        _check(draft)
        made = Bookmark(
            BookmarkId(new_id("bmk")),
            draft.camera,
            draft.start_ns,
            draft.end_ns,
            _note(draft.note),
            draft.keep,
            by.id,
            by.name,
            self._clock.wall_ns(),
        )

        def work(connection: Connection) -> Bookmark:
            if connection.execute(sa.select(sa.func.count()).select_from(bookmarks)).scalar_one() >= MOST_BOOKMARKS:
                raise Invalid("there are too many bookmarks; delete some", code="too-many-bookmarks")
            connection.execute(bookmarks.insert().values(structs.asdict(made)))
            _pin(connection, made)
            return made

        return await self._database.write(work)

    async def get(self, bookmark: BookmarkId) -> Bookmark:
        """One bookmark.

        Raises:
            NotFound: ``bookmark-not-found``.
        """
        return await self._database.read(lambda c: _get(c, bookmark))

    async def list(self, wanted: BookmarkFilter) -> list[Bookmark]:
        """Bookmarks, newest moment first; at most `MOST_LISTED`."""
        ends = sa.func.coalesce(bookmarks.c.end_ns, bookmarks.c.start_ns)
        query = sa.select(bookmarks).where(bookmarks.c.start_ns < wanted.end_ns, ends >= wanted.start_ns)
        if wanted.cameras is not None:
            query = query.where(bookmarks.c.camera.in_(wanted.cameras))
        query = query.order_by(bookmarks.c.start_ns.desc()).limit(MOST_LISTED)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_bookmark(row) for row in rows]

    async def change(self, bookmark: BookmarkId, change: BookmarkChange) -> Bookmark:
        """Change a bookmark; footage that is not kept any more goes when its time has come.

        Raises:
            NotFound: ``bookmark-not-found``.
        """
        wish = {key: value for key, value in structs.asdict(change).items() if value is not None}
        if change.note is not None:
            wish["note"] = _note(change.note)

        def work(connection: Connection) -> Bookmark:
            after = structs.replace(_get(connection, bookmark), **wish)
            row = bookmarks.update().where(bookmarks.c.id == bookmark)
            connection.execute(row.values(note=after.note, keep=after.keep))
            _pin(connection, after)
            return after

        return await self._database.write(work)

    async def delete(self, bookmark: BookmarkId) -> None:
        """Remove a bookmark, and let go of its footage.

        Raises:
            NotFound: ``bookmark-not-found``.
        """

        def work(connection: Connection) -> None:
            _get(connection, bookmark)
            drop_pins(connection, _reason(bookmark))
            connection.execute(bookmarks.delete().where(bookmarks.c.id == bookmark))

        await self._database.write(work)


def bookmark_not_found() -> NotFound:
    """The one answer about a bookmark that is not there, or is somebody else's."""
    return NotFound("no such bookmark", code="bookmark-not-found")


def _check(draft: Draft) -> None:
    if draft.end_ns is not None and not 0 < draft.end_ns - draft.start_ns <= LONGEST_NS:
        raise Invalid("a bookmark ends after its start, by at most a day", code="bad-bookmark")


def _note(text: str) -> str:
    note = " ".join(text.split())
    if len(note) > MOST_NOTE or not note.isprintable():
        raise Invalid(f"a note has at most {MOST_NOTE} printable characters", code="bad-bookmark")
    return note


def _reason(bookmark: BookmarkId) -> str:
    return f"bookmark:{bookmark}"


def _pin(connection: Connection, bookmark: Bookmark) -> None:
    drop_pins(connection, _reason(bookmark.id))
    if bookmark.keep:
        end_ns = bookmark.start_ns if bookmark.end_ns is None else bookmark.end_ns
        start_ns, end_ns = bookmark.start_ns - AROUND_NS, end_ns + AROUND_NS
        stream, reason = stream_of(bookmark.camera), _reason(bookmark.id)
        add_pin(connection, Pin(stream, start_ns, end_ns, reason, PinKind.PROTECTED))


def _get(connection: Connection, bookmark: BookmarkId) -> Bookmark:
    row = connection.execute(sa.select(bookmarks).where(bookmarks.c.id == bookmark)).one_or_none()
    if row is None:
        raise bookmark_not_found()
    return _bookmark(row)


def _bookmark(row: Row[tuple[object, ...]]) -> Bookmark:
    return Bookmark(*(row._mapping[name] for name in Bookmark.__struct_fields__))
