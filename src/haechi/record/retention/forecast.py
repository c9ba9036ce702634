"""How fast the disk fills, and where that ends: full on a day, or a steady state below it.

Footage is taken by camera, class and day: what came in lately goes on to come in, and each day's footage goes when its
time has come. Until then is looked ahead day by day.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.ids import CameraId, camera_of
from haechi.record.index.policies import EXPIRING, NS_PER_DAY, Keep, Kept
from haechi.record.retention.choice import Wishes, streams_in
from haechi.record.tables import recordings

RATE_DAYS = 7
AHEAD_DAYS = 3 * 365
"""What is not full by then is called steady."""
LEAST_SPAN_DAYS = 10 / 1440
"""Nothing is said from less than ten minutes of footage as if it were more."""


class CameraForecast(Struct, frozen=True):
    """One camera: what it has, and what comes in each day."""

    camera: CameraId
    bytes: int
    bytes_per_day: int
    oldest_ns: int


class Forecast(Struct, frozen=True):
    """Where it goes.

    Attributes:
        full_ns: From then on footage goes before its time, the oldest first; None: never, as it is now.
        steady_bytes: What all footage will take up once as much goes as comes in; None where the disk is full first.
        protected_bytes: What is never deleted automatically.
    """

    bytes_per_day: int
    full_ns: int | None
    steady_bytes: int | None
    protected_bytes: int
    cameras: tuple[CameraForecast, ...]


class Past(Struct):
    """What one camera has of one class: bytes by age in whole days."""

    days: dict[int, int]
    oldest_ns: int

    @property
    def bytes(self) -> int:
        return sum(self.days.values())

    def per_day(self, kept_days: float, now_ns: int) -> float:
        """What came in each day lately: over the last week, or as long as there has been footage or it is kept."""
        span = min(RATE_DAYS, kept_days, max((now_ns - self.oldest_ns) / NS_PER_DAY, LEAST_SPAN_DAYS))
        return sum(size for age, size in self.days.items() if age < span) / max(span, LEAST_SPAN_DAYS)


Pasts = Mapping[tuple[CameraId, Kept], Past]


def forecast(connection: Connection, wishes: Wishes, now_ns: int, room_bytes: int) -> Forecast:
    """The forecast from what is recorded.

    Args:
        room_bytes: What may still be written before footage must go for want of space.
    """
    pasts = _pasts(connection, now_ns)
    cameras = sorted({camera for camera, _ in pasts})
    rates: dict[tuple[CameraId, Kept], float] = {
        (camera, kept): past.per_day(wishes.of(camera).days(kept), now_ns)
        for (camera, kept), past in pasts.items()
        if kept is not Kept.PROTECTED
    }
    full_ns, steady = look_ahead(pasts, rates, wishes, room_bytes)
    found = [
        CameraForecast(
            camera,
            sum(past.bytes for (of, _), past in pasts.items() if of == camera),
            round(sum(rate for (of, _), rate in rates.items() if of == camera)),
            min(past.oldest_ns for (of, _), past in pasts.items() if of == camera),
        )
        for camera in cameras
    ]
    return Forecast(
        bytes_per_day=sum(one.bytes_per_day for one in found),
        full_ns=None if full_ns is None else now_ns + full_ns,
        steady_bytes=steady,
        protected_bytes=sum(past.bytes for (_, kept), past in pasts.items() if kept is Kept.PROTECTED),
        cameras=tuple(found),
    )


def look_ahead(
    pasts: Pasts, rates: Mapping[tuple[CameraId, Kept], float], wishes: Wishes, room_bytes: int
) -> tuple[int | None, int | None]:
    """Time until the disk is full, ns; or the bytes of the steady state. Exactly one of them. Pure."""
    cameras = sorted({camera for camera, _ in pasts})
    now = before = _total(pasts, rates, wishes, cameras, 0)
    most = now + room_bytes
    longest = max([wishes.of(camera).days(Kept.EVENT) for camera in cameras], default=0.0)
    for day in range(1, min(int(longest) + 2, AHEAD_DAYS) + 1):
        total = _total(pasts, rates, wishes, cameras, day)
        if total > most:
            share = 1.0 if total <= before else max(0.0, (most - before) / (total - before))
            return int((day - 1 + min(share, 1.0)) * NS_PER_DAY), None
        before = total
    return (None, round(before))


def _total(
    pasts: Pasts, rates: Mapping[tuple[CameraId, Kept], float], wishes: Wishes, cameras: list[CameraId], day: int
) -> float:
    """Bytes of all footage in so many days."""
    return sum(_of_camera(pasts, rates, wishes.of(camera), camera, day) for camera in cameras)


def _of_camera(
    pasts: Pasts, rates: Mapping[tuple[CameraId, Kept], float], keep: Keep, camera: CameraId, day: int
) -> float:
    fixed = pasts.get((camera, Kept.PROTECTED))
    total = float(fixed.bytes) if fixed else 0.0
    for kept in EXPIRING:
        past = pasts.get((camera, kept))
        if past is not None:
            days = keep.days(kept)
            total += sum(size for age, size in past.days.items() if age + day <= days)
            total += rates.get((camera, kept), 0.0) * min(day, days)
    return total if keep.max_bytes is None else min(total, max(keep.max_bytes, fixed.bytes if fixed else 0))


def _pasts(connection: Connection, now_ns: int) -> dict[tuple[CameraId, Kept], Past]:
    """Sums by stream, class and day: one walk through the index.

    What is not judged yet (it ended just now, or is still being written) counts as continuous.
    """
    age = sa.cast((sa.literal(now_ns) - recordings.c.end_ns) / NS_PER_DAY, sa.Integer).label("age")
    columns = (age, sa.func.sum(recordings.c.size_bytes), sa.func.min(recordings.c.start_ns))
    found: dict[tuple[CameraId, Kept], Past] = {}
    for stream in streams_in(connection):
        for value in (*(one.value for one in Kept), None):
            kept = Kept.CONTINUOUS if value is None else Kept(value)
            judged = recordings.c.kept_as.is_(None) if value is None else recordings.c.kept_as == value
            query = sa.select(*columns).where(recordings.c.stream == stream, judged)
            for days, size, oldest_ns in connection.execute(query.group_by("age")):
                past = found.setdefault((camera_of(stream), kept), Past({}, oldest_ns))
                past.days[max(0, days)] = past.days.get(max(0, days), 0) + int(size)
                past.oldest_ns = min(past.oldest_ns, oldest_ns)
    return found
