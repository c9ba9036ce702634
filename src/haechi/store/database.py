"""The database: one writer, many readers, SQLAlchemy Core, migrations by alembic.

Tables live next to their nouns (`fleet/tables.py`, `record/tables.py`, ...) and share `metadata`; the migrations in
`store/migrations/versions` are one linear history. SQLite is the default; the same statements run on PostgreSQL.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from haechi.base.errors import DataLoss, Unavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SAFE_SQLITE = (3, 51, 3)
"""First release without the WAL-reset bug, by which two connections that checkpoint at once can lose commits. We
avoid the trigger (only the writer checkpoints) and warn when the library is older."""
READERS = 4
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Runs blocking work on the database off the event loop: writes in one thread in order, reads in a few.

    A unit of work is a plain function of a SQLAlchemy `Connection`; each call is one transaction.
    """

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = self._engine(is_writer=True)
        self._reader = self._engine(is_writer=False)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="db-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")

    @classmethod
    def at(cls, path: Path) -> "Database":
        """The SQLite database in the file ``path``; its folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path}")

    def migrate(self) -> None:
        """Bring the schema to the newest revision. Blocking; call before serving.

        Where it is there already, alembic is not even loaded: that takes longer than all else of an ordinary start.

        Raises:
            DataLoss: The file is not a database, or is damaged.
            Unavailable: The database cannot be opened.
        """
        if self._is_sqlite and sqlite3.sqlite_version_info < SAFE_SQLITE:
            log.info("sqlite is older than 3.51.3; only one connection checkpoints", version=sqlite3.sqlite_version)
        try:
            with self._writer.begin() as connection:
                if _revision(connection) != newest_revision():
                    _upgrade(connection)
        except OperationalError as error:
            raise Unavailable("the database cannot be opened", code="database-down", reason=str(error.orig)) from error
        except DBAPIError as error:
            raise DataLoss("the database is damaged", code="database-damaged", reason=str(error.orig)) from error

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction of its own after all earlier writes; durable when this returns."""
        return await self._run(self._write_thread, self._writer, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a reading connection."""
        return await self._run(self._read_threads, self._reader, work)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for callers that are already off the event loop. Keeps the order with the others."""
        return self._write_thread.submit(self._transact, self._writer, work).result()

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers that are already off the event loop."""
        return self._transact(self._reader, work)

    def close(self) -> None:
        """Finish what was asked for, then let go of the files."""
        self._write_thread.shutdown(wait=True)
        self._read_threads.shutdown(wait=True)
        self._writer.dispose()
        self._reader.dispose()

    async def _run(self, pool: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, self._transact, engine, work)

    def _transact(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        try:
            with engine.begin() as connection:
                return work(connection)
        except OperationalError as error:
            raise Unavailable("the database does not answer", code="database-down", reason=str(error.orig)) from error

    def _engine(self, *, is_writer: bool) -> Engine:
        if not self._is_sqlite:
            return create_engine(self.url, poolclass=NullPool if is_writer else QueuePool)
        size = 1 if is_writer else READERS
        engine = create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            connect_args={"check_same_thread": False, "timeout": 30.0},
        )

        @event.listens_for(engine, "connect")
        def configure(dbapi: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            dbapi.isolation_level = None  # the driver's own transactions leave out changes of the schema
            cursor = dbapi.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA busy_timeout=30000")
            if is_writer:
                cursor.execute("PRAGMA wal_autocheckpoint=1000")
            else:
                cursor.execute("PRAGMA wal_autocheckpoint=0")
                cursor.execute("PRAGMA query_only=ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

        return engine


def newest_revision() -> str:
    """The revision that this program wants: the last of the linear history, by the names of its files."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("r*_*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def is_sound(database: Database) -> bool:
    """SQLite's own integrity check (True on other engines, which do their own)."""
    if database.url.get_backend_name() != "sqlite":
        return True
    return database.read_now(lambda c: c.execute(text("PRAGMA integrity_check")).scalar() == "ok")
