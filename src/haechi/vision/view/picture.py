"""A picture as the judge of a view sees it: small, grey, its contrast evened out."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from haechi.vision.runtime import Pixels
from haechi.vision.view.geometry import Size

Grey = NDArray[np.uint8]
"""Shape (height, width), 0-255."""
Mask = NDArray[np.uint8]
"""Shape (height, width): 255 where a picture counts, 0 where it does not."""
Mode = Literal["day", "night"]
"""Of light: in colour and bright enough; or dark, or without colour as cameras are that see by infrared."""

LONG_PX = 768
"""Longer side of the pictures that are compared; smaller ones stay as they are."""
SMALL_PX = 192
"""And of those that the trip-wire and the measures of health are taken from."""
DARK, NO_LONGER_DARK = 40.0, 52.0
COLOURLESS, COLOURED = 4.0, 7.0
"""Means of brightness, and of the spread of blue, green and red, at which the light counts as night, and as day again.
Monochrome pictures have a spread of 0 to 3 after coding."""
_CLAHE_CLIP = 3.0
_CLAHE_TILES = (8, 8)


class Picture(Struct, frozen=True):
    """One picture.

    Attributes:
        size: Of ``grey`` and ``even``.
        grey: At most `LONG_PX` long.
        even: The same with its contrast evened out by CLAHE, so that light matters less.
        small: ``grey`` at `SMALL_PX`.
        colour: Mean spread of the three colours, 0 to 255.
    """

    size: Size
    grey: Grey
    even: Grey
    small: Grey
    colour: float


def seen(pixels: Pixels) -> Picture:
    """Make one of height x width x 3 (uint8, BGR)."""
    height, width = pixels.shape[:2]
    size = scaled_size((width, height), LONG_PX)
    is_smaller = size != (width, height)
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if is_smaller else pixels
    grey = np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY), np.uint8)
    tiny = np.asarray(cv2.resize(shown, (64, 36), interpolation=cv2.INTER_AREA), np.int16)
    return of_grey(grey, float(np.mean(tiny.max(axis=2) - tiny.min(axis=2))))


def of_grey(grey: Grey, colour: float = 0.0) -> Picture:
    """The same of a grey picture that has its size already."""
    height, width = grey.shape
    small = cv2.resize(grey, scaled_size((width, height), SMALL_PX), interpolation=cv2.INTER_AREA)
    return Picture((width, height), grey, evened(grey), np.asarray(small, np.uint8), colour)


def evened(grey: Grey) -> Grey:
    """Contrast evened out, tile by tile."""
    return np.asarray(cv2.createCLAHE(_CLAHE_CLIP, _CLAHE_TILES).apply(grey), np.uint8)


def scaled_size(size: Size, long_px: int) -> Size:
    """``size`` with its longer side at most ``long_px``."""
    factor = min(1.0, long_px / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def mode_of(picture: Picture, before: Mode | None) -> Mode:
    """The light of a picture; what it was before stays where it could be either."""
    mean = float(np.mean(picture.small))
    if mean < DARK or picture.colour < COLOURLESS:
        return "night"
    if mean > NO_LONGER_DARK and picture.colour > COLOURED:
        return "day"
    return before or "day"


def without(size: Size, boxes: list[tuple[float, float, float, float]]) -> Mask:
    """Everything but some boxes (left, top, width, height in [0, 1]), with a margin of a tenth of each around them."""
    width, height = size
    mask = np.full((height, width), 255, np.uint8)
    for x, y, w, h in boxes:
        left, right = round((x - 0.1 * w) * width), round((x + 1.1 * w) * width)
        top, bottom = round((y - 0.1 * h) * height), round((y + 1.1 * h) * height)
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0
    return mask
