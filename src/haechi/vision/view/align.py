"""How a picture lies to a reference, or that it cannot be told. Pure; a wrong answer is worse than none.

ORB and MAGSAC say where it lies; what they say counts when enough points agree over enough of the picture, when it is
a thing that a camera can do, and when a second method (`verify`) agrees with it.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.base.errors import Invalid
from haechi.vision.view.features import Features, Points, found, matched
from haechi.vision.view.fit import agreed
from haechi.vision.view.geometry import IDENTITY, Matrix, Size, Transform, apart_px, checked, of_pixels
from haechi.vision.view.picture import Grey, Mask
from haechi.vision.view.verify import Verified, corners_of, verified

LEAST_INLIERS = 25
LEAST_HULL = 0.10
"""Of the picture, between the points that agree: [M] the gate that matters when most of the view is covered."""
INLIER_PX = 3.0
AGREE_PX = 4.0
"""How far the two methods may lie apart at a corner."""
MOST_ERROR_PX = 3.0
LEAST_SHARE = 0.15
"""Of the points of the reference that could be seen: so many must be found by the second method."""
SCALES = (0.6, 1.6)
MOST_PERSPECTIVE = 0.35
STRIP = 0.12
"""Cameras write their name and the time into the upper and lower strip of the picture, and that never moves with it."""
REASONS = ("few-features", "few-inliers", "small-hull", "implausible", "not-confirmed", "unsure")
Reason = Literal["few-features", "few-inliers", "small-hull", "implausible", "not-confirmed", "unsure"]


class Model(Struct, frozen=True):
    """What of a reference is compared: picture, where it counts, its features, its corners."""

    even: Grey
    mask: Mask
    features: Features
    corners: Points

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.even.shape[1], self.even.shape[0]


class Estimate(Struct, frozen=True):
    """How the picture lies: reference to now.

    Attributes:
        inliers: Pairs of features that agree on it.
        hull: Share of the picture between them.
        share: Of the corners that could be seen, those that the second method found.
        error_px: How far off a corner of the picture may be, in pixels of the picture compared.
    """

    transform: Transform
    inliers: int
    hull: float
    share: float
    error_px: float


class Abstained(Struct, frozen=True):
    """It cannot be told, and why."""

    reason: Reason


def model_of(even: Grey, mask: Mask) -> Model:
    """Prepare a reference."""
    return Model(even, mask, found(even, mask), corners_of(even, mask))


def aligned(model: Model, now: Grey, free: Mask | None = None) -> Estimate | Abstained:
    """How ``now`` lies to the reference; both have had their contrast evened out.

    Args:
        free: Where ``now`` counts: not where people and cars are. None: everywhere.
    """
    start, end = matched(model.features, found(now, free))
    if len(start) < LEAST_INLIERS:
        return Abstained("few-features" if len(model.features.points) < 2 * LEAST_INLIERS else "few-inliers")
    first = _judged(model, now, free, start, end)
    if isinstance(first, Abstained) or apart_px(first.transform, IDENTITY, model.size) > AGREE_PX:
        return first
    rest = _beside_text(start, end, model.size)
    if rest is None:
        return first
    other = _judged(model, now, free, start[rest], end[rest])
    return first if isinstance(other, Abstained) else other


def _beside_text(start: Points, end: Points, size: Size) -> NDArray[np.bool_] | None:
    """Pairs that moved, when what did not move lies in the strips where text is; None otherwise."""
    height = size[1]
    still = np.linalg.norm(end - start, axis=1) < INLIER_PX
    in_strip = (start[:, 1] < STRIP * height) | (start[:, 1] > (1 - STRIP) * height)
    if (still & ~in_strip).sum() >= LEAST_INLIERS or (~still).sum() < LEAST_INLIERS:
        return None
    return np.asarray(~still)


def _judged(model: Model, now: Grey, free: Mask | None, start: Points, end: Points) -> Estimate | Abstained:
    """Fit, and pass the gates."""
    fit = agreed(start, end, INLIER_PX, 2000) if len(start) >= LEAST_INLIERS else None
    if fit is None or fit[1].sum() < LEAST_INLIERS:
        return Abstained("few-inliers")
    matrix, keep = fit
    hull = hull_share(start[keep], model.size)
    if hull < LEAST_HULL:
        return Abstained("small-hull")
    if not is_plausible(matrix, model.size):
        return Abstained("implausible")
    second = verified(model.even, model.corners, now, free, matrix)
    if second is None or not _confirms(second, matrix, model.size):
        return Abstained("not-confirmed")
    if second.error_px > MOST_ERROR_PX or not is_plausible(second.matrix, model.size):
        return Abstained("unsure")
    transform = of_pixels(second.matrix, model.size)
    return Estimate(transform, int(keep.sum()), hull, second.agreeing / second.visible, second.error_px)


def _confirms(second: Verified, matrix: Matrix, size: Size) -> bool:
    """Whether the second method found enough, over enough of the picture, and lies close to the first."""
    if second.agreeing < LEAST_INLIERS or second.agreeing < LEAST_SHARE * second.visible:
        return False
    if hull_share(second.points, size) < LEAST_HULL:
        return False
    return apart_px(of_pixels(matrix, size), of_pixels(second.matrix, size), size) <= AGREE_PX


def hull_share(points: Points, size: Size) -> float:
    """Area between the points, as a share of the picture."""
    if len(points) < 3:
        return 0.0
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32)))) / (size[0] * size[1])


def is_plausible(matrix: Matrix, size: Size) -> bool:
    """Whether a camera can have moved like this: no mirror, not much larger or smaller anywhere, little perspective."""
    try:
        transform = checked(of_pixels(matrix, size))
    except Invalid:
        return False
    if abs(transform[6]) > MOST_PERSPECTIVE or abs(transform[7]) > MOST_PERSPECTIVE:
        return False
    square = np.asarray(matrix / matrix[2, 2], np.float64)
    width, height = size
    scales: list[float] = []
    for x, y in ((0, 0), (width, 0), (width, height), (0, height), (width / 2, height / 2)):
        depth = square[2, 0] * x + square[2, 1] * y + 1.0
        area = float(np.linalg.det(square)) / depth**3
        scales.append(np.sqrt(max(area, 0.0)))
    return SCALES[0] <= min(scales) and max(scales) <= SCALES[1]
