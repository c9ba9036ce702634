"""When something moved in a part of the picture: samples in, hits out; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from haechi.base.errors import Invalid
from haechi.vision.hours import Moves
from haechi.vision.motion import COLUMNS, ROWS

Point = tuple[float, float]
"""x, y in [0, 1] of the picture, from the top left."""
CORNERS_MOST = 64
MERGE_NS = 5_000_000_000
"""Hits closer than this are one."""
FINE = 4
"""A cell lies inside a region when its centre does, or half of its FINE x FINE points."""


class Wish(Struct, frozen=True):
    """What is looked for.

    Attributes:
        region: Corners of a polygon.
        min_cells: Cells of the region that must move at once.
        min_share: Share of the region's cells that must.
    """

    region: tuple[Point, ...]
    min_cells: int = 1
    min_share: float = 0.0


class Hit(Struct, frozen=True):
    """Something moved, ns since the epoch.

    Attributes:
        end_ns: When it was last seen to move.
        peak: Largest share of the region's cells that moved at once, 0 to 1.
        at_ns: When that was.
    """

    start_ns: int
    end_ns: int
    peak: float
    at_ns: int


def cells_in(region: Sequence[Point]) -> NDArray[np.uint8]:
    """The cells of a polygon as bits, like `MotionGate.cells`: shape (72,), uint8. Never none: of a region smaller than
    a cell, the cells that its corners lie in.

    Raises:
        Invalid: ``bad-region``.
    """
    if not 3 <= len(region) <= CORNERS_MOST or not all(0 <= number <= 1 for point in region for number in point):
        raise Invalid(f"a region has 3 to {CORNERS_MOST} corners within the picture", code="bad-region")
    steps = (np.arange(FINE) + 0.5) / FINE
    x = (np.arange(COLUMNS)[:, None] + steps).ravel() / COLUMNS
    y = (np.arange(ROWS)[:, None] + steps).ravel() / ROWS
    fine = _inside(region, x[None, :], y[:, None]).reshape(ROWS, FINE, COLUMNS, FINE)
    centres = _inside(
        region, ((np.arange(COLUMNS) + 0.5) / COLUMNS)[None, :], ((np.arange(ROWS) + 0.5) / ROWS)[:, None]
    )
    cells = centres | (fine.mean(axis=(1, 3)) >= 0.5)
    if not cells.any():
        for left, top in region:
            cells[min(int(top * ROWS), ROWS - 1), min(int(left * COLUMNS), COLUMNS - 1)] = True
    return np.packbits(cells)


def _inside(region: Sequence[Point], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule; ``x`` has one row, ``y`` one column."""
    inside = np.zeros((y.shape[0], x.shape[1]), np.bool_)
    for (x1, y1), (x2, y2) in zip(region, [*region[1:], region[0]], strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


class Search:
    """Joins what moved into hits. Feed it the hours in order, then `flush`."""

    def __init__(self, wish: Wish, merge_ns: int = MERGE_NS) -> None:
        self._mask = cells_in(wish.region)
        self._cells = int(np.unpackbits(self._mask).sum())
        self._least = max(wish.min_cells, 1, int(np.ceil(wish.min_share * self._cells - 1e-9)))
        self._merge_ns = merge_ns
        self._open: Hit | None = None

    def feed(self, moves: Moves, hour_ns: int, start_ns: int, end_ns: int) -> Iterator[Hit]:
        """An hour that begins at ``hour_ns``, as far as it is in ``[start_ns, end_ns)``; yields hits that are over."""
        numbers = np.bitwise_count(moves.cells & self._mask).sum(axis=1, dtype=np.int64)
        times_ns = hour_ns + moves.at_ms * 1_000_000
        rows = np.flatnonzero((numbers >= self._least) & (times_ns >= start_ns) & (times_ns < end_ns))
        for row in rows.tolist():
            at_ns, peak = int(times_ns[row]), float(numbers[row]) / self._cells
            held = self._open
            if held is not None and at_ns - held.end_ns <= self._merge_ns:
                strongest = (peak, at_ns) if peak > held.peak else (held.peak, held.at_ns)
                self._open = structs.replace(held, end_ns=at_ns, peak=strongest[0], at_ns=strongest[1])
                continue
            if held is not None:
                yield held
            self._open = Hit(at_ns, at_ns, peak, at_ns)

    def flush(self) -> Iterator[Hit]:
        """The last hit."""
        if self._open is not None:
            yield self._open
            self._open = None
