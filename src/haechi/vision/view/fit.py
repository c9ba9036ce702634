"""The homography that pairs of points agree on. Pure; the same pairs give the same answer."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.vision.view.geometry import Matrix


def agreed(
    start: NDArray[np.floating], end: NDArray[np.floating], within_px: float, most: int
) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """MAGSAC++ (Barath and others, 2020): the homography, and which pairs hold to it within ``within_px``.

    Args:
        most: Tries.
    """
    found = cv2.findHomography(start, end, cv2.USAC_MAGSAC, within_px, maxIters=most, confidence=0.999)
    matrix, inside = _array(found[0]), _array(found[1])
    if matrix is None or inside is None or not np.all(np.isfinite(matrix)):
        return None
    return np.asarray(matrix, np.float64), inside.ravel().astype(bool)


def least_squares(start: NDArray[np.floating], end: NDArray[np.floating]) -> Matrix | None:
    """The homography that all pairs together come closest to."""
    matrix = _array(cv2.findHomography(start, end, 0)[0])
    return None if matrix is None else np.asarray(matrix, np.float64)


def _array(found: object) -> NDArray[np.float64] | None:
    """OpenCV gives None where there is nothing, whatever its stubs say."""
    return None if found is None else np.asarray(found, np.float64)
