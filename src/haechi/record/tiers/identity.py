"""Whose an object store is. It says so itself, so that no two installations delete in one, and so that an installation
whose database was lost can tell that it is its own: by the folder that it records to, whose identity is on disk."""

import json
from collections.abc import Collection
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import Conflict
from haechi.record.tables import recordings, volumes

IDENTITY_OBJECT = "haechi-volume.json"
IDENTITY_MOST_BYTES = 4096


class Identity(Struct, frozen=True):
    """What a store says of itself.

    Attributes:
        volume: Its own id, in all rows of the index that speak of it.
        home: The volume that its installation records to; empty: it is not said.
    """

    volume: str
    home: str = ""

    def encode(self, created_ns: int) -> bytes:
        """As it lies in the store."""
        return json.dumps(msgspec.structs.asdict(self) | {"created_ns": created_ns, "by": "haechi"}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Identity":
        """Read one.

        Raises:
            Conflict: ``volume-mismatch``: this is none.
        """
        try:
            content = json.loads(data[:IDENTITY_MOST_BYTES])
            home = content.get("home") or ""
            return cls(str(UUID(content["volume"])), str(UUID(home)) if home else "")
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Conflict("the object store's identity is damaged", code="volume-mismatch") from error


class Known(Struct, frozen=True):
    """What the database knows of a tier.

    Attributes:
        volumes: Stores that it was so far, the newest last.
        is_listed: Whether footage is listed in them.
        homes: Volumes that were recorded to, the newest last.
    """

    volumes: tuple[str, ...]
    is_listed: bool
    homes: tuple[str, ...]

    def refuse(self, found: Identity, *, takes: bool) -> None:
        """Make sure that a store is this installation's.

        Args:
            takes: A person says that it is, although nothing here knows it.

        Raises:
            Conflict: ``volume-mismatch``.
        """
        if found.volume in self.volumes:
            if not takes:
                is_kept(found, self.homes)
        elif self.is_listed:
            message = "footage of this tier is listed in another object store; nothing is written or deleted here"
            raise Conflict(message, code="volume-mismatch")
        elif found.home not in self.homes and not takes:
            message = (
                "the object store belongs to another installation, or to this one before its database was lost; nothing"
                " is written or deleted there. If its footage is yours, run: haechi tiers adopt"
            )
            raise Conflict(message, code="volume-mismatch")


def is_kept(found: Identity, homes: Collection[str]) -> None:
    """Make sure that no other installation has taken a store over.

    Raises:
        Conflict: ``volume-mismatch``.
    """
    if found.home and found.home not in homes:
        message = "another installation has taken the object store over; nothing is written or deleted there"
        raise Conflict(message, code="volume-mismatch")


def known(connection: Connection, name: str) -> Known:
    """What the database knows of the tier of this name."""
    query = sa.select(volumes.c.id).order_by(volumes.c.created_ns)
    ids = tuple(connection.execute(query.where(volumes.c.name == name, volumes.c.kind == "objects")).scalars())
    homes = tuple(connection.execute(query.where(volumes.c.name == "", volumes.c.kind == "folder")).scalars())
    has = sa.select(recordings.c.id).where(recordings.c.volume.in_(ids)).limit(1)
    return Known(ids, connection.execute(has).first() is not None, homes)
