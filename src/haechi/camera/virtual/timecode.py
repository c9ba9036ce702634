"""A time code that a test can read back from any picture of the stream: decoded, scaled, or drawn on a canvas.

It is a strip of 64 black and white cells in the lower left corner. A cell is 1/128 of the picture's width wide and the
strip 1/72 of its height high, so that it survives H.264 and halving of the picture:

    4 cells marker 1010 | 24 cells frame | 24 cells milliseconds | 8 cells CRC-8 | 4 cells marker 0101
"""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from haechi.base.errors import Invalid

CELLS = 64
COLUMNS = 128
ROWS = 72
_HEAD = (1, 0, 1, 0)
_TAIL = (0, 1, 0, 1)
_SMALLEST_PX = 2 * COLUMNS


class TimeCode(Struct, frozen=True):
    """What is burned into a picture.

    Attributes:
        frame: Number of the picture since the scene began; below 2**24.
        ms: Time since the scene began; below 2**24 (4.6 hours).
    """

    frame: int
    ms: int


def cells(code: TimeCode) -> npt.NDArray[np.uint8]:
    """The strip's cells from left to right, 0 = black, 1 = white, shape (64,), uint8."""
    payload = ((code.frame & 0xFFFFFF) << 24) | (code.ms & 0xFFFFFF)
    word = (payload << 8) | _crc8(payload.to_bytes(6, "big"))
    bits = [(word >> shift) & 1 for shift in range(55, -1, -1)]
    return np.array([*_HEAD, *bits, *_TAIL], np.uint8)


def burn(luma: npt.NDArray[np.uint8], code: TimeCode) -> None:
    """Draw the strip into a luma plane, H x W, uint8, limited range (16 black, 235 white), in place."""
    height, width = luma.shape
    columns = np.arange(CELLS * width // COLUMNS) * COLUMNS // width
    luma[height - height // ROWS :, : len(columns)] = np.where(cells(code), 235, 16).astype(np.uint8)[columns]


def read_timecode(picture: npt.NDArray[np.uint8]) -> TimeCode:
    """The time code of a picture: luma H x W, or RGB / RGBA H x W x 3 or 4, uint8, of any size from 256 px of width.

    Raises:
        Invalid: There is none, or it cannot be read with certainty.
    """
    luma = picture[..., :3].mean(axis=2) if picture.ndim == 3 else picture.astype(np.float64)
    height, width = luma.shape
    if width < _SMALLEST_PX or height < 2 * ROWS:
        raise Invalid("the picture is too small to hold a time code", code="no-time-code", width_px=width)
    strip = luma[round(height - 0.7 * height / ROWS) : max(round(height - 0.3 * height / ROWS), 1)]
    row = strip.mean(axis=0) if len(strip) else luma[-1]
    edges = np.arange(CELLS) * width / COLUMNS
    wide = width / COLUMNS
    levels = np.array(
        [row[round(x + 0.3 * wide) : max(round(x + 0.7 * wide), round(x + 0.3 * wide) + 1)].mean() for x in edges]
    )
    marker = np.array([*_HEAD, *_TAIL])
    ends = np.concatenate([levels[:4], levels[-4:]])
    white, black = ends[marker == 1].min(), ends[marker == 0].max()
    if white - black < 60:
        raise Invalid("the picture holds no time code", code="no-time-code")
    bits = (levels > (white + black) / 2).astype(int).tolist()
    word = int("".join(map(str, bits[4:-4])), 2)
    payload = word >> 8
    if _crc8(payload.to_bytes(6, "big")) != word & 0xFF:
        raise Invalid("the time code in the picture is damaged", code="no-time-code")
    return TimeCode(payload >> 24, payload & 0xFFFFFF)


def _crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, started at 0xFF so that a strip of equal cells is not valid."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
