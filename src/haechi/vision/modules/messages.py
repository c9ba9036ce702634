"""What the server and a module's process say to each other: msgpack after a 4-byte length, as with decode workers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import PeerError
from haechi.base.framing import framed
from haechi.media.access_unit import VideoParams
from haechi.media.push.words import MOST_BOXES, Box
from haechi.vision.detectors import DetectorSetup
from haechi.vision.modules.contract import MOST_STATE_BYTES, About, Score, Spec, Thing
from haechi.vision.result import MOST_SCORES

Key = Annotated[str, Meta(max_length=200)]
"""Whose pictures: a camera's stream, or a stream and a run of it."""
Side = Annotated[int, Meta(ge=0, le=16_384)]
Count = Annotated[int, Meta(ge=0, le=100_000)]
Nanoseconds = Annotated[int, Meta(ge=0, le=3_600_000_000_000)]
MOST_BATCH = 16
"""Cameras that are shown to a module in one look."""


class HostSetup(Struct, frozen=True, tag="setup"):
    """The first message: what to load.

    Attributes:
        entry: ``package:factory`` of an entry point; empty: our own module of this name.
        models: Weights of our own modules.
        memory_bytes: Limit of the address space; 0: none.
        confine: Whether to lock the process in after loading: no network, no files, no other programs.
        save_s: How often what the module knows of a camera is saved; 0: never.
    """

    name: str
    entry: str
    models: tuple[DetectorSetup, ...]
    memory_bytes: int
    confine: bool = True
    niceness: int = 0
    save_s: float = 0.0


class Feed(Struct, frozen=True, tag="feed"):
    """A unit to decode. ``params``: with the first of a GOP.

    Attributes:
        is_shown: Whether the module is to see it; others are decoded because later ones need them.
        is_last: Nothing more of its GOP comes.
    """

    key: str
    stream: str
    run: int
    seq: int
    pts: int
    captured_ns: int
    data: bytes
    params: VideoParams | None = None
    is_shown: bool = True
    is_last: bool = False


class Followed(Struct, frozen=True, tag="followed"):
    """What the house knows of a picture, for modules that need to know."""

    key: str
    about: About
    things: tuple[Thing, ...]


class Restore(Struct, frozen=True, tag="restore"):
    """What another process of the module knew of a camera."""

    stream: str
    state: bytes


class Forget(Struct, frozen=True, tag="forget"):
    """A camera is gone: what the module knows of it may go, too."""

    stream: str


class Close(Struct, frozen=True, tag="close"):
    """Nothing more comes of a stream; with ``forget`` nobody wants to hear of it, either."""

    key: str
    forget: bool = False


class Loaded(Struct, frozen=True, tag="loaded"):
    """The module is there. ``confined``: what holds the process."""

    confined: tuple[str, ...]
    spec: Spec = Spec("")
    has_state: bool = False


class Broken(Struct, frozen=True, tag="broken"):
    """The module cannot be loaded."""

    reason: Annotated[str, Meta(max_length=400)]


class Taken(Struct, frozen=True, tag="taken"):
    """So many units of a stream were decoded, or could not be."""

    key: Key
    units: Count


class Shown(Struct, frozen=True, array_like=True):
    """A picture."""

    key: Key
    run: int
    seq: int


class Looking(Struct, frozen=True, tag="looking"):
    """The module is about to be called, with these pictures the newest of each camera."""

    shown: Annotated[tuple[Shown, ...], Meta(max_length=MOST_BATCH)]


class Saw(Struct, frozen=True, tag="saw"):
    """What the module said of a unit.

    Attributes:
        took_ns: How long its look took; a batch's time is shared out evenly.
        cpu_ns: Processor time that the stream took since its look before, decoding included.
        missed: Pictures since then that it was to see and had no time for.
    """

    key: Key
    run: int
    seq: int
    captured_ns: int
    boxes: Annotated[tuple[Box, ...], Meta(max_length=MOST_BOXES)]
    width_px: Side
    height_px: Side
    scores: Annotated[tuple[Score, ...], Meta(max_length=MOST_SCORES)] = ()
    took_ns: Nanoseconds = 0
    cpu_ns: Nanoseconds = 0
    missed: Count = 0


class Erred(Struct, frozen=True, tag="erred"):
    """The module raised an error, or returned what it may not."""

    key: Key
    seq: int
    reason: Annotated[str, Meta(max_length=400)]


class Saved(Struct, frozen=True, tag="saved"):
    """What the module knows of a camera."""

    stream: Key
    state: Annotated[bytes, Meta(max_length=MOST_STATE_BYTES)]


class Over(Struct, frozen=True, tag="over"):
    """Everything of a closed stream that will be judged was."""

    key: Key


HostRequest = HostSetup | Feed | Followed | Restore | Forget | Close
HostReply = Loaded | Broken | Taken | Looking | Saw | Erred | Saved | Over
_encode = msgspec.msgpack.Encoder().encode
request_decoder = msgspec.msgpack.Decoder(HostRequest)
_replies = msgspec.msgpack.Decoder(HostReply)


def pack(message: HostRequest | HostReply) -> bytes:
    """One message, ready to be written."""
    return framed(_encode(message))


def read_reply(body: bytes) -> HostReply:
    """A message of the process, which is not trusted.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    try:
        reply: HostReply = _replies.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PeerError("a module sent nonsense", offset=0, code="worker-message", reason=str(error)[:200]) from error
    if isinstance(reply, Saw) and not all(score.is_sound() for score in reply.scores):
        raise PeerError("a module sent a score that is none", offset=0, code="worker-message")
    return reply
