"""What the messages of the result socket say: msgpack maps. Unknown fields are left out, missing ones have defaults."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from haechi.base.errors import PeerError
from haechi.media.push.wire import Frame, Kind

Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(max_length=80)]
Text = Annotated[str, Meta(max_length=400)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
SECRET_BYTES = 16
KNOCK = b"haechi-push-1\0"
"""Begins the datagram that binds a UDP address to a stream; the stream's secret follows. RTP begins with 0x80-0xBF."""
MOST_BOXES = 1000
MOST_POINTS = 133
"""Of one object: a whole body with hands and face has no more."""


class Hello(Struct, frozen=True):
    """The first message. ``token`` is made by ``haechi push add``."""

    token: Annotated[str, Meta(max_length=200)]
    software: Name = ""

    def __repr__(self) -> str:
        return f"Hello({self.software!r})"


class Welcome(Struct, frozen=True):
    """The client is who it says.

    Attributes:
        modules: Names for ``REQUEST``.
        streams: Most streams at once on this connection.
    """

    software: Name
    modules: tuple[Name, ...]
    streams: int


class Announce(Struct, frozen=True):
    """What the client is going to send; the header's ``stream`` is the number that it wants for it.

    Attributes:
        codec: ``h264``, ``h265`` or ``mjpeg``.
        transport: ``tcp``: in ``PACKETS`` on this connection; ``udp``: to a port that is given out.
        source: Where it comes from, for people.
        use: ``camera``: as the camera that the client is registered as; ``judge``: for results only; empty: as a camera
            where the client is registered as one that has no other stream, else for results only.
    """

    codec: Name
    payload_type: Annotated[int, Meta(ge=0, le=127)] = 96
    clock_hz: Annotated[int, Meta(ge=1, le=1_000_000)] = 90_000
    transport: Name = "tcp"
    name: Name = ""
    source: Name = ""
    width_px: Annotated[int, Meta(ge=0, le=16_384)] = 0
    height_px: Annotated[int, Meta(ge=0, le=16_384)] = 0
    fps: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    use: Name = ""


class Accepted(Struct, frozen=True):
    """The stream may begin; the header's ``run`` is its run number.

    Attributes:
        stream: Its name in every `UnitRef`.
        udp_port: Where datagrams go; 0 with ``tcp``.
        secret: `SECRET_BYTES` that follow `KNOCK` in the first datagram; empty with ``tcp``.
        camera: Id of the camera that the stream is; empty: of none.
    """

    stream: Name
    udp_port: int = 0
    secret: Annotated[bytes, Meta(max_length=64)] = b""
    camera: Name = ""

    def __repr__(self) -> str:
        return f"Accepted({self.stream!r}, {self.udp_port})"


class Request(Struct, frozen=True):
    """Results of ``module`` are wanted for the header's stream, from the next sync unit on."""

    module: Name


class Granted(Struct, frozen=True):
    """They will come."""

    module: Name


class Point(Struct, frozen=True, array_like=True):
    """A place on an object, such as a joint: in [0, 1] of the picture from the top left, and how sure it is."""

    x: Share
    y: Share
    score: Share


class Box(Struct, frozen=True, array_like=True):
    """One object: label, score, and its box in [0, 1] of the picture from the top left.

    Attributes:
        track: Number of the object within the stream, the same from picture to picture; None: unknown.
        points: As many and in such an order as the module's description says; none where it gives none.
    """

    label: Name
    score: Share
    x: Share
    y: Share
    w: Share
    h: Share
    track: int | None = None
    points: Annotated[tuple[Point, ...], Meta(max_length=MOST_POINTS)] = ()


class Result(Struct, frozen=True):
    """What a module says of one unit, which the header names.

    Attributes:
        ticks: RTP timestamp of the unit, as the client sent it (32 bits).
        captured_ns: The unit's capture time by the server's clock, ns since 1970.
        width_px, height_px: Of the decoded picture; 0: it was not decoded.
        took_us: From the unit's last byte to this message.
        skipped: Units between the result before it and this one that the module did not look at.
    """

    module: Name
    ticks: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
    captured_ns: Count
    boxes: Annotated[tuple[Box, ...], Meta(max_length=MOST_BOXES)] = ()
    width_px: Count = 0
    height_px: Count = 0
    took_us: Count = 0
    skipped: Count = 0


class Flow(Struct, frozen=True):
    """Something was left out since the last such message.

    Attributes:
        reason: ``lost-packets`` (RTP that never came), ``damaged`` (units with a part missing), ``not-looked`` (the
            module had no time for them), ``unread`` (results that the client did not read in time), ``rate`` (datagrams
            above the limit).
        count: How many packets, units, results.
    """

    reason: Name
    count: Count
    module: Name = ""


class Fault(Struct, frozen=True):
    """Something cannot be done. With stream 0 the connection ends.

    Attributes:
        modules: With ``unknown-module``: those that there are.
    """

    code: Name
    message: Text
    modules: tuple[Name, ...] = ()


class Goodbye(Struct, frozen=True):
    """The connection ends."""

    reason: Name = ""


class Nothing(Struct, frozen=True):
    """A body that says nothing; it may be empty."""


Word = Hello | Welcome | Announce | Accepted | Request | Granted | Result | Flow | Fault | Goodbye
W = TypeVar("W", bound=Word)
KIND_OF: dict[type, Kind] = {
    Hello: Kind.HELLO,
    Welcome: Kind.WELCOME,
    Announce: Kind.ANNOUNCE,
    Accepted: Kind.ACCEPTED,
    Request: Kind.REQUEST,
    Granted: Kind.GRANTED,
    Result: Kind.RESULT,
    Flow: Kind.FLOW,
    Fault: Kind.ERROR,
    Goodbye: Kind.BYE,
}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS: dict[type, msgspec.msgpack.Decoder[Any]] = {word: msgspec.msgpack.Decoder(word) for word in KIND_OF}


def say(word: Word, stream: int = 0, run: int = 0, seq: int = 0) -> bytes:
    """A message, ready to be written."""
    return Frame(KIND_OF[type(word)], _encode(word), stream, run, seq).serialise()


def read(frame: Frame, word: type[W]) -> W:
    """What a message says.

    Raises:
        PeerError: ``push-malformed``: its body is not what its type promises.
    """
    try:
        found: W = _DECODERS[word].decode(frame.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = "a message cannot be read"
        raise PeerError(
            message, offset=0, code="push-malformed", type=frame.kind.name, reason=str(error)[:200]
        ) from error
    return found
