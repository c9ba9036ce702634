"""What the server and the process that asks a site say to each other: msgpack after a 4-byte length."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from haechi.base.framing import framed, said_by_process

LONGEST_BYTES = 1 << 20


class Ask(Struct, frozen=True):
    """The only request.

    Attributes:
        url: Of a page; its host was allowed by the settings.
        path: Where its video is to be written; empty: only say what is there.
        sound: Whether sound is wanted.
        allow, deny: Ranges of addresses, as in the settings of sources.
    """

    url: str
    path: str = ""
    sound: bool = False
    max_bytes: int = 0
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Found(Struct, frozen=True, tag="found"):
    """What is at the page. ``url``: of its playlist or file; the last reply when nothing is to be fetched."""

    title: str
    url: str
    is_live: bool
    duration_s: float


class Progress(Struct, frozen=True, tag="progress"):
    """How much is fetched, 0 to 1."""

    share: float


class Fetched(Struct, frozen=True, tag="fetched"):
    """The file is whole; the last reply."""

    bytes: int


class Refused(Struct, frozen=True, tag="refused"):
    """It cannot be had; the last reply. ``is_passing``: another try may do better."""

    code: str
    message: str
    is_passing: bool = False


Reply = Found | Progress | Fetched | Refused

_encoder = msgspec.msgpack.Encoder()
_asks = msgspec.msgpack.Decoder(Ask)
_replies = msgspec.msgpack.Decoder(Reply)


def pack(message: Ask | Reply) -> bytes:
    """One message, ready to be written."""
    return framed(_encoder.encode(message))


def read_ask(body: bytes) -> Ask:
    """The request, in the process."""
    ask: Ask = _asks.decode(body)
    return ask


def read_reply(body: bytes) -> Reply:
    """A message of the process, which has read what a stranger's site sent.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    reply: Reply = said_by_process(_replies, body)
    return reply
