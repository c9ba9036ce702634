"""Export jobs in the database."""

from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Conflict, NotFound
from haechi.base.ids import CameraId, ExportId, StreamId, UserId
from haechi.record.exports.tables import exports
from haechi.store.database import Database

State = Literal["queued", "running", "done", "failed", "cancelled"]
ACTIVE: tuple[State, ...] = ("queued", "running")
MOST_LISTED = 500


class ExportPart(Struct, frozen=True):
    """One file of an export. A new one begins each hour, and where the camera changed its coding.

    Attributes:
        start_ns: Capture time of the first picture.
        end_ns: Up to where it goes (exclusive).
    """

    bytes: int
    start_ns: int
    end_ns: int
    units: int


class Export(Struct, frozen=True):
    """A job, and what came of it.

    Attributes:
        name: Of the file, without ``.mp4`` and without the number of its part.
        progress: 0 to 1.
        expires_ns: When its files are removed; None while it is active.
        sound: Whether the camera's sound is in it: it was asked for, and some is recorded.
    """

    id: ExportId
    owner: UserId
    camera: CameraId
    stream: StreamId
    start_ns: int
    end_ns: int
    name: str
    burn_in: bool
    state: State
    progress: float = 0.0
    error_code: str = ""
    error_message: str = ""
    parts: tuple[ExportPart, ...] = ()
    created_ns: int = 0
    finished_ns: int | None = None
    expires_ns: int | None = None
    sound: bool = False

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(part.bytes for part in self.parts)

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE


class ExportBounds(Struct, frozen=True):
    """How many exports one person may have."""

    active: int = 8
    kept: int = 100


def export_not_found() -> NotFound:
    """The one answer about an export that is not there, has expired, or is somebody else's."""
    return NotFound("no such export", code="export-not-found")


class ExportStore:
    """Reads and writes jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, export: Export, bounds: ExportBounds) -> None:
        """Queue a job.

        Raises:
            Conflict: ``too-many-exports``: the owner has as many as one may have.
        """

        def work(connection: Connection) -> None:
            query = sa.select(exports.c.state, sa.func.count().label("jobs")).where(exports.c.owner == export.owner)
            counts = {row.state: row.jobs for row in connection.execute(query.group_by(exports.c.state))}
            active = sum(counts.get(state, 0) for state in ACTIVE)
            if active >= bounds.active or sum(counts.values()) >= bounds.kept:
                raise Conflict("you have too many exports; wait for one, or delete some", code="too-many-exports")
            connection.execute(exports.insert().values(_columns(export)))

        await self._database.write(work)

    async def get(self, export: ExportId) -> Export:
        """One job.

        Raises:
            NotFound: ``export-not-found``.
        """
        query = sa.select(exports).where(exports.c.id == export)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise export_not_found()
        return _export(row)

    async def listed(self, owner: UserId | None = None) -> list[Export]:
        """Jobs of one person, or of all; newest first."""
        query = sa.select(exports).order_by(exports.c.created_ns.desc()).limit(MOST_LISTED)
        if owner is not None:
            query = query.where(exports.c.owner == owner)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_export(row) for row in rows]

    async def put(self, export: Export) -> None:
        """Note what became of a job; one that was removed meanwhile stays removed."""
        row = exports.update().where(exports.c.id == export.id)
        await self._database.write(lambda c: c.execute(row.values(_columns(export))))

    async def remove(self, export: ExportId) -> None:
        """Forget a job."""
        await self._database.write(lambda c: c.execute(exports.delete().where(exports.c.id == export)))

    async def next_queued(self, running: set[ExportId]) -> Export | None:
        """The job that waits the longest."""
        query = sa.select(exports).where(exports.c.state == "queued", exports.c.id.not_in(running))
        row = await self._database.read(lambda c: c.execute(query.order_by(exports.c.created_ns).limit(1)).first())
        return None if row is None else _export(row)

    async def begin_again(self) -> set[ExportId]:
        """After a start: what ran is queued again. The jobs whose files are whole."""

        def work(connection: Connection) -> set[ExportId]:
            again = exports.update().where(exports.c.state == "running")
            connection.execute(again.values(state="queued", progress=0.0, parts=[]))
            done = sa.select(exports.c.id).where(exports.c.state == "done")
            return {ExportId(one) for one in connection.execute(done).scalars()}

        return await self._database.write(work)

    async def expired(self, now_ns: int) -> list[Export]:
        """Jobs whose time is over."""
        query = sa.select(exports).where(exports.c.expires_ns <= now_ns).limit(MOST_LISTED)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_export(row) for row in rows]


def _columns(export: Export) -> dict[str, object]:
    return structs.asdict(export) | {"parts": [structs.asdict(part) for part in export.parts]}


def _export(row: Row[tuple[object, ...]]) -> Export:
    return msgspec.convert({name: row._mapping[name] for name in Export.__struct_fields__}, Export)
