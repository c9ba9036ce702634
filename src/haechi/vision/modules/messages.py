"""What the server and a module's process say to each other: msgpack after a 4-byte length, as with decode workers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import VideoParams
from haechi.media.push.words import MOST_BOXES, Box
from haechi.vision.detectors import DetectorSetup

_HEAD = 4
Key = Annotated[str, Meta(max_length=200)]
"""Stream and run."""
Side = Annotated[int, Meta(ge=0, le=16_384)]


class HostSetup(Struct, frozen=True, tag="setup"):
    """The first message: what to load.

    Attributes:
        entry: ``package:factory`` of an entry point; empty: our own module of this name.
        models: Weights of our own modules.
        memory_bytes: Limit of the address space; 0: none.
        confine: Whether to lock the process in after loading: no network, no files, no other programs.
    """

    name: str
    entry: str
    models: tuple[DetectorSetup, ...]
    memory_bytes: int
    confine: bool = True
    niceness: int = 0


class Feed(Struct, frozen=True, tag="feed"):
    """A unit to decode. ``params``: with the first of a GOP."""

    key: str
    stream: str
    run: int
    seq: int
    pts: int
    captured_ns: int
    data: bytes
    params: VideoParams | None = None


class Close(Struct, frozen=True, tag="close"):
    """Nothing more comes of a stream; with ``forget`` nobody wants to hear of it, either."""

    key: str
    forget: bool = False


class Loaded(Struct, frozen=True, tag="loaded"):
    """The module is there. ``confined``: what holds the process."""

    confined: tuple[str, ...]


class Broken(Struct, frozen=True, tag="broken"):
    """The module cannot be loaded."""

    reason: Annotated[str, Meta(max_length=400)]


class Taken(Struct, frozen=True, tag="taken"):
    """So many units of a stream were decoded, or could not be."""

    key: Key
    units: Annotated[int, Meta(ge=0, le=100_000)]


class Looking(Struct, frozen=True, tag="looking"):
    """The module is about to be called."""

    key: Key


class Saw(Struct, frozen=True, tag="saw"):
    """What the module said of a unit."""

    key: Key
    seq: int
    captured_ns: int
    boxes: Annotated[tuple[Box, ...], Meta(max_length=MOST_BOXES)]
    width_px: Side
    height_px: Side


class Erred(Struct, frozen=True, tag="erred"):
    """The module raised an error, or returned what it may not."""

    key: Key
    seq: int
    reason: Annotated[str, Meta(max_length=400)]


class Over(Struct, frozen=True, tag="over"):
    """Everything of a closed stream that will be judged was."""

    key: Key


HostRequest = HostSetup | Feed | Close
HostReply = Loaded | Broken | Taken | Looking | Saw | Erred | Over
_encode = msgspec.msgpack.Encoder().encode
request_decoder = msgspec.msgpack.Decoder(HostRequest)
_replies = msgspec.msgpack.Decoder(HostReply)


def pack(message: HostRequest | HostReply) -> bytes:
    """One message, ready to be written."""
    body = _encode(message)
    return len(body).to_bytes(_HEAD, "big") + body


def read_reply(body: bytes) -> HostReply:
    """A message of the process, which is not trusted.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    try:
        reply: HostReply = _replies.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PeerError("a module sent nonsense", offset=0, code="worker-message", reason=str(error)[:200]) from error
    return reply
