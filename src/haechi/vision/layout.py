"""Pictures side by side in one: contact sheets, and pictures made smaller. Runs in the worker only."""

from __future__ import annotations

import cv2
import numpy as np

from haechi.base.errors import Invalid
from haechi.media.access_unit import Codec, VideoParams
from haechi.vision.decode import Frame, GopDecoder
from haechi.vision.messages import Layout
from haechi.vision.runtime import Pixels

_JPEG = VideoParams(Codec.MJPEG, 0, 0)


def laid_out(layout: Layout) -> bytes:
    """The JPEG that `Layout` asks for.

    Raises:
        Invalid: ``undecodable``: a picture is no JPEG, or too large; ``still-failed``.
    """
    width, height, columns = layout.width_px, layout.height_px, layout.columns
    rows = -(-len(layout.pictures) // columns)
    sheet: Pixels | None = None
    for number, jpeg in enumerate(layout.pictures):
        if not jpeg:
            continue
        frame = _decoded(jpeg)
        if sheet is None:
            width = width if height else min(width, frame.width_px)
            height = height or max(1, round(frame.height_px * width / frame.width_px))
            sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        y, x = number // columns * height, number % columns * width
        _paste(sheet[y : y + height, x : x + width], frame)
    if sheet is None:
        raise Invalid("there is no picture to lay out", code="undecodable")
    encoded, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, layout.quality])
    if not encoded:
        raise Invalid("the picture cannot be coded as JPEG", code="still-failed")
    return data.tobytes()


def _paste(cell: Pixels, frame: Frame) -> None:
    """Fit a frame into a part of a picture, in its middle, its shape as it is."""
    height, width = cell.shape[:2]
    scale = min(width / frame.width_px, height / frame.height_px)
    wide, high = max(1, round(frame.width_px * scale)), max(1, round(frame.height_px * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    cell[top : top + high, left : left + wide] = frame.scaled(wide, high)


def _decoded(jpeg: bytes) -> Frame:
    decoder = GopDecoder(_JPEG)
    found = [*decoder.feed(0, 0, jpeg), *decoder.drain()]
    if not found:
        raise Invalid("the units hold no picture that can be decoded", code="undecodable")
    return found[0].frame
