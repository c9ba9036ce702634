"""Pins: footage that is kept beyond its time. Whatever a pin touches is judged anew before it may be deleted."""

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, StreamId, camera_of, stream_of
from haechi.record.index.policies import PinKind
from haechi.record.tables import pins, recordings

ROLES = ("main", "sub", "audio")
LONGEST_NS = 3_600_000_000_000
"""No recording lasts longer; bounds the search for what a pin touches."""
MOST_REASON = 120
MOST_STALE = 1_000


class Pin(Struct, frozen=True):
    """A stretch of a stream that something keeps. It keeps all streams of the camera: sound belongs to its picture."""

    stream: StreamId
    start_ns: int
    end_ns: int
    reason: str
    kind: PinKind = PinKind.PROTECTED


def streams_of(camera: CameraId) -> list[StreamId]:
    """The streams that a camera can have."""
    return [stream_of(camera, role) for role in ROLES]


def add_pin(connection: Connection, pin: Pin) -> None:
    """Pin. The same range may be pinned for several reasons.

    Raises:
        Invalid: ``bad-pin``.
    """
    if not (pin.start_ns < pin.end_ns and 0 < len(pin.reason) <= MOST_REASON):
        raise Invalid("a pin needs a range and a reason", code="bad-pin")
    key = (pins.c.stream == pin.stream, pins.c.reason == pin.reason, pins.c.start_ns == pin.start_ns)
    before = connection.execute(sa.select(pins).where(*key)).first()
    if before is not None:
        connection.execute(pins.delete().where(*key))
        _judge_again(connection, pin.stream, before.start_ns, before.end_ns)
    row = {"stream": pin.stream, "reason": pin.reason, "start_ns": pin.start_ns, "end_ns": pin.end_ns}
    connection.execute(pins.insert().values(row | {"kind": pin.kind.value}))
    _judge_again(connection, pin.stream, pin.start_ns, pin.end_ns)


def drop_pins(connection: Connection, reason: str) -> None:
    """Let go of all that was pinned for ``reason``."""
    for row in connection.execute(sa.select(pins).where(pins.c.reason == reason)).all():
        _judge_again(connection, StreamId(row.stream), row.start_ns, row.end_ns)
    connection.execute(pins.delete().where(pins.c.reason == reason))


def pins_over(connection: Connection, camera: CameraId, start_ns: int, end_ns: int) -> list[Pin]:
    """Pins of a camera that touch a range."""
    query = sa.select(pins).where(
        pins.c.stream.in_(streams_of(camera)), pins.c.end_ns > start_ns, pins.c.start_ns < end_ns
    )
    return [
        Pin(StreamId(row.stream), row.start_ns, row.end_ns, row.reason, PinKind(row.kind))
        for row in connection.execute(query)
    ]


def stale_pins(connection: Connection, stream: StreamId) -> list[str]:
    """Reasons of events whose footage is gone: nothing is left for them to keep."""
    oldest = sa.select(sa.func.min(recordings.c.start_ns)).where(recordings.c.stream == stream)
    oldest_ns = connection.execute(oldest).scalar()
    if oldest_ns is None:
        return []
    query = sa.select(pins.c.reason).where(
        pins.c.stream == stream, pins.c.kind == PinKind.EVENT.value, pins.c.end_ns < oldest_ns - LONGEST_NS
    )
    return list(connection.execute(query.limit(MOST_STALE)).scalars())


def _judge_again(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    connection.execute(
        recordings.update()
        .where(
            recordings.c.stream.in_(streams_of(camera_of(stream))),
            recordings.c.start_ns > start_ns - LONGEST_NS,
            recordings.c.start_ns < end_ns,
            recordings.c.end_ns > start_ns,
            recordings.c.kept_as.is_not(None),
        )
        .values(kept_as=None)
    )
