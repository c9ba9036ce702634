"""The second method: whether a picture, laid over the reference, agrees with it point by point; and how exactly.

Independent of the features: corners of the reference are followed by optical flow (Lucas-Kanade, there and back) into
the picture as the first method would have it lie. What can be followed gives the transform anew, finer, and from its
residuals how far off it may be anywhere in the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.vision.view.features import Points
from haechi.vision.view.fit import agreed, least_squares
from haechi.vision.view.geometry import Matrix
from haechi.vision.view.picture import Grey, Mask

CORNERS = 500
LEAST_APART_PX = 10
WINDOW_PX = 17
MOST_STRAY_PX = 4.0
"""How far a point may lie from where the first method puts it."""
MOST_BACK_PX = 0.5
"""How far from its start it may come back."""
LEAST_LIKE = 0.7
"""Least correlation of the surroundings (11 x 11) of a point with those in the reference."""
FIT_PX = 1.0
FLOOR_PX = 0.25
"""Residuals are never believed to be better than this: what coding and aliasing do to a whole neighbourhood does not
average out."""
_PATCH = 5


class Verified(Struct, frozen=True):
    """What the second method says.

    Attributes:
        matrix: The finer homography, in pixels.
        agreeing: Points of the reference that were found where they should be.
        visible: Those that could have been.
        points: The agreeing ones, in the reference.
        error_px: How far off a corner of the picture may be: two standard deviations of the worst.
    """

    matrix: Matrix
    agreeing: int
    visible: int
    points: Points
    error_px: float


def corners_of(even: Grey, mask: Mask) -> Points:
    """Points of a reference worth following, over the whole picture."""
    found: object = cv2.goodFeaturesToTrack(even, CORNERS, 0.01, LEAST_APART_PX, mask=mask, blockSize=5)
    if found is None:
        return np.zeros((0, 2), np.float32)
    return np.asarray(found, np.float32).reshape(-1, 2)


def verified(reference: Grey, corners: Points, now: Grey, free: Mask | None, matrix: Matrix) -> Verified | None:
    """Compare ``now`` with ``reference`` under ``matrix`` (reference to now); None when too little can be followed.

    Args:
        corners: Of `corners_of` the reference.
        free: Where ``now`` counts; None: everywhere.
    """
    height, width = reference.shape
    laid = _laid(now, matrix, (width, height))
    shown = _shown(free, now.shape, matrix, (width, height))
    columns = np.clip(corners[:, 0].astype(int), 0, width - 1)
    rows = np.clip(corners[:, 1].astype(int), 0, height - 1)
    visible = corners[shown[rows, columns] > 0]
    if len(visible) < 8:
        return None
    followed, is_good = _followed(reference, laid, visible)
    start, end = visible[is_good], followed[is_good]
    if len(start) < 8:
        return None
    there = cv2.perspectiveTransform(end.reshape(-1, 1, 2).astype(np.float64), matrix)
    target = np.asarray(there, np.float64).reshape(-1, 2)
    found = agreed(start.astype(np.float64), target, FIT_PX, 1000)
    if found is None or found[1].sum() < 8:
        return None
    finer, keep = found
    exact = least_squares(start[keep].astype(np.float64), target[keep])
    best = finer if exact is None else exact
    best = np.asarray(best / best[2, 2], np.float64)
    error_px = _error_px(best, start[keep].astype(np.float64), target[keep], (width, height))
    return Verified(best, int(keep.sum()), len(visible), start[keep], error_px)


def _laid(now: Grey, matrix: Matrix, size: tuple[int, int]) -> Grey:
    """The picture as it would lie over the reference."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(now, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _shown(free: Mask | None, shape: tuple[int, ...], matrix: Matrix, size: tuple[int, int]) -> Mask:
    """Where the reference can be seen now, a window's width away from all edges."""
    mask = np.full(shape[:2], 255, np.uint8) if free is None else free
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    shown = cv2.warpPerspective(mask, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(0,))
    rim = WINDOW_PX // 2
    shown[:rim], shown[-rim:], shown[:, :rim], shown[:, -rim:] = 0, 0, 0, 0
    return np.asarray(shown, np.uint8)


def _followed(reference: Grey, laid: Grey, points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Where each point went, and whether that can be believed."""
    start = points.reshape(-1, 1, 2)
    end, is_there = _flow(reference, laid, start)
    back, is_back = _flow(laid, reference, end)
    end, back = end.reshape(-1, 2), back.reshape(-1, 2)
    stray = np.linalg.norm(end - points, axis=1)
    returned = np.linalg.norm(back - points, axis=1)
    is_good = (is_there.ravel() > 0) & (is_back.ravel() > 0) & (stray < MOST_STRAY_PX) & (returned < MOST_BACK_PX)
    is_good &= _likeness(reference, laid, points, end) > LEAST_LIKE
    return np.asarray(end, np.float32), is_good


def _flow(first: Grey, second: Grey, start: Points) -> tuple[Points, NDArray[np.uint8]]:
    """Lucas-Kanade, from where the points lie in the first picture."""
    flow = cv2.calcOpticalFlowPyrLK(
        first, second, start, start.copy(), None, None, (WINDOW_PX, WINDOW_PX), 1, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    return np.asarray(flow[0], np.float32), np.asarray(flow[1], np.uint8)


def _likeness(reference: Grey, laid: Grey, start: Points, end: Points) -> NDArray[np.float64]:
    """Correlation of the surroundings of each point in both pictures, -1 to 1."""
    first, second = _patches(reference, start), _patches(laid, end)
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.asarray((first * second).sum(axis=1) / np.maximum(norm, 1e-6), np.float64)


def _patches(picture: Grey, points: Points) -> NDArray[np.float64]:
    """n x 121: what surrounds each point."""
    height, width = picture.shape
    step = np.arange(-_PATCH, _PATCH + 1)
    columns = np.clip(np.rint(points[:, 0])[:, None] + step[None], 0, width - 1).astype(int)
    rows = np.clip(np.rint(points[:, 1])[:, None] + step[None], 0, height - 1).astype(int)
    patches = picture[rows[:, :, None], columns[:, None, :]].reshape(len(points), -1)
    return np.asarray(patches, np.float64)


def _error_px(matrix: Matrix, start: NDArray[np.float64], end: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Propagate the residuals of the fit to the corners of the picture (first order, eight free terms)."""
    fitted, rows = _jacobian(matrix, start)
    residual = np.sqrt(float(((fitted - end) ** 2).sum()) / max(2 * len(start) - 8, 1))
    sigma = max(residual, FLOOR_PX)
    normal = rows.T @ rows
    scale = 1.0 / np.sqrt(np.maximum(np.diag(normal), 1e-12))
    scaled = normal * scale[:, None] * scale[None]
    covariance = np.linalg.pinv(scaled) * scale[:, None] * scale[None] * sigma**2
    width, height = size
    spots = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    _, there = _jacobian(matrix, spots)
    spread = there @ covariance @ there.T
    variances = [spread[2 * n, 2 * n] + spread[2 * n + 1, 2 * n + 1] for n in range(4)]
    return float(2 * np.sqrt(max(*variances, 0.0)))


def _jacobian(matrix: Matrix, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the points go, and how that changes with the eight terms: 2n x 8."""
    x, y = points[:, 0], points[:, 1]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + 1.0
    u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / depth
    v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / depth
    one, nought = 1.0 / depth, np.zeros_like(depth)
    first = np.stack([x * one, y * one, one, nought, nought, nought, -u * x * one, -u * y * one], axis=1)
    second = np.stack([nought, nought, nought, x * one, y * one, one, -v * x * one, -v * y * one], axis=1)
    rows = np.stack([first, second], axis=1).reshape(-1, 8)
    return np.stack([u, v], axis=1), rows
