"""What the server and the process that makes renditions say to each other, framed (`haechi.base.framing`).

The process takes units in the order in which they come and answers each: the oldest unanswered unit is the one that it
is busy with. It is not trusted: what it sends is read into these types with limits, and parsed like a camera's.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from haechi.base.framing import framed, said_by_process
from haechi.media.access_unit import VideoParams

LEAST_PX = 16


class Shape(Struct, frozen=True):
    """What is wanted: pictures that fit into a size, and no more than so many a second. 0: as they come.

    Attributes:
        is_stills: Each by itself, as JPEG; of sync units only, so each unit is given out at once.
    """

    width_px: int = 0
    height_px: int = 0
    fps: int = 0
    is_stills: bool = False


def fit(width_px: int, height_px: int, shape: Shape) -> tuple[int, int]:
    """The size of a picture that is to fit into ``shape``: never larger than it is, never odd."""
    scale = 1.0
    if shape.width_px and shape.height_px:
        scale = min(1.0, shape.width_px / width_px, shape.height_px / height_px)
    even = [max(LEAST_PX, round(side * scale) & ~1) for side in (width_px, height_px)]
    return even[0], even[1]


class Setup(Struct, frozen=True, tag="setup"):
    """The first message: how much memory may be taken (address space, bytes)."""

    memory_bytes: int


class Open(Struct, frozen=True, tag="open"):
    """Begin rendition ``key``, or begin it again: what comes next is a sync unit coded like this."""

    key: int
    params: VideoParams
    shape: Shape


class Unit(Struct, frozen=True, tag="unit"):
    """A unit of rendition ``key``, in decode order.

    Attributes:
        number: Counts up within the rendition; `Coded` names it.
        is_shown: False: it is only decoded, for those after it.
    """

    key: int
    number: int
    pts: int
    is_sync: bool
    is_shown: bool
    data: bytes


class Close(Struct, frozen=True, tag="close"):
    """Nothing more comes of rendition ``key``."""

    key: int


class Ready(Struct, frozen=True, tag="ready"):
    """Everything is loaded. ``confined``: what holds the process."""

    confined: tuple[str, ...]


class Coded(Struct, frozen=True):
    """A picture coded anew: H.264 with start codes (annex B), parameter sets before each sync unit; or a JPEG.

    Attributes:
        number: Of the unit that the picture came from.
    """

    number: int
    data: bytes


class Done(Struct, frozen=True, tag="done"):
    """The answer to a `Unit`: pictures that are ready now, and what processor time it took."""

    key: int
    number: int
    coded: tuple[Coded, ...]
    cpu_ns: int
    is_damaged: bool = False


Request = Setup | Open | Unit | Close
Reply = Ready | Done

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
    """A message of the process.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    reply: Reply = said_by_process(_replies, body)
    return reply
