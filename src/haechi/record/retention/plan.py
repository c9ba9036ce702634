"""The dry run: what a pass of retention would delete, by camera and class, and why."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import CameraId, camera_of
from haechi.record.index.policies import Kept
from haechi.record.retention.choice import (
    Cut,
    Gone,
    Sum,
    Why,
    Wishes,
    expired_sums,
    is_expired,
    oldest,
    size_cuts,
    taken,
)
from haechi.record.tables import recordings


class Shortage(Struct, frozen=True):
    """What is missing on the volume that is recorded to, and how much one pass may take for it (D8).

    Attributes:
        missing_bytes: At most 0: enough is free.
    """

    volume: str
    missing_bytes: int
    share: float
    least: int


class ClassPlan(Struct, frozen=True):
    """What would go of one camera and class for one reason."""

    kept: Kept
    why: Why
    recordings: int
    bytes: int
    oldest_ns: int
    newest_ns: int


class CameraPlan(Struct, frozen=True):
    """What would go of one camera."""

    camera: CameraId
    classes: tuple[ClassPlan, ...]


class RetentionPlan(Struct, frozen=True):
    """What would go.

    Attributes:
        total_recordings, total_bytes: Of all cameras.
    """

    cameras: tuple[CameraPlan, ...]

    @property
    def total_recordings(self) -> int:
        return sum(one.recordings for camera in self.cameras for one in camera.classes)

    @property
    def total_bytes(self) -> int:
        return sum(one.bytes for camera in self.cameras for one in camera.classes)


_Key = tuple[CameraId, Kept, Why]


def plan(connection: Connection, wishes: Wishes, now_ns: int, shorts: Sequence[Shortage]) -> RetentionPlan:
    """What a pass would delete that begins now.

    Args:
        shorts: Of the volume that is recorded to, then of other tiers that are full.
    """
    aged = expired_sums(connection, wishes, now_ns)
    cuts = size_cuts(connection, wishes, now_ns)
    spaced = _for_space(connection, wishes, now_ns, shorts[0], (aged, cuts))
    for short in shorts[1:]:
        spaced += _in_tier(connection, wishes, now_ns, short, cuts)
    found: defaultdict[_Key, list[Sum]] = defaultdict(list)
    for one in aged:
        found[camera_of(one.stream), one.kept, Why.AGE].append(one)
    for cut in cuts:
        found[camera_of(cut.sum.stream), cut.sum.kept, Why.SIZE].append(cut.sum)
    for row in spaced:
        found[camera_of(row.stream), Kept(row.kept_as), Why.SPACE].append(_sum_of(row))
    cameras = sorted({camera for camera, _, _ in found})
    return RetentionPlan(tuple(CameraPlan(camera, tuple(_classes(found, camera))) for camera in cameras))


def _for_space(
    connection: Connection, wishes: Wishes, now_ns: int, short: Shortage, before: tuple[list[Sum], list[Cut]]
) -> list[Gone]:
    aged, cuts = before
    if short.missing_bytes <= 0:
        return []
    total = connection.execute(sa.select(sa.func.count()).select_from(recordings)).scalar_one()
    gone = [*aged, *(cut.sum for cut in cuts)]
    total -= sum(one.recordings for one in gone)
    missing = short.missing_bytes - sum(one.bytes for one in gone)
    left = _left(connection, wishes, now_ns, short.volume, cuts)
    return taken(left, missing, max(short.least, int(total * short.share)))


def _in_tier(connection: Connection, wishes: Wishes, now_ns: int, short: Shortage, cuts: Sequence[Cut]) -> list[Gone]:
    """For want of space in another tier. There it shows late what was deleted: its shortage is taken as it is."""
    count = sa.select(sa.func.count()).where(recordings.c.volume == short.volume)
    total = connection.execute(count).scalar_one()
    left = _left(connection, wishes, now_ns, short.volume, cuts)
    return taken(left, short.missing_bytes, max(short.least, int(total * short.share)))


def _left(connection: Connection, wishes: Wishes, now_ns: int, volume: str, cuts: Sequence[Cut]) -> Iterator[Gone]:
    """What is left on a volume when the expired and the too much is gone, the oldest first."""
    for one in oldest(connection, volume):
        if not is_expired(one, wishes, now_ns) and not any(cut.covers(one) for cut in cuts):
            yield one


def _sum_of(one: Gone) -> Sum:
    return Sum(one.stream, Kept(one.kept_as), 1, one.size_bytes, one.start_ns, one.end_ns)


def _classes(found: dict[_Key, list[Sum]], camera: CameraId) -> Iterable[ClassPlan]:
    for (of, kept, why), sums in sorted(found.items()):
        if of == camera:
            yield ClassPlan(
                kept,
                why,
                sum(one.recordings for one in sums),
                sum(one.bytes for one in sums),
                min(one.oldest_ns for one in sums),
                max(one.newest_ns for one in sums),
            )
