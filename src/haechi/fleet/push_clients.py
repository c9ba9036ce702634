"""Thin clients that push video: their names and tokens. Of a token only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from msgspec import Struct, structs

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
    sa.Column("camera", sa.String(40), nullable=False, server_default="", comment="its stream is; empty: of none"),
)


class PushClient(Struct, frozen=True):
    """Somebody who may push.

    Attributes:
        camera: Id of the camera that its stream is; empty: what it pushes is judged only.
    """

    id: str
    name: str
    created_ns: int
    camera: str = ""


_COLUMNS = (push_clients.c.id, push_clients.c.name, push_clients.c.created_ns, push_clients.c.camera)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class PushClients:
    """Clients in the database. A token is 256 random bits, so its plain hash is enough, and looking the hash up tells
    nothing by its time that helps to guess one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, name: str, camera: str = "") -> tuple[PushClient, str]:
        """A new client, and its token, which can be read only here.

        Raises:
            Invalid: ``bad-name``.
            Conflict: ``too-many-push-clients``, ``push-camera-taken``.
        """
        title = plain_name(name)
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        client = PushClient(new_id("psh"), title, self._clock.wall_ns(), camera)
        row = {**structs.asdict(client), "token_sha256": _digest(token)}

        def insert(connection: sa.Connection) -> None:
            if connection.execute(sa.select(sa.func.count()).select_from(push_clients)).scalar_one() >= MOST_CLIENTS:
                message = "there are as many clients as there may be; remove some"
                raise Conflict(message, code="too-many-push-clients", limit=MOST_CLIENTS)
            _require_free(connection, camera)
            connection.execute(push_clients.insert().values(row))

        await self._database.write(insert)
        return client, token

    async def list(self) -> Sequence[PushClient]:
        """All of them, by name."""
        query = sa.select(*_COLUMNS).order_by(push_clients.c.name, push_clients.c.id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [PushClient(*row) for row in rows]

    async def get(self, client: str) -> PushClient:
        """One of them.

        Raises:
            NotFound: ``no-such-push-client``.
        """
        query = sa.select(*_COLUMNS).where(push_clients.c.id == client)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise _unknown()
        return PushClient(*row)

    async def set_camera(self, client: str, camera: str) -> None:
        """Make its stream a camera (empty: judge it only). A connection of it ends within some seconds.

        Raises:
            NotFound: ``no-such-push-client``.
            Conflict: ``push-camera-taken``: another client has this camera.
        """

        def update(connection: sa.Connection) -> int:
            _require_free(connection, camera, client)
            mine = push_clients.update().where(push_clients.c.id == client)
            return connection.execute(mine.values(camera=camera)).rowcount

        if not await self._database.write(update):
            raise _unknown()

    async def remove(self, client: str) -> None:
        """Withdraw a token; connections with it end within some seconds.

        Raises:
            NotFound: ``no-such-push-client``.
        """
        found = await self._database.write(
            lambda c: c.execute(push_clients.delete().where(push_clients.c.id == client)).rowcount
        )
        if not found:
            raise _unknown()

    async def admits(self, token: str) -> PushClient | None:
        """Whose token it is."""
        query = sa.select(*_COLUMNS).where(push_clients.c.token_sha256 == _digest(token))
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return PushClient(*row) if row is not None else None

    async def known(self) -> Mapping[str, str]:
        """All whose token is good: the camera of each by its id."""
        query = sa.select(push_clients.c.id, push_clients.c.camera)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {row.id: row.camera for row in rows}


def plain_name(name: str) -> str:
    """A name as it is kept.

    Raises:
        Invalid: ``bad-name``.
    """
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME or not title.isprintable():
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters that can be shown", code="bad-name")
    return title


def _unknown() -> NotFound:
    return NotFound("there is no such client; see: haechi push list", code="no-such-push-client")


def _require_free(connection: sa.Connection, camera: str, client: str = "") -> None:
    """A camera has one client."""
    others = sa.select(push_clients.c.id).where(push_clients.c.camera == camera, push_clients.c.id != client)
    if camera and connection.execute(others).first() is not None:
        raise Conflict("another client pushes this camera already", code="push-camera-taken", camera=camera)
