"""The tokens with which a browser or an encoder publishes a camera. Of a token only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import sqlalchemy as sa

from haechi.base.clock import Clock
from haechi.base.ids import CameraId
from haechi.fleet.address import PHONE_RECORDED, PUBLISHED
from haechi.fleet.tables import cameras, dial_keys, phones
from haechi.store.database import Database

PREFIX = "hwt_"
TOKEN_BYTES = 32
_NOBODY = bytes(32)
"""Stands in for the hash of a camera that there is not: no text is known that has it."""


def digest_of(token: str) -> bytes:
    """SHA-256 of a token. It is 256 random bits, so its plain hash tells nothing."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class PublishTokens:
    """One token for each camera that is published. They stand where the keys of cameras that dial out stand: a camera
    does the one or the other, and neither value can pass for the other.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def issue(self, camera: CameraId) -> str:
        """A new token for a camera; the one before is worth nothing from now on. It can be read only here."""
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        row = {"camera": camera, "public_key": digest_of(token), "issued_ns": self._clock.wall_ns()}

        def replace(connection: sa.Connection) -> None:
            connection.execute(dial_keys.delete().where(dial_keys.c.camera == camera))
            connection.execute(dial_keys.insert().values(row))

        await self._database.write(replace)
        return token

    async def issued_ns(self, camera: CameraId) -> int:
        """When the present token was made (ns since 1970); 0: there is none."""
        query = sa.select(dial_keys.c.issued_ns).where(dial_keys.c.camera == camera)
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none()) or 0

    async def admits(self, camera: CameraId, digest: bytes) -> bool:
        """Whether ``digest`` is of this camera's token, and the camera is one that is published; or of the phone that
        the camera is, where that is recorded.
        """
        of_publisher = (
            sa.select(dial_keys.c.public_key)
            .join(cameras, cameras.c.id == dial_keys.c.camera)
            .where(dial_keys.c.camera == camera, cameras.c.url == PUBLISHED)
        )
        of_phone = (
            sa.select(phones.c.token_sha256)
            .join(cameras, cameras.c.id == phones.c.camera)
            .where(phones.c.camera == camera, cameras.c.url == PHONE_RECORDED)
        )
        found = await self._database.read(lambda c: c.execute(of_publisher.union_all(of_phone)).scalars().first())
        return hmac.compare_digest(found or _NOBODY, digest)
