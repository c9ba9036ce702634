"""Thin clients that push video: their names and tokens. Of a token only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import new_id
from haechi.store.database import Database, metadata

PREFIX = "hpt_"
TOKEN_BYTES = 32
MOST_CLIENTS = 1000
LONGEST_NAME = 80

push_clients = sa.Table(
    "push_clients",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)


class PushClient(Struct, frozen=True):
    """Somebody who may push."""

    id: str
    name: str
    created_ns: int


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class PushClients:
    """Clients in the database. A token is 256 random bits, so its plain hash is enough, and looking the hash up tells
    nothing by its time that helps to guess one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, name: str) -> tuple[PushClient, str]:
        """A new client, and its token, which can be read only here.

        Raises:
            Invalid: ``bad-name``.
            Conflict: ``too-many-push-clients``.
        """
        title = " ".join(name.split())
        if not title or len(title) > LONGEST_NAME or not title.isprintable():
            raise Invalid(f"a name has 1 to {LONGEST_NAME} characters that can be shown", code="bad-name")
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        client = PushClient(new_id("psh"), title, self._clock.wall_ns())
        row = {"id": client.id, "name": title, "token_sha256": _digest(token), "created_ns": client.created_ns}

        def insert(connection: sa.Connection) -> None:
            if connection.execute(sa.select(sa.func.count()).select_from(push_clients)).scalar_one() >= MOST_CLIENTS:
                message = "there are as many clients as there may be; remove some"
                raise Conflict(message, code="too-many-push-clients", limit=MOST_CLIENTS)
            connection.execute(push_clients.insert().values(row))

        await self._database.write(insert)
        return client, token

    async def list(self) -> Sequence[PushClient]:
        """All of them, by name."""
        query = sa.select(push_clients.c.id, push_clients.c.name, push_clients.c.created_ns).order_by(
            push_clients.c.name, push_clients.c.id
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [PushClient(*row) for row in rows]

    async def remove(self, client: str) -> None:
        """Withdraw a token; connections with it end within some seconds.

        Raises:
            NotFound: ``no-such-push-client``.
        """
        found = await self._database.write(
            lambda c: c.execute(push_clients.delete().where(push_clients.c.id == client)).rowcount
        )
        if not found:
            raise NotFound("there is no such client; see: haechi push list", code="no-such-push-client")

    async def admits(self, token: str) -> PushClient | None:
        """Whose token it is."""
        query = sa.select(push_clients.c.id, push_clients.c.name, push_clients.c.created_ns).where(
            push_clients.c.token_sha256 == _digest(token)
        )
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return PushClient(*row) if row is not None else None

    async def known(self) -> Collection[str]:
        """The ids of all whose token is good."""
        rows = await self._database.read(lambda c: c.execute(sa.select(push_clients.c.id)).scalars().all())
        return frozenset(rows)
