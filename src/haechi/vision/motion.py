"""Whether a picture moves: a cheap gate before the detector. Pure; one `MotionGate` per stream."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH_PX = 160
"""Pictures are compared at this width: a person of 4 % of the picture's height still covers several pixels."""
CHANGED_BY = 18
"""Grey levels by which a pixel must differ from the background to count: above the noise of a sensor at night."""
OPEN_SHARE = 0.002
CLOSE_SHARE = 0.0008
"""Shares of changed pixels at which the gate opens and closes: hysteresis, so that it does not flutter."""
WHOLE_SHARE = 0.6
"""Beyond this the light was switched or the camera moved: the background is learnt anew."""
COLUMNS, ROWS = 32, 18
CELL_SHARE = 0.1
"""Share of a cell's pixels (25 of a picture of 16:9) that must change for the cell to count as moving: more than one or
two that flicker."""
LEARN = 0.05
LEARN_MOVING = 0.005
"""Weight of a new picture in the background; less where something moves, or what stands still would vanish fast."""


def told_share(share: float, cells: bytes) -> float:
    """What of a picture's share of movement is worth telling: nothing below `CLOSE_SHARE`, nor where there was nothing
    to compare it with."""
    return share if cells and share >= CLOSE_SHARE else 0.0


class MotionGate:
    """Compares each picture with a slowly learnt background."""

    def __init__(self) -> None:
        self._background: NDArray[np.float32] | None = None
        self._is_open = False
        self._cells = b""

    @property
    def cells(self) -> bytes:
        """Which cells of the last picture moved: `COLUMNS` x `ROWS` bits, row by row from the top left, the first one
        the highest of the first byte. Empty when there was nothing to compare it with."""
        return self._cells

    @property
    def is_open(self) -> bool:
        """Whether something moved in the last picture."""
        return self._is_open

    def share(self, grey: NDArray[np.uint8]) -> float:
        """Take a picture of shape (height, `WIDTH_PX`); gives the share of it that moved, 0 to 1.

        The first picture, and one of another shape, counts as moving: nothing is known yet.
        """
        picture = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
        if self._background is None or self._background.shape != picture.shape:
            self._background = picture
            self._is_open = True
            self._cells = b""
            return 1.0
        changed = np.abs(picture - self._background) > CHANGED_BY
        share = float(np.mean(changed))
        self._cells = _cells(changed)
        if share > WHOLE_SHARE:
            self._background = picture
        else:
            weight = np.where(changed, np.float32(LEARN_MOVING), np.float32(LEARN))
            self._background += weight * (picture - self._background)
        self._is_open = share >= (CLOSE_SHARE if self._is_open else OPEN_SHARE)
        return share


def _cells(changed: NDArray[np.bool_]) -> bytes:
    """Pixels that changed, by cell; see `MotionGate.cells`."""
    small = cv2.resize(changed.astype(np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.packbits(small >= CELL_SHARE).tobytes()
