"""What each recording is kept as: judged once it is closed and its minutes are counted, and anew when a pin touches it.

A recording that is not judged is never deleted. So a pin that is set a moment before its footage was to go wins: it
takes the judgement away in its own transaction.
"""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.ids import CameraId, RecordingId, StreamId, camera_of, stream_of
from haechi.record.index.accounts import minutes_of
from haechi.record.index.pins import Pin, pins_over
from haechi.record.index.policies import Kept, PinKind
from haechi.record.tables import recordings

SETTLE_NS = 300 * NS_PER_S
"""So long after its end, all that was seen in a recording has been counted."""
AT_ONCE = 1_000
MOTION_FROM = 1
"""Share of the picture that moved in a minute, of 255 (rounded up), from which on it is one with motion: whatever is
told at all, which is 0.08 % and more (`haechi.vision.motion.told_share`).

Measured as the gate judges (160 pixels wide, after H.264), largest share of any picture: noise alone 0.00 % (a rendered
room with a sensor's noise of 3, 8 and 15 grey levels, the last at 0.45 of the light and 700 kbit/s; with a clock in the
picture; 11 pictures of footage of an empty room). Somebody who walks and is 4 % of the picture's height 0.09 %, 6 %
0.24 %, 8 % 0.37 %; people in the demo's rooms and in footage 2 to 38 %. At 2 (0.39 %), as it was, whoever is smaller
than a twelfth of the picture was noise. A caption that changes with every picture (the demo's milliseconds) moves 0.40
to 0.57 %: such a camera always moves."""
MINUTE_NS = 60 * NS_PER_S


class _Row(Struct, frozen=True):
    id: RecordingId
    stream: StreamId
    start_ns: int
    end_ns: int


def judge_some(connection: Connection, before_ns: int, limit: int = AT_ONCE) -> int:
    """Judge recordings that ended by ``before_ns``, of one stream after the other; how many were judged.

    Of one stream, for then the pins and the accounts of a stretch of time are read once, not for every recording.
    """
    query = (
        sa.select(recordings.c.id, recordings.c.stream, recordings.c.start_ns, recordings.c.end_ns)
        .where(recordings.c.kept_as.is_(None), ~recordings.c.is_open, recordings.c.end_ns <= before_ns)
        .order_by(recordings.c.stream, recordings.c.start_ns)
        .limit(limit)
    )
    by_camera: defaultdict[CameraId, list[_Row]] = defaultdict(list)
    for row in connection.execute(query):
        one = _Row(RecordingId(row.id), StreamId(row.stream), row.start_ns, row.end_ns)
        by_camera[camera_of(one.stream)].append(one)
    found = [
        {"b_id": row.id, "b_kept": kept.value}
        for camera, rows in by_camera.items()
        for row, kept in zip(rows, _judged(connection, camera, rows), strict=True)
    ]
    if found:
        statement = recordings.update().where(recordings.c.id == sa.bindparam("b_id"))
        connection.execute(statement.values(kept_as=sa.bindparam("b_kept")), found)
    return len(found)


def kept_as(start_ns: int, end_ns: int, pins: Sequence[Pin], moving: set[int]) -> Kept:
    """What a recording of ``[start_ns, end_ns)`` is kept as.

    Args:
        moving: Minutes since the epoch in which something moved.
    """
    kinds = {pin.kind for pin in pins if pin.start_ns < end_ns and pin.end_ns > start_ns}
    if PinKind.PROTECTED in kinds:
        return Kept.PROTECTED
    if PinKind.EVENT in kinds:
        return Kept.EVENT
    minutes = range(start_ns // MINUTE_NS, -(-end_ns // MINUTE_NS))
    return Kept.MOTION if any(minute in moving for minute in minutes) else Kept.CONTINUOUS


def _judged(connection: Connection, camera: CameraId, rows: Sequence[_Row]) -> list[Kept]:
    """What ``rows`` (by stream and start) are kept as. Sound is judged by what its camera saw."""
    start_ns, end_ns = min(row.start_ns for row in rows), max(row.end_ns for row in rows)
    pins = sorted(pins_over(connection, camera, start_ns, end_ns), key=lambda pin: pin.start_ns)
    moving = {
        minute.start_ns // MINUTE_NS
        for minute in minutes_of(connection, stream_of(camera), start_ns, end_ns)
        if minute.motion >= MOTION_FROM
    }
    found: list[Kept] = []
    near: list[Pin] = []
    number = 0
    stream = rows[0].stream
    for row in rows:
        if row.stream != stream:
            near, number, stream = [], 0, row.stream
        while number < len(pins) and pins[number].start_ns < row.end_ns:
            near.append(pins[number])
            number += 1
        near = [pin for pin in near if pin.end_ns > row.start_ns]
        found.append(kept_as(row.start_ns, row.end_ns, near, moving))
    return found
