"""Films in the database."""

from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy import Connection, Row

from haechi.base.errors import Conflict, NotFound
from haechi.base.ids import CameraId, FilmId, UserId
from haechi.record.films.tables import films
from haechi.store.database import Database

State = Literal["uploading", "fetching", "waiting", "importing", "done", "failed"]
TO_DO: tuple[State, ...] = ("fetching", "waiting", "importing")
MOST_FILMS = 500


class Film(Struct, frozen=True):
    """A file on its way in, and what came of it.

    Attributes:
        camera: Whose recording it is; empty until its first picture is known to be one that we take in.
        origin: Address of the page that it comes from; empty: somebody uploads it.
        size_bytes, received_bytes: Of the file; 0: not known yet.
        wished_ns: When it was filmed, as its owner says; 0: as the file says.
        progress: Of what it does at the moment, 0 to 1.
        start_ns, end_ns: Of its recording; 0: there is none yet.
        units: Pictures and sounds that are recorded.
        damaged: Units of the file that were left out because they are damaged.
    """

    id: FilmId
    owner: UserId
    name: str
    state: State
    camera: CameraId = CameraId("")
    origin: str = ""
    size_bytes: int = 0
    received_bytes: int = 0
    sound: bool = False
    wished_ns: int = 0
    progress: float = 0.0
    error_code: str = ""
    error_message: str = ""
    start_ns: int = 0
    end_ns: int = 0
    units: int = 0
    damaged: int = 0
    created_ns: int = 0
    finished_ns: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ("done", "failed")


def film_not_found() -> NotFound:
    """The one answer about a film that is not there."""
    return NotFound("no such film", code="film-not-found")


class FilmStore:
    """Reads and writes films."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, film: Film) -> None:
        """Note a new one.

        Raises:
            Conflict: ``too-many-films``.
        """

        def work(connection: Connection) -> None:
            count = connection.execute(sa.select(sa.func.count()).select_from(films)).scalar_one()
            if count >= MOST_FILMS:
                raise Conflict("there are too many films; delete some", code="too-many-films", limit=MOST_FILMS)
            connection.execute(films.insert().values(structs.asdict(film)))

        await self._database.write(work)

    async def get(self, film: FilmId) -> Film:
        """One film.

        Raises:
            NotFound: ``film-not-found``.
        """
        row = await self._database.read(lambda c: c.execute(sa.select(films).where(films.c.id == film)).one_or_none())
        if row is None:
            raise film_not_found()
        return _film(row)

    async def of_camera(self, camera: CameraId) -> Film | None:
        """The film that a camera is; None: it is none."""
        query = sa.select(films).where(films.c.camera == camera).limit(1)
        row = await self._database.read(lambda c: c.execute(query).first())
        return None if row is None else _film(row)

    async def listed(self) -> list[Film]:
        """All films, newest first."""
        query = sa.select(films).order_by(films.c.created_ns.desc()).limit(MOST_FILMS)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_film(row) for row in rows]

    async def next(self) -> Film | None:
        """The film that waits the longest for something to be done."""
        query = sa.select(films).where(films.c.state.in_(TO_DO)).order_by(films.c.created_ns).limit(1)
        row = await self._database.read(lambda c: c.execute(query).first())
        return None if row is None else _film(row)

    async def put(self, film: Film) -> None:
        """Note what became of a film; one that was removed meanwhile stays removed."""
        row = films.update().where(films.c.id == film.id)
        await self._database.write(lambda c: c.execute(row.values(structs.asdict(film))))

    async def remove(self, film: FilmId) -> None:
        """Forget a film."""
        await self._database.write(lambda c: c.execute(films.delete().where(films.c.id == film)))


def _film(row: Row[tuple[object, ...]]) -> Film:
    return msgspec.convert({name: row._mapping[name] for name in Film.__struct_fields__}, Film)
