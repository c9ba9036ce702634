"""The trip-wire: a cheap look at whether a view may have moved, at each picture. Pure.

Phase correlation of gradients, small. It says where to look closer, never where the view has gone.
"""

from __future__ import annotations

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.vision.view.picture import Grey

SHIFT_PX = 0.4
"""At `picture.SMALL_PX`: 1.6 pixels of the pictures compared."""
RESPONSE_TO = 0.6
"""Of the usual response; turned and enlarged pictures answer weakly."""


class Wire(Struct, frozen=True):
    """Gradients of the reference, small, and the window that fades out the rim."""

    gradient: NDArray[np.float32]
    window: NDArray[np.float32]


def wire(small: Grey) -> Wire:
    """Of the small picture of a reference."""
    height, width = small.shape
    return Wire(_gradient(small), np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F), np.float32))


def pulled(held: Wire, small: Grey) -> tuple[float, float]:
    """How far the picture seems to have shifted (pixels of the small picture), and how clear that is (0 to 1)."""
    if held.gradient.shape != small.shape:
        return float("inf"), 0.0
    (x, y), response = cv2.phaseCorrelate(held.gradient, _gradient(small), held.window)
    return float(np.hypot(x, y)), float(response)


def _gradient(small: Grey) -> NDArray[np.float32]:
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(np.log1p(cv2.magnitude(across, down)), np.float32)
