"""Run numbers: one for each connection of a stream, growing for ever, across restarts."""

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.ids import StreamId
from haechi.store.database import Database, metadata

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("stream", sa.String(60), primary_key=True),
    sa.Column("run", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("started_ns", sa.BigInteger, nullable=False),
)


class RunNumbers:
    """Gives out run numbers. A number is durable before any unit carries it, so it is never given twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, streams: list[StreamId], started_ns: int) -> list[int]:
        """A fresh number for each of ``streams``."""

        def allocate(connection: Connection) -> list[int]:
            numbers = []
            for stream in streams:
                newest = sa.select(sa.func.coalesce(sa.func.max(runs.c.run), 0)).where(runs.c.stream == stream)
                number = connection.execute(newest).scalar_one() + 1
                connection.execute(runs.insert().values(stream=stream, run=number, started_ns=started_ns))
                numbers.append(number)
            return numbers

        return await self._database.write(allocate)
