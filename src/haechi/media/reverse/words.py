"""What camera and server say on the memory channel: one word in each interleaved packet, a type and its body.

The body is a MessagePack map, as in the greeting; that of `Part` is bytes of the unit as they are.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, CodecParams, VideoParams
from haechi.media.nal import MAX_UNIT_BYTES
from haechi.media.reverse.edge import MOST_EDGE_RUN, MOST_SEQ, Role

TRACK_NAME = "X-HAECHI-MEMORY"
"""The encoding name of the third track of a camera that has a memory (kind ``application``)."""
MOST_WORD_BYTES = 60_000
MOST_STOCK = 128
"""Ranges that a camera tells of at once, the oldest; the rest is told when those are done."""
MOST_RANGES = 16
PART_BYTES = 8 * 1024
"""Bytes of a unit in one word: what a picture that is just taken may have to wait for. 65 ms at 1 Mbit/s."""
MOST_SETS = 64
MOST_SETS_BYTES = 16 * 1024

Run = Annotated[int, Meta(ge=1, le=MOST_EDGE_RUN)]
Seq = Annotated[int, Meta(ge=0, le=MOST_SEQ)]
Count = Annotated[int, Meta(ge=0, le=MOST_EDGE_RUN)]
Ticks = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]
Key = Annotated[bytes, Meta(min_length=16, max_length=16)]


class Held(Struct, frozen=True):
    """A range of units that a camera has: numbers ``first`` up to ``end`` of a track of a run.

    Attributes:
        since_ns, until_ns: The camera's wall clock at the first and at the last of them.
    """

    run: Run
    role: Role
    first: Seq
    end: Seq
    since_ns: Ticks
    until_ns: Ticks


class Stock(Struct, frozen=True):
    """Camera: what I have, the oldest first. Said when it plays, and every 10 s.

    Attributes:
        bytes, limit_bytes: How full the memory is.
        lost: Units that gave way to newer ones before they were acknowledged, since the camera's program began.
    """

    held: Annotated[tuple[Held, ...], Meta(max_length=MOST_STOCK)]
    bytes: Count
    limit_bytes: Count
    lost: Count


class Params(Struct, frozen=True):
    """Camera: what a decoder must know for the units that name ``key``. Said before the first of them."""

    key: Key
    codec: Codec
    sets: Annotated[tuple[bytes, ...], Meta(max_length=MOST_SETS)] = ()
    width_px: Annotated[int, Meta(ge=0, le=65_535)] = 0
    height_px: Annotated[int, Meta(ge=0, le=65_535)] = 0
    rate_hz: Annotated[int, Meta(ge=0, le=768_000)] = 0
    channels: Annotated[int, Meta(ge=0, le=64)] = 0
    config: Annotated[bytes, Meta(max_length=64)] = b""


class Unit(Struct, frozen=True):
    """Camera: the head of a unit. As many `Part` words follow as ``size`` needs.

    Attributes:
        want: What it answers.
    """

    want: Count
    run: Run
    role: Role
    seq: Seq
    pts: Ticks
    dts: Ticks
    wall_ns: Ticks
    is_sync: bool
    key: Key
    size: Annotated[int, Meta(ge=1, le=MAX_UNIT_BYTES)]


class Part(Struct, frozen=True):
    """Camera: the next bytes of the unit."""

    data: bytes


class Echo(Struct, frozen=True):
    """Camera: give me this back when you read it; it tells how long the way takes. Server: here it is."""

    number: Count


class Done(Struct, frozen=True):
    """Camera: that was all that I have of what you wanted."""

    want: Count


class Range(Struct, frozen=True):
    """Numbers ``first`` up to ``end`` of a track."""

    role: Role
    first: Seq
    end: Seq


class Want(Struct, frozen=True):
    """Server: send me these of a run, in the order in which they were taken, whole GOPs. The want before is over.

    A range of pictures that begins in a GOP is sent from that GOP's sync picture on.

    Attributes:
        want: Its number, greater than those before.
        bytes_per_s: No faster than this.
    """

    want: Count
    run: Run
    ranges: Annotated[tuple[Range, ...], Meta(min_length=1, max_length=MOST_RANGES)]
    bytes_per_s: Annotated[int, Meta(ge=1)]


class Grant(Struct, frozen=True):
    """Server: so many bytes of units, since the want began, may be sent."""

    want: Count
    bytes: Count


Word = Stock | Params | Unit | Part | Echo | Done | Want | Grant
_TYPES: tuple[type[Word], ...] = (Stock, Params, Unit, Part, Echo, Done, Want, Grant)
_NUMBERS = {kind: number for number, kind in enumerate(_TYPES, 1)}
_PART = _NUMBERS[Part]
_DECODERS: dict[int, msgspec.msgpack.Decoder[Word]] = {
    number: msgspec.msgpack.Decoder(kind) for number, kind in enumerate(_TYPES, 1) if kind is not Part
}


def pack(word: Word) -> bytes:
    """A word as the body of an interleaved packet."""
    if isinstance(word, Part):
        return bytes((_PART,)) + word.data
    return bytes((_NUMBERS[type(word)],)) + msgspec.msgpack.encode(word)


def unpack(data: bytes) -> Word:
    """The word in an interleaved packet.

    Raises:
        PeerError: ``reverse-malformed``: it is none, or breaks a limit.
    """
    if not 1 < len(data) <= MOST_WORD_BYTES:
        raise malformed("a word about the camera's memory has an impossible length")
    if data[0] == _PART:
        return Part(data[1:])
    decoder = _DECODERS.get(data[0])
    if decoder is None:
        raise malformed("the camera's memory says an unknown word")
    try:
        return decoder.decode(data[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed("a word about the camera's memory cannot be read") from error


def malformed(text: str) -> PeerError:
    """The error for what a memory may not say."""
    return PeerError(text, offset=0, code="reverse-malformed")


def params_word(key: bytes, params: CodecParams) -> Params:
    """How parameters are told."""
    if isinstance(params, VideoParams):
        return Params(key, params.codec, params.sets, params.width_px, params.height_px)
    return Params(key, params.codec, rate_hz=params.rate_hz, channels=params.channels, config=params.config)
