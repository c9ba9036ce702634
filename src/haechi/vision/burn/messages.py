"""What the server and the burning process say to each other: msgpack after a 4-byte length, as with a decode worker."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from haechi.base.framing import framed, said_by_process
from haechi.media.access_unit import VideoParams

MOST_TEXT = 80


class BurnUnit(Struct, frozen=True):
    """A unit on its way, and what is to be written into its picture.

    Attributes:
        pts: When it is shown, ticks.
        text: Printable ASCII. Empty: the picture is only decoded, for those after it.
    """

    pts: int
    data: bytes
    text: str


class Setup(Struct, frozen=True, tag="setup"):
    """The first message: what comes, and how much memory may be taken."""

    params: VideoParams
    memory_bytes: int


class Gop(Struct, frozen=True, tag="gop"):
    """The units of one GOP in decode order; the first is a sync unit. ``is_last``: none comes after it."""

    units: tuple[BurnUnit, ...]
    is_last: bool


class Ready(Struct, frozen=True, tag="ready"):
    """Everything is loaded. ``confined``: what holds the process."""

    confined: tuple[str, ...]


class Coded(Struct, frozen=True):
    """A picture coded anew: H.264 with start codes (annex B)."""

    pts: int
    data: bytes


class Burned(Struct, frozen=True, tag="burned"):
    """The answer to a `Gop`: what came out of the encoder. ``damaged``: units that could not be decoded whole."""

    coded: tuple[Coded, ...]
    damaged: int


Request = Setup | Gop
Reply = Ready | Burned

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
