"""From the picture to metres on the ground."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations

import numpy as np

from haechi.base.errors import Invalid
from haechi.events.rules.rule import Ground
from haechi.vision.zones import Point

MOST_M = 1000.0
Matrix = tuple[float, ...]


def checked_ground(ground: Ground) -> Ground:
    """``ground`` as it is.

    Raises:
        Invalid: ``bad-ground``: says what is wrong.
    """
    if len(ground.points) not in (2, 4):
        raise Invalid("mark two points on the ground, or the four corners of a rectangle on it", code="bad-ground")
    if not all(math.isfinite(value) and 0 <= value <= 1 for point in ground.points for value in point):
        raise Invalid("a point on the ground lies outside the picture", code="bad-ground")
    sizes = (ground.width_m,) if len(ground.points) == 2 else (ground.width_m, ground.length_m)
    if not all(math.isfinite(size) and 0 < size <= MOST_M for size in sizes):
        raise Invalid("a distance on the ground is more than 0 and at most 1000 metres", code="bad-ground")
    if any(math.dist(a, b) < 0.01 for a, b in combinations(ground.points, 2)):
        raise Invalid("two points on the ground are the same, or almost", code="bad-ground")
    if len(ground.points) == 4 and not _is_convex(ground.points):
        raise Invalid("mark the corners on the ground in order around the rectangle", code="bad-ground")
    return ground


def metres(ground: Ground, foot: Point, aspect: float) -> Point | None:
    """Where a foot (in picture heights) stands on the ground; None when that lies beyond the horizon."""
    if len(ground.points) == 2:
        (ax, ay), (bx, by) = ground.points
        scale = ground.width_m / math.hypot((bx - ax) * aspect, by - ay)
        return foot[0] * scale, foot[1] * scale
    a, b, c, d, e, f, g, h, i = _matrix(ground, aspect)
    x, y = foot
    depth = g * x + h * y + i
    if depth <= _least_depth(ground, aspect):
        return None
    return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth


@lru_cache(maxsize=256)
def _matrix(ground: Ground, aspect: float) -> Matrix:
    """The nine numbers of the homography that takes the four points to the rectangle; the first one has depth 1."""
    w, h = ground.width_m, ground.length_m
    rows: list[list[float]] = []
    values: list[float] = []
    for (x, y), (u, v) in zip(ground.points, ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h)), strict=True):
        px = x * aspect
        rows += [[px, y, 1, 0, 0, 0, -u * px, -u * y], [0, 0, 0, px, y, 1, -v * px, -v * y]]
        values += [u, v]
    found = np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0)
    x, y = ground.points[0]
    return tuple(float(value) for value in found / (found[6] * x * aspect + found[7] * y + 1.0))


@lru_cache(maxsize=256)
def _least_depth(ground: Ground, aspect: float) -> float:
    """A tenth of the depth of the farthest corner: nearer to the horizon a pixel is many metres."""
    *_, g, h, i = _matrix(ground, aspect)
    return min(g * x * aspect + h * y + i for x, y in ground.points) / 10


def _is_convex(points: tuple[Point, ...]) -> bool:
    turns = []
    for number in range(4):
        (ax, ay), (bx, by), (cx, cy) = (points[(number + ahead) % 4] for ahead in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return all(turn > 1e-6 for turn in turns) or all(turn < -1e-6 for turn in turns)
