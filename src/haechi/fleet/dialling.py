"""The tokens of cameras that dial out to us.

A token is a seed: the camera makes an Ed25519 key of it and signs what the server asks. Here only the public key is
kept, so neither a copy of this database nor a recorded connection lets anybody pass for a camera.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.base.clock import Clock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.fleet.tables import cameras, dial_keys
from haechi.store.database import Database

PREFIX = "hrt_"
TOKEN_BYTES = 32
_DOMAIN = b"haechi reverse token 1\0"


def new_token() -> str:
    """A fresh token: ``hrt_`` and 43 characters, 256 bits."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def _private_key(token: str) -> Ed25519PrivateKey:
    text = token.strip()
    if not text.startswith(PREFIX) or len(text) != len(PREFIX) + 43 or not text.isascii():
        message = "this is no token of a camera that dials out; copy it as a whole, or make a new one"
        raise Invalid(message, code="bad-dial-token")
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(_DOMAIN + text.encode("ascii")).digest())


def signer(token: str) -> Callable[[bytes], bytes]:
    """The camera's side of a token.

    Raises:
        Invalid: ``bad-dial-token``: it does not look like one; it is not repeated.
    """
    return _private_key(token).sign


def public_key_of(token: str) -> bytes:
    """The server's side of a token: 32 bytes. Raises as `signer` does."""
    return _private_key(token).public_key().public_bytes_raw()


_NOBODY = public_key_of(new_token())
"""Stands in for the key of a camera that there is not, so that both take the same time."""


class DialKeys:
    """The public keys of the cameras that dial out."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def issue(self, camera: CameraId) -> str:
        """A new token for a camera; the one before is worth nothing from now on. It can be read only here."""
        token = new_token()
        values = {"public_key": public_key_of(token), "issued_ns": self._clock.wall_ns()}

        def replace(connection: sa.Connection) -> None:
            connection.execute(dial_keys.delete().where(dial_keys.c.camera == camera))
            connection.execute(dial_keys.insert().values(camera=camera, **values))

        await self._database.write(replace)
        return token

    async def issued_ns(self, camera: CameraId) -> int:
        """When the present token was made (ns since 1970); 0: there is none."""
        query = sa.select(dial_keys.c.issued_ns).where(dial_keys.c.camera == camera)
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none()) or 0

    async def all(self) -> Mapping[CameraId, bytes]:
        """The key of every camera that has one and that still dials out."""
        query = sa.select(dial_keys.c.camera, dial_keys.c.public_key).join(
            cameras, sa.and_(cameras.c.id == dial_keys.c.camera, cameras.c.url == "reverse:")
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {CameraId(camera): key for camera, key in rows}

    async def admits(self, camera: CameraId, message: bytes, signature: bytes) -> bytes | None:
        """The key that made ``signature``, if it is this camera's. An unknown camera costs what a wrong token does."""
        query = (
            sa.select(dial_keys.c.public_key)
            .join(cameras, cameras.c.id == dial_keys.c.camera)
            .where(dial_keys.c.camera == camera, cameras.c.url == "reverse:")
        )
        key = await self._database.read(lambda c: c.execute(query).scalar_one_or_none())
        try:
            Ed25519PublicKey.from_public_bytes(key or _NOBODY).verify(signature, message)
        except InvalidSignature:
            return None
        return key
