"""The tokens of cameras that dial out to us.

A token is a seed: the camera makes an Ed25519 key of it and signs what the server asks. Here only the public key is
kept, so neither a copy of this database nor a recorded connection lets anybody pass for a camera.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, Invalid, NotFound
from haechi.base.ids import CameraId, is_id
from haechi.fleet.cameras import Camera
from haechi.fleet.tables import cameras, dial_keys
from haechi.store.database import Database

PREFIX = "hrt_"
TOKEN_BYTES = 32
MOST_FILE_BYTES = 4096
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


class CameraKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What another server must know to take in a camera that dials: nothing of it is secret.

    Attributes:
        public_key: 64 hexadecimal digits.
    """

    form: Literal["haechi camera key 1"]
    id: Annotated[str, Meta(max_length=40)]
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    public_key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


def read_key(data: bytes) -> CameraKey:
    """A key as `haechi camera export-key` writes it.

    Raises:
        Invalid: ``bad-camera-key``.
    """
    try:
        if len(data) > MOST_FILE_BYTES:
            raise ValueError("it is too long")
        key = msgspec.json.decode(data, type=CameraKey)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
        if not is_id(key.id, "cam"):
            raise ValueError("its id is not that of a camera")
    except (msgspec.DecodeError, ValueError) as error:
        message = (
            "this is no key of a camera; write one on the server that made the camera: haechi camera export-key ID"
        )
        raise Invalid(message, code="bad-camera-key", reason=str(error)[:200]) from error
    return key


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

    async def export(self, camera: Camera) -> CameraKey:
        """The key of a camera, for another server.

        Raises:
            NotFound: ``camera-not-reverse``, ``no-dial-key``.
        """
        if not camera.address.is_reverse:
            message = "this camera is dialled by the server; only one that dials out has a key"
            raise NotFound(message, code="camera-not-reverse")
        key = (await self.all()).get(camera.id)
        if key is None:
            message = "this camera has no token yet; make one: haechi camera token ID"
            raise NotFound(message, code="no-dial-key", camera=camera.id)
        return CameraKey("haechi camera key 1", camera.id, camera.name, key.hex())

    async def bring(self, key: CameraKey) -> None:
        """Let the camera of ``key`` in: it is one of ours already.

        Raises:
            Conflict: ``camera-exists``: a camera of this id is here that does not dial out.
            NotFound: ``camera-not-found``.
        """
        values = {"public_key": bytes.fromhex(key.public_key), "issued_ns": self._clock.wall_ns()}

        def replace(connection: sa.Connection) -> None:
            url = connection.execute(sa.select(cameras.c.url).where(cameras.c.id == key.id)).scalar_one_or_none()
            if url is None:
                raise NotFound("no such camera", code="camera-not-found")
            if url != "reverse:":
                message = "a camera of this id is here that does not dial out; remove it first"
                raise Conflict(message, code="camera-exists", camera=key.id)
            connection.execute(dial_keys.delete().where(dial_keys.c.camera == key.id))
            connection.execute(dial_keys.insert().values(camera=key.id, **values))

        await self._database.write(replace)

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
