"""What a camera's view looks like with nobody in it: the median of 25 pictures. Pure.

The median is taken five by five (the remedian of Rousseeuw and Bassett, 1990): ten pictures are held at most, not 25.
"""

from __future__ import annotations

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.vision.view.geometry import Size
from haechi.vision.view.picture import Grey, Mask, Picture, evened

BASE = 5
PICTURES = BASE * BASE
RESTLESS = 12.0
"""Grey levels of mean deviation beyond which a place is left out: leaves, water, a screen, a clock."""
LEAST_FREE = 0.3
"""Of the pictures a place must be free of things in so many to count."""


class Reference(Struct, frozen=True):
    """A view in one light.

    Attributes:
        grey: The median picture.
        mask: Where it may be relied on.
    """

    grey: Grey
    mask: Mask

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.grey.shape[1], self.grey.shape[0]

    def even(self) -> Grey:
        """The picture with its contrast evened out."""
        return evened(self.grey)


class Gathering:
    """Pictures on their way to a reference."""

    def __init__(self, size: Size) -> None:
        width, height = size
        self.size = size
        self.taken = 0
        self._fives: list[Grey] = []
        self._medians: list[Grey] = []
        self._sum = np.zeros((height, width), np.float32)
        self._before: Grey | None = None
        self._free = np.zeros((height, width), np.uint8)

    @property
    def is_full(self) -> bool:
        """Whether a reference can be made."""
        return self.taken >= PICTURES

    def add(self, picture: Picture, free: Mask) -> None:
        """Take one in; ``free`` is where no things are."""
        self._fives.append(picture.grey)
        if self._before is not None:
            self._sum += np.asarray(cv2.absdiff(picture.grey, self._before), np.float32)
        self._before = picture.grey
        self._free += (free > 0).astype(np.uint8)
        self.taken += 1
        if len(self._fives) == BASE:
            self._medians.append(_median(self._fives))
            self._fives = []

    def reference(self) -> Reference:
        """What came of it. A place is left out when it changes from picture to picture, or was hardly ever free."""
        restless = np.asarray(cv2.blur(self._sum / max(self.taken - 1, 1), (9, 9)), np.float32)
        is_sound = (restless < RESTLESS) & (self._free >= LEAST_FREE * self.taken)
        mask = np.where(is_sound, 255, 0).astype(np.uint8)
        return Reference(_median(self._medians), np.asarray(cv2.erode(mask, np.ones((5, 5), np.uint8)), np.uint8))


def _median(pictures: list[Grey]) -> Grey:
    stack: NDArray[np.uint8] = np.stack(pictures)
    return np.asarray(np.partition(stack, len(pictures) // 2, axis=0)[len(pictures) // 2], np.uint8)
