"""A range of time cut into equal buckets, and what is drawn in them; pure.

What is shorter than a bucket cannot be drawn to scale: recorded stretches are joined over holes that nobody could see,
but a gap never vanishes: it is drawn one bucket wide at least, and where gaps run together the worst cause is told.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.bus.ledger import GapCause
from haechi.record.index.accounts import MINUTES, UNKNOWN
from haechi.record.index.ranges import joined, without

Cells = NDArray[np.uint8]
"""One number for each bucket: shape (count,), 0-255."""

WORST_FIRST = (
    GapCause.DISK_ERROR,
    GapCause.DISK_FULL,
    GapCause.CRASHED,
    GapCause.OVERLOAD,
    GapCause.UNAUTHORIZED,
    GapCause.PEER_ERROR,
    GapCause.STALLED,
    GapCause.UNREACHABLE,
    GapCause.CAMERA_CLOSED,
    GapCause.PACKET_LOSS,
    GapCause.NOT_RUNNING,
    GapCause.DISABLED,
    GapCause.RETENTION,
)
"""Causes by how much somebody should do about them."""
_MS_PER_MINUTE = 60_000
_RANK = {str(cause): rank for rank, cause in enumerate(WORST_FIRST)}


class Stretch(Struct, frozen=True):
    """Recorded, ms since the epoch, ``end_ms`` exclusive."""

    start_ms: int
    end_ms: int


class Hole(Struct, frozen=True):
    """Not recorded, and why."""

    start_ms: int
    end_ms: int
    cause: str
    detail: str = ""


class Buckets(Struct, frozen=True):
    """``count`` buckets of ``bucket_ms`` from ``start_ms`` on; the last one may go beyond ``end_ms``."""

    start_ms: int
    end_ms: int
    bucket_ms: int

    @classmethod
    def of(cls, start_ms: int, end_ms: int, count: int) -> "Buckets":
        """About ``count`` buckets, never more."""
        return cls(start_ms, end_ms, max(1, -(-(end_ms - start_ms) // count)))

    @property
    def count(self) -> int:
        return -(-(self.end_ms - self.start_ms) // self.bucket_ms)

    def lanes(self, hours: Sequence[int], body: bytes) -> tuple[Cells, Cells, Cells]:
        """Motion, score and loss in each bucket: the highest of the minutes that it touches.

        Args:
            hours, body: As in `haechi.record.index.overview.Peaks`.
        """
        first = self.start_ms // _MS_PER_MINUTE
        after = -(-self.end_ms // _MS_PER_MINUTE)
        rows = (np.asarray(hours, np.int64)[:, None] * MINUTES + np.arange(MINUTES) - first).ravel()
        inside = (rows >= 0) & (rows < after - first)
        table = np.frombuffer(body, np.uint8).reshape(len(hours), 3, MINUTES)
        edges = self.start_ms + np.arange(self.count + 1) * self.bucket_ms
        edges[-1] = self.end_ms
        pairs = np.stack([edges[:-1] // _MS_PER_MINUTE, -(-edges[1:] // _MS_PER_MINUTE)], axis=1).ravel() - first
        found: list[Cells] = []
        for lane, empty in enumerate((0, 0, UNKNOWN)):
            minutes = np.full(after - first + 1, -1, np.int16)
            minutes[rows[inside]] = table[:, lane].ravel()[inside]
            if empty:
                minutes[minutes == UNKNOWN] = -1
            highest = np.maximum.reduceat(minutes, pairs)[::2]
            found.append(np.where(highest < 0, empty, highest).astype(np.uint8))
        return found[0], found[1], found[2]

    def counts(self, rows: Iterable[tuple[int, int]]) -> Cells:
        """How often, by bucket number, at most 255; numbers beyond the ends count in the first and the last bucket."""
        found = np.zeros(self.count, np.int64)
        for row, number in rows:
            found[min(max(row, 0), self.count - 1)] += number
        return np.minimum(found, 255).astype(np.uint8)

    def drawn(self, stretches: Sequence[Stretch], holes: Sequence[Hole], most: int) -> tuple[list[Stretch], list[Hole]]:
        """What to draw of recorded stretches and gaps, both in order: gaps, and stretches between them.

        Where there are more than ``most`` gaps they are drawn coarser, until they are not.
        """
        scale = self
        gaps = scale._painted(holes)
        while len(gaps) > most:
            scale = Buckets(self.start_ms, self.end_ms, 2 * scale.bucket_ms)
            gaps = scale._painted(holes)
        clipped = ((max(one.start_ms, self.start_ms), min(one.end_ms, self.end_ms)) for one in stretches)
        left = without(joined(clipped, scale.bucket_ms), [(gap.start_ms, gap.end_ms) for gap in gaps])
        return [Stretch(*one) for one in left], gaps

    def _painted(self, holes: Sequence[Hole]) -> list[Hole]:
        """Each bucket that a gap touches, painted with the worst of its gaps; buckets side by side with the same cause
        are one gap, whose ends are exact unless it is shorter than a bucket or another one adjoins."""
        worst = np.full(self.count, len(WORST_FIRST), np.int16)
        owner = np.full(self.count, -1, np.int64)
        begins: dict[int, int] = {}
        ends: dict[int, int] = {}
        for number, hole in enumerate(holes):
            if hole.end_ms <= self.start_ms or hole.start_ms >= self.end_ms:
                continue
            first = max(0, (hole.start_ms - self.start_ms) // self.bucket_ms)
            after = max(first + 1, -(-(min(hole.end_ms, self.end_ms) - self.start_ms) // self.bucket_ms))
            rank = _RANK.get(hole.cause, 0)
            better = worst[first:after] > rank
            worst[first:after][better] = rank
            owner[first:after][better] = number
            begins[first] = min(begins.get(first, hole.start_ms), hole.start_ms)
            ends[after] = max(ends.get(after, hole.end_ms), hole.end_ms)
        found: list[Hole] = []
        for first, after in pairwise(np.flatnonzero(np.diff(worst, prepend=-1, append=-1)).tolist()):
            if owner[first] < 0:
                continue
            left, right = (min(self.start_ms + row * self.bucket_ms, self.end_ms) for row in (first, after))
            start = max(left, begins.get(first, left)) if first == 0 or owner[first - 1] < 0 else left
            end = min(right, ends.get(after, right)) if after == self.count or owner[after] < 0 else right
            if end - start < self.bucket_ms:
                start, end = left, right
            mine = (holes[number] for number in dict.fromkeys(owner[first:after].tolist()))
            longest = max(mine, key=lambda one: one.end_ms - one.start_ms)
            found.append(Hole(start, end, longest.cause, longest.detail))
        return found


def packed(cells: Cells) -> str:
    """One byte for each bucket, base64."""
    return b64encode(cells.tobytes()).decode("ascii")
