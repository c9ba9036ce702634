"""JPEG pictures of a known kind, and Motion JPEG as cameras of many makes send it."""

from collections.abc import Sequence

import cv2
import numpy as np


def jpeg(number: int = 0, width_px: int = 64, height_px: int = 48, *, progressive: bool = False) -> bytes:
    """A noisy picture that differs with ``number``, as OpenCV's encoder writes it."""
    pixels = np.random.default_rng(number).integers(0, 256, (height_px, width_px, 3), np.uint8)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])
    assert done
    return data.tobytes()


def with_thumbnail(data: bytes, inner: bytes) -> bytes:
    """The picture with another one inside, in an application segment, as EXIF has it."""
    body = b"Exif\0\0" + inner
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def _told(data: bytes) -> bytes:
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)


def plain(pictures: Sequence[bytes]) -> bytes:
    """As RFC 2046 has it."""
    return b"".join(b"--frame\r\n" + _told(one) + one + b"\r\n" for one in pictures)


def boundary_with_dashes(pictures: Sequence[bytes]) -> bytes:
    """The Content-Type says ``boundary=--frame``, and that is what is sent, not ``----frame``."""
    return plain(pictures)


def no_length(pictures: Sequence[bytes]) -> bytes:
    return b"".join(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + one + b"\r\n" for one in pictures)


def no_line_break(pictures: Sequence[bytes]) -> bytes:
    """The boundary follows the picture at once."""
    return b"".join(b"--frame\r\n" + _told(one) + one for one in pictures)


def line_feeds(pictures: Sequence[bytes]) -> bytes:
    return plain(pictures).replace(b"\r\n", b"\n") if all(b"\r\n" not in one for one in pictures) else plain(pictures)


def wrong_length(pictures: Sequence[bytes]) -> bytes:
    """Off by some bytes, as firmwares count the line break or forget it."""
    parts = (_told(one + b"xy" if index % 2 else one[:-7]) + one for index, one in enumerate(pictures))
    return b"".join(b"--frame\r\n" + part + b"\r\n" for part in parts)


def no_boundary(pictures: Sequence[bytes]) -> bytes:
    """Nothing but pictures."""
    return b"".join(pictures)


def no_headers(pictures: Sequence[bytes]) -> bytes:
    return b"".join(b"--frame\r\n\r\n" + one + b"\r\n" for one in pictures)


def padded(pictures: Sequence[bytes]) -> bytes:
    """Zeros after each picture, inside its length."""
    return b"".join(b"--frame\r\n" + _told(one + bytes(5)) + one + bytes(5) + b"\r\n" for one in pictures)


def preamble(pictures: Sequence[bytes]) -> bytes:
    return b"\r\n\r\nCamera stream follows\r\n" + plain(pictures)


def closing_each(pictures: Sequence[bytes]) -> bytes:
    """The closing boundary after every picture."""
    return b"".join(b"--frame\r\n" + _told(one) + one + b"\r\n--frame--\r\n" for one in pictures)


def bare_boundary(pictures: Sequence[bytes]) -> bytes:
    """Without the two dashes that belong in front of it."""
    return b"".join(b"frame\r\n" + _told(one) + one + b"\r\n" for one in pictures)


QUIRKS = (
    *(plain, boundary_with_dashes, no_length, no_line_break, line_feeds, wrong_length, no_boundary, no_headers),
    *(padded, preamble, closing_each, bare_boundary),
)
