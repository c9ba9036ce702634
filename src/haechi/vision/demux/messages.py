"""What the server and the process that reads a film say to each other: msgpack after a 4-byte length."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from haechi.base.framing import framed, said_by_process
from haechi.media.container import FilmBatch, FilmHead


class Setup(Struct, frozen=True, tag="setup"):
    """The first message. ``container``: libav's name of the only demuxer that may be used; ``size_bytes``: of the file;
    ``sound``: whether its sound is wanted."""

    container: str
    size_bytes: int
    sound: bool
    memory_bytes: int


class More(Struct, frozen=True, tag="more"):
    """Asks for the next units."""


class Opened(Struct, frozen=True, tag="opened"):
    """The file is open. ``confined``: what holds the process."""

    head: FilmHead
    confined: tuple[str, ...]


class Batch(Struct, frozen=True, tag="batch"):
    """The answer to `More`; ``is_last``: the file ends here."""

    batch: FilmBatch
    is_last: bool


class Failed(Struct, frozen=True, tag="failed"):
    """The file cannot be taken in, for a reason that a second try would not change."""

    code: str
    message: str


Request = Setup | More
Reply = Opened | Batch | Failed

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_replies = msgspec.msgpack.Decoder(Reply)


def pack(message: Request | Reply) -> bytes:
    """One message, ready to be written."""
    return framed(_encoder.encode(message))


def read_request(body: bytes) -> Request:
    """A message of the server, in the process."""
    request: Request = _requests.decode(body)
    return request


def read_reply(body: bytes) -> Reply:
    """A message of the process, which is not trusted.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    reply: Reply = said_by_process(_replies, body)
    return reply
