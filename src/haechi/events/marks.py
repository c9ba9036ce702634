"""Events as a timeline draws them: how many begin when, and the events themselves where they are few."""

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import CameraId, EventId
from haechi.events.rules import MOST_NS
from haechi.events.tables import events

LISTED_MOST = 200
"""Events of one camera that are listed; of more, only the counts are told."""


class Mark(Struct, frozen=True):
    """An event; ``end_ns`` is when it was last seen to hold."""

    id: EventId
    start_ns: int
    end_ns: int
    label: str
    severity: str


class Marks(Struct, frozen=True):
    """What a camera's lane shows.

    Attributes:
        listed: In order; None: they are too many.
        counts: Buckets in which events begin, and how many; those that began before the range have a number below 0.
    """

    listed: tuple[Mark, ...] | None
    counts: tuple[tuple[int, int], ...]


def marks_of(
    connection: Connection, cameras: Sequence[CameraId], start_ns: int, end_ns: int, bucket_ns: int, most: int
) -> dict[CameraId, Marks]:
    """Events that show in a range.

    Args:
        most: Events that are listed of all cameras together, the cameras with few first.
    """
    c = events.c
    inside = (c.camera.in_(cameras), c.start_ns > start_ns - MOST_NS, c.start_ns < end_ns)
    bucket = (c.start_ns - start_ns) // bucket_ns
    query = sa.select(c.camera, bucket, sa.func.count()).where(*inside)
    counts: dict[CameraId, list[tuple[int, int]]] = {camera: [] for camera in cameras}
    for camera, row, number in connection.execute(query.group_by(c.camera, bucket)):
        counts[CameraId(camera)].append((int(row), number))
    few = _few(counts, most)
    listed: dict[CameraId, list[Mark]] = {camera: [] for camera in few}
    columns = c.camera, c.id, c.start_ns, c.last_ns, c.label, c.severity
    query_all = sa.select(*columns).where(c.camera.in_(few), *inside[1:]).order_by(c.start_ns, c.id)
    for camera, event, first_ns, last_ns, label, severity in connection.execute(query_all) if few else ():
        listed[CameraId(camera)].append(Mark(event, first_ns, last_ns, label, severity))
    found: dict[CameraId, Marks] = {}
    for camera in cameras:
        mine = listed.get(camera)
        shown = None if mine is None else tuple(mark for mark in mine if mark.end_ns >= start_ns)
        rows = counts[camera] if shown is None else [((one.start_ns - start_ns) // bucket_ns, 1) for one in shown]
        found[camera] = Marks(shown, tuple(rows))
    return found


def _few(counts: dict[CameraId, list[tuple[int, int]]], most: int) -> list[CameraId]:
    totals = sorted((sum(number for _, number in rows), camera) for camera, rows in counts.items())
    found: list[CameraId] = []
    for total, camera in totals:
        most -= total
        if total > LISTED_MOST or most < 0:
            break
        found.append(camera)
    return found
