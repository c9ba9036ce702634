"""What is said in the greeting, as bytes: ``HR``, version, type, length of the body (2 bytes, big-endian), body.

The body is a MessagePack map. Fields that a side does not know are skipped, so a version may gain some.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import PeerError

MAGIC = b"HR"
VERSION = 1
MAX_BODY_BYTES = 512
"""The longest body of version 1 takes 330 bytes."""
NONCE_BYTES = 32
_HEAD = struct.Struct(">2sBBH")

Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
Fingerprint = Annotated[bytes, Meta(min_length=32, max_length=32)]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[0-9A-Za-z._:\-]+$")]
Seconds = Annotated[int, Meta(ge=1, le=3600)]


class Knock(Struct, frozen=True):
    """Camera: this is who I say I am.

    Attributes:
        nonce: 32 fresh random bytes.
        software: What dials, for people.
    """

    camera: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]
    nonce: Nonce
    software: Annotated[str, Meta(max_length=64)] = ""


class Challenge(Struct, frozen=True):
    """Server: sign this. The same answer comes whether the camera exists or not."""

    nonce: Nonce


class Proof(Struct, frozen=True):
    """Camera: an Ed25519 signature over `signed_words`, by the key that its token gives."""

    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class Welcome(Struct, frozen=True):
    """Server: you are who you say. From the next byte on it speaks RTSP, as the client.

    Attributes:
        wall_ns: The server's clock, ns since 1970.
    """

    wall_ns: Annotated[int, Meta(ge=0)]


class Later(Struct, frozen=True):
    """Server: not now. Hang up and dial again after ``seconds``."""

    reason: Literal["busy", "too-many-tries", "camera-connected", "not-ready"]
    seconds: Seconds


class Elsewhere(Struct, frozen=True):
    """Server: dial that media server instead; its certificate has this SHA-256."""

    host: Host
    port: Annotated[int, Meta(ge=1, le=65_535)]
    fingerprint: Fingerprint


class Refused(Struct, frozen=True):
    """Server: no. ``unknown``: no such camera, or not its token; nobody learns which."""

    reason: Literal["unknown", "version"]


Word = Knock | Challenge | Proof | Welcome | Later | Elsewhere | Refused
_TYPES: tuple[type[Word], ...] = (Knock, Challenge, Proof, Welcome, Later, Elsewhere, Refused)
_NUMBERS = {kind: number for number, kind in enumerate(_TYPES, 1)}
_DECODERS: dict[int, msgspec.msgpack.Decoder[Word]] = {
    number: msgspec.msgpack.Decoder(kind) for number, kind in enumerate(_TYPES, 1)
}


class UnknownVersion(PeerError):
    """The other side speaks another version of the greeting."""

    default_code = "reverse-version"


def pack(word: Word) -> bytes:
    """A word as it goes on the wire."""
    body = msgspec.msgpack.encode(word)
    return _HEAD.pack(MAGIC, VERSION, _NUMBERS[type(word)], len(body)) + body


def signed_words(camera: str, fingerprint: bytes, server_nonce: bytes, camera_nonce: bytes) -> bytes:
    """What a camera signs.

    Both nonces make a recorded proof worthless; the fingerprint of the certificate that the camera saw makes one
    worthless that somebody in between passes on.
    """
    return b"haechi reverse rtsp 1\0" + fingerprint + server_nonce + camera_nonce + camera.encode("ascii", "replace")


class Framer:
    """Words out of a byte stream, whatever its chunks. Holds at most one word that is not complete."""

    def __init__(self) -> None:
        self._held = b""
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """Add received bytes; see `next`."""
        self._held += data

    def next(self) -> Word | None:
        """The next word; None while it is not all there.

        Raises:
            UnknownVersion: ``reverse-version``: it is a greeting, of another version.
            PeerError: ``reverse-malformed``: it is none, or breaks a limit.
        """
        held = self._held
        if not held:
            return None
        if not MAGIC.startswith(held[:2]):
            raise self._malformed("what dials does not speak our greeting")
        if len(held) > 2 and held[2] != VERSION:
            raise UnknownVersion("the other side speaks another version of the greeting", offset=self._offset + 2)
        if len(held) < _HEAD.size:
            return None
        _, _, number, length = _HEAD.unpack_from(held)
        if number not in _DECODERS or length > MAX_BODY_BYTES:
            raise self._malformed("the greeting has an unknown word or an impossible length")
        end = _HEAD.size + length
        if len(held) < end:
            return None
        try:
            word = _DECODERS[number].decode(held[_HEAD.size : end])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._malformed("a word of the greeting cannot be read") from error
        self._held = held[end:]
        self._offset += end
        return word

    def rest(self) -> bytes:
        """What came behind the last word: RTSP, once the greeting is over."""
        rest, self._held = self._held, b""
        return rest

    def _malformed(self, text: str) -> PeerError:
        return PeerError(text, offset=self._offset, code="reverse-malformed")
