"""Motion JPEG as cameras send it over HTTP: multipart/x-mixed-replace (RFC 2046 section 5.1), read as it is; pure.

Cameras differ in everything but the pictures: dashes that belong to the boundary or do not, boundaries that are not
those that were announced, lengths that are missing or wrong, no line break before a boundary, line feeds alone, no
headers, no boundary at all. So the pictures are found by their own beginning and end, and what stands between them is
read only for what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.jpeg_scan import EOI, SOI, JpegScan
from haechi.media.nal import MAX_UNIT_BYTES

MOST_BETWEEN_BYTES = 64 * 1024
"""Boundary and headers between two pictures; real ones have below 500. Text beyond it is no camera's stream."""
MOST_LINE_CHARS = 1024
_LENGTH = re.compile(rb"(?:^|\n)content-length\s*:\s*(\d{1,9})\s*\r?\n", re.IGNORECASE)
_TIME = re.compile(rb"(?:^|\n)x-timestamp\s*:\s*(\d{1,10})\.(\d{6})\s*\r?\n", re.IGNORECASE)


class Picture(Struct, frozen=True):
    """One part of the stream.

    Attributes:
        data: The JPEG, from SOI to EOI, as it came. What came of it when it is damaged.
        damaged: It broke off, or is no JPEG that can be read.
        sent_us: What the camera's X-Timestamp header said, in microseconds; 0 when it said nothing.
    """

    data: bytes
    width_px: int = 0
    height_px: int = 0
    damaged: bool = False
    sent_us: int = 0


class MotionJpeg:
    """Finds the pictures in a stream.

    Args:
        boundary: As the Content-Type said, without quotes; empty when it said none. Only used to see that a picture
            broke off before the next one began.
    """

    def __init__(self, boundary: str = "") -> None:
        token = boundary.strip().strip("-").encode("ascii", "ignore")
        self._delimiter = b"--" + token if token else b""
        self._buffer = bytearray()
        self._scan: JpegScan | None = None
        self._length = 0
        self._sent_us = 0
        self._searched = 0
        self._cut_at = 0
        self._consumed = 0

    def feed(self, data: bytes) -> Iterator[Picture]:
        """Add ``data`` and yield each picture that it completes, in order.

        Raises:
            PeerError: ``mjpeg-no-picture``: so much came that is no picture; ``unit-too-large``.
        """
        self._buffer += data
        while True:
            if self._scan is None and not self._find_start():
                return
            picture = self._take()
            if picture is None:
                return
            yield picture

    # -- between pictures --------------------------------------------------------------------------------------------
    def _find_start(self) -> bool:
        """Go to the next SOI and read what stands before it; whether there is one."""
        start = self._buffer.find(SOI)
        if start < 0:
            if len(self._buffer) > MOST_BETWEEN_BYTES:
                message = "what comes there is no stream of JPEG pictures"
                raise PeerError(message, offset=self._consumed, code="mjpeg-no-picture")
            return False
        head = bytes(self._buffer[max(0, start - 4 * MOST_LINE_CHARS) : start])
        told, time = _last(_LENGTH, head), _last(_TIME, head)
        self._length = int(told[1]) if told else 0
        self._sent_us = int(time[1]) * 1_000_000 + int(time[2]) if time else 0
        if not self._delimiter:
            self._delimiter = _first_boundary(head)
        self._drop(start)
        self._scan, self._searched, self._cut_at = JpegScan(), 0, 0
        return True

    # -- in a picture ------------------------------------------------------------------------------------------------
    def _take(self) -> Picture | None:
        """The picture at the beginning of the buffer when its end is there."""
        assert self._scan is not None
        try:
            end = self._scan.end(self._buffer)
        except PeerError as error:
            if error.code == "unit-too-large":
                raise
            return self._broken(error.offset)
        cut = self._broke_off()
        if cut and (end is None or cut < end):
            return self._cut(cut, damaged=True)
        return self._cut(end, damaged=False) if end is not None else None

    def _broken(self, offset: int) -> Picture | None:
        """A picture whose markers make no sense at ``offset``. Where the stream tells its length and it has both its
        ends, decoders may know better; else it is damaged up to the next boundary or beginning.
        """
        length = self._length
        if 4 <= length <= MAX_UNIT_BYTES and self._scan is not None and self._scan.width_px:
            if len(self._buffer) < length:
                return None
            if self._buffer[length - 2 : length] == EOI:
                return self._cut(length, damaged=False)
        starts = [found for found in (self._broke_off(), self._buffer.find(SOI, max(2, offset))) if found > 0]
        if starts:
            return self._cut(min(starts), damaged=True)
        if len(self._buffer) > MAX_UNIT_BYTES:
            message = "the camera sends a picture that never ends"
            raise PeerError(message, offset=self._consumed, code="unit-too-large")
        return None

    def _broke_off(self) -> int:
        """Where the next boundary stands in the middle of this picture; 0 when it does not."""
        if not self._delimiter:
            return 0
        if not self._cut_at:
            self._cut_at = max(0, self._buffer.find(b"\n" + self._delimiter, self._searched))
            self._searched = max(0, len(self._buffer) - len(self._delimiter))
        return self._cut_at

    def _cut(self, end: int, *, damaged: bool) -> Picture:
        assert self._scan is not None
        with memoryview(self._buffer) as whole:
            data = bytes(whole[:end])
        picture = Picture(data, self._scan.width_px, self._scan.height_px, damaged, self._sent_us)
        self._drop(end)
        self._scan = None
        return picture

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._consumed += count


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type names; empty when it names none."""
    found = re.search(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^;\s]{1,200}))', content_type, re.IGNORECASE)
    return (found[1] or found[2]) if found else ""


def _first_boundary(head: bytes) -> bytes:
    """The first line that looks like one."""
    found = re.search(rb"(?:^|\n)(--[!-~]{1,200})[ \t]*\r?\n", head)
    return found[1] if found else b""


def _last(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 (the last one is wanted)
        pass
    return found
