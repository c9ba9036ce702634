"""Where points of one picture lie in another: plane transforms in the coordinates of zones. Pure.

A `Transform` is a homography, row by row: it takes x, y in [0, 1] of one view to x, y of another (beyond [0, 1] where
the point has left the picture). The last number is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.base.errors import Invalid

Point = tuple[float, float]
Size = tuple[int, int]
"""Width and height in pixels."""
Transform = tuple[float, float, float, float, float, float, float, float, float]
Matrix = NDArray[np.float64]
"""3 x 3."""

IDENTITY: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
CORNERS: tuple[Point, ...] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEAST_DEPTH = 0.05
"""Points nearer to the line that a homography throws to infinity are held to be outside of the picture."""
FAR = 8.0
"""Where such a point is put: so many pictures away, in its direction."""
MOST_TERM = 100.0
"""No term of a transform between two views of one camera is larger."""


class Shift(Struct, frozen=True):
    """What a transform does to the picture as a person would say it.

    Attributes:
        x, y: How far the middle of the picture moved, in shares of width and height.
        degrees: How far it turned, clockwise as seen.
        scale: How many times larger things are.
        corner: The farthest that a corner moved, in shares of the width.
    """

    x: float
    y: float
    degrees: float
    scale: float
    corner: float


def placed(points: Sequence[Point], transform: Transform) -> tuple[Point, ...]:
    """The points in the other view. Nothing happens to them under `IDENTITY`, to the last bit."""
    if transform == IDENTITY:
        return tuple(points)
    return tuple(_through(x, y, transform) for x, y in points)


def composed(second: Transform, first: Transform) -> Transform:
    """First ``first``, then ``second``."""
    if first == IDENTITY:
        return second
    if second == IDENTITY:
        return first
    return of_matrix(as_matrix(second) @ as_matrix(first))


def inverse(transform: Transform) -> Transform:
    """The way back.

    Raises:
        Invalid: ``bad-transform``: there is none.
    """
    if transform == IDENTITY:
        return IDENTITY
    matrix = as_matrix(transform)
    if abs(float(np.linalg.det(matrix))) < 1e-9:
        raise Invalid("the transform of a view cannot be turned round", code="bad-transform")
    return of_matrix(np.asarray(np.linalg.inv(matrix), np.float64))


def checked(transform: Transform) -> Transform:
    """``transform``, when it can be the one between two views of a camera: finite, bounded, no mirror.

    Raises:
        Invalid: ``bad-transform``.
    """
    is_bounded = all(math.isfinite(term) and abs(term) <= MOST_TERM for term in transform)
    if not is_bounded or transform[8] != 1.0 or not _keeps_sides(transform):
        raise Invalid("this cannot be how a view moved", code="bad-transform")
    return transform


def as_matrix(transform: Transform) -> Matrix:
    """As numbers to compute with."""
    return np.array(transform, np.float64).reshape(3, 3)


def of_matrix(matrix: Matrix) -> Transform:
    """From 3 x 3 numbers, any multiple of them.

    Raises:
        Invalid: ``bad-transform``: the origin would lie at infinity, or a number is none.
    """
    last = float(matrix[2, 2])
    if not np.all(np.isfinite(matrix)) or abs(last) < 1e-9:
        raise Invalid("this cannot be how a view moved", code="bad-transform")
    a, b, c, d, e, f, g, h, _ = (float(term) / last for term in matrix.ravel())
    return (a, b, c, d, e, f, g, h, 1.0)


def of_pixels(matrix: Matrix, size: Size) -> Transform:
    """A homography between pictures of ``size``, in pixels, as a transform."""
    scale = np.diag([float(size[0]), float(size[1]), 1.0])
    return of_matrix(np.linalg.inv(scale) @ matrix @ scale)


def in_pixels(transform: Transform, size: Size) -> Matrix:
    """The other way round."""
    scale = np.diag([float(size[0]), float(size[1]), 1.0])
    matrix = scale @ as_matrix(transform) @ np.linalg.inv(scale)
    return np.asarray(matrix / matrix[2, 2], np.float64)


def apart_px(first: Transform, second: Transform, size: Size) -> float:
    """The farthest that a corner or the middle lies apart under two transforms, in pixels of ``size``."""
    spots = (*CORNERS, (0.5, 0.5))
    pairs = zip(placed(spots, first), placed(spots, second), strict=True)
    return max(math.hypot((ax - bx) * size[0], (ay - by) * size[1]) for (ax, ay), (bx, by) in pairs)


def shift_of(transform: Transform, size: Size) -> Shift:
    """How far, how much turned, how much larger; angles and lengths are those of a picture of ``size``."""
    width, height = size
    left, middle, right = placed(((0.25, 0.5), (0.5, 0.5), (0.75, 0.5)), transform)
    along, across = (right[0] - left[0]) * width, (right[1] - left[1]) * height
    return Shift(
        x=middle[0] - 0.5,
        y=middle[1] - 0.5,
        degrees=math.degrees(math.atan2(across, along)),
        scale=math.hypot(along, across) / (0.5 * width),
        corner=apart_px(transform, IDENTITY, size) / width,
    )


def kept_share(transform: Transform) -> float:
    """How much of the picture of before is still in the picture: 0 to 1."""
    steps = (np.arange(24) + 0.5) / 24
    points = [(float(x), float(y)) for y in steps for x in steps]
    inside = [0.0 <= x <= 1.0 and 0.0 <= y <= 1.0 for x, y in placed(points, transform)]
    return sum(inside) / len(inside)


def _through(x: float, y: float, transform: Transform) -> Point:
    a, b, c, d, e, f, g, h, _ = transform
    depth = g * x + h * y + 1.0
    u, v = a * x + b * y + c, d * x + e * y + f
    if depth < LEAST_DEPTH:
        length = math.hypot(u, v) or 1.0
        return u / length * FAR, v / length * FAR
    return u / depth, v / depth


def _keeps_sides(transform: Transform) -> bool:
    """Whether the corners go round the same way as before, and none lies behind the camera."""
    g, h = transform[6], transform[7]
    if any(g * x + h * y + 1.0 < LEAST_DEPTH for x, y in CORNERS):
        return False
    turned = placed(CORNERS, transform)
    turns = [
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        for a, b, c in zip(turned, turned[1:] + turned[:1], turned[2:] + turned[:2], strict=True)
    ]
    return all(turn > 0 for turn in turns)
