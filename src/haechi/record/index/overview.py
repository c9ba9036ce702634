"""What is recorded of many streams over any range, fast enough for a timeline that is dragged.

A month of 25 cameras is a million recordings: too many to read for a picture a thousand points wide. Every moment since
the first recording of a stream is in a recording or in a gap (docs/design/recording.md, invariant 5), so over a long
range the gaps tell all, and only over a short one are the recordings themselves read.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.record.index.accounts import MINUTES
from haechi.record.index.spans import LONGEST_RECORDING_NS
from haechi.record.tables import gaps, hours, recordings

EXACT_NS = 24_000 * 60 * NS_PER_S
"""Streams times length up to which the recordings are read: 24,000 of a minute, about 50 ms."""
_GAPS_BACK = 16
"""Gaps of a stream do not overlap, so of those that began before a range only the last can reach into it; some more
are looked at."""

NS_PER_HOUR = 3600 * NS_PER_S
PEAKS_BYTES = 3 * MINUTES

Extent = tuple[int, int]
"""Start and end, ns since the epoch."""
GapRow = tuple[int, int, str, str]
"""Start, end, cause, detail."""


class Peaks(Struct, frozen=True):
    """Hours since the epoch in any order, and for each, one after the other, `haechi.record.index.accounts.peaks`."""

    hours: list[int]
    body: bytes


def extents_of(
    connection: Connection, streams: Sequence[StreamId], start_ns: int, end_ns: int
) -> dict[StreamId, list[Extent]]:
    """Recorded extents that reach into a range, in order. Over a long range one extent for each stream, from its first
    recording to its last: gaps are to be taken away from it."""
    if len(streams) * (end_ns - start_ns) > EXACT_NS:
        return {stream: _whole(connection, stream, start_ns, end_ns) for stream in streams}
    columns = recordings.c.stream, recordings.c.start_ns, recordings.c.end_ns
    query = sa.select(*columns).where(
        recordings.c.stream.in_(streams),
        recordings.c.start_ns > start_ns - LONGEST_RECORDING_NS,
        recordings.c.start_ns < end_ns,
        recordings.c.end_ns > start_ns,
    )
    found: dict[StreamId, list[Extent]] = {stream: [] for stream in streams}
    for stream, first, last in connection.execute(query.order_by(recordings.c.stream, recordings.c.start_ns)):
        found[stream].append((first, last))
    return found


def gaps_in(
    connection: Connection, stream: StreamId, start_ns: int, end_ns: int, bucket_ns: int, now_ns: int
) -> list[GapRow]:
    """Gaps that reach into a range, in order; those of one cause that begin in the same bucket are one. A gap that
    lasts goes on until now."""
    mine = gaps.c.stream == stream
    back = sa.select(gaps.c.start_ns).where(mine, gaps.c.start_ns <= start_ns)
    floor_ns = connection.execute(back.order_by(gaps.c.start_ns.desc()).limit(1).offset(_GAPS_BACK)).scalar() or 0
    bucket = gaps.c.start_ns // bucket_ns
    ends = sa.func.coalesce(gaps.c.end_ns, now_ns)
    first = sa.func.min(gaps.c.start_ns)
    query = sa.select(first, sa.func.max(ends), gaps.c.cause, sa.func.max(gaps.c.detail)).where(
        mine, gaps.c.start_ns >= floor_ns, gaps.c.start_ns < min(end_ns, now_ns), ends > start_ns
    )
    rows = connection.execute(query.group_by(bucket, gaps.c.cause).order_by(first))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def peaks_in(connection: Connection, streams: Sequence[StreamId], start_ns: int, end_ns: int) -> dict[StreamId, Peaks]:
    """What the accounts say of the hours that a range touches."""
    query = sa.select(hours.c.stream, hours.c.hour, hours.c.peaks).where(
        hours.c.stream.in_(streams), hours.c.hour >= start_ns // NS_PER_HOUR, hours.c.hour <= end_ns // NS_PER_HOUR
    )
    numbers: dict[StreamId, list[int]] = {stream: [] for stream in streams}
    bodies: dict[StreamId, list[bytes]] = {stream: [] for stream in streams}
    for stream, hour, body in connection.execute(query):
        if len(body) == PEAKS_BYTES:
            numbers[stream].append(hour)
            bodies[stream].append(body)
    return {stream: Peaks(numbers[stream], b"".join(bodies[stream])) for stream in streams}


def _whole(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> list[Extent]:
    mine = recordings.c.stream == stream
    first_ns = connection.execute(sa.select(sa.func.min(recordings.c.start_ns)).where(mine)).scalar()
    last = sa.select(recordings.c.end_ns).where(mine).order_by(recordings.c.start_ns.desc()).limit(1)
    last_ns = connection.execute(last).scalar()
    if first_ns is None or last_ns is None or first_ns >= end_ns or last_ns <= start_ns:
        return []
    return [(max(first_ns, start_ns), min(last_ns, end_ns))]
