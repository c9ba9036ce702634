"""Where a JPEG that is still arriving ends, and what size its picture has (ITU-T T.81 annex B); pure.

A JPEG says its own end: behind the headers 0xFF is followed by 0x00 or a restart marker until the scan is over. So
pictures can be told apart in a stream whose own framing is wrong or missing.
"""

from __future__ import annotations

import re

from haechi.base.errors import PeerError
from haechi.media.nal import MAX_UNIT_BYTES

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
MOST_SEGMENTS = 512
"""Headers before, and between, the scans of a picture: real ones have below 30."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF))
"""Frames that neither browsers nor our decoder read: lossless and hierarchical."""
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)


class JpegScan:
    """Follows one JPEG through a buffer that grows at its end.

    Attributes:
        width_px, height_px: Of the picture; 0 until its frame header was seen.
    """

    def __init__(self) -> None:
        self.width_px = 0
        self.height_px = 0
        self._at = 0
        self._segments = 0
        self._in_scan = False
        self._is_progressive = False

    def end(self, data: bytes | bytearray) -> int | None:
        """Where the picture at the beginning of ``data`` ends (just after its EOI); None when more is needed.

        Args:
            data: From the SOI marker on; each time with what was there before, and more.

        Raises:
            PeerError: ``bad-jpeg``: no JPEG, or one that breaks off, or is lossless; ``unit-too-large``.
        """
        if self._at == 0:
            if len(data) < 2:
                return None
            if data[:2] != SOI:
                raise PeerError("not a JPEG", offset=0, code="bad-jpeg")
            self._at = 2
        while True:
            found = self._after_scan(data) if self._in_scan else self._after_segment(data)
            if found is None:
                if len(data) > MAX_UNIT_BYTES:
                    message = "the camera sends a picture that never ends"
                    raise PeerError(message, offset=self._at, code="unit-too-large")
                return None
            if found:
                return self._at

    def _after_scan(self, data: bytes | bytearray) -> bool | None:
        return self._after_scans(data) if self._is_progressive else self._after_only_scan(data)

    def _after_only_scan(self, data: bytes | bytearray) -> bool | None:
        """The end of a picture whose data are one scan, as all but progressive ones are in practice: ten times faster
        than to look at each marker.
        """
        start, end = data.find(SOI, self._at), data.find(EOI, self._at)
        if start >= 0 and (end < 0 or start < end):
            raise PeerError("a JPEG breaks off", offset=start, code="bad-jpeg")
        self._at = end if end >= 0 else max(self._at, len(data) - 1)
        self._in_scan = end < 0
        return None if end < 0 else False

    def _after_scans(self, data: bytes | bytearray) -> bool | None:
        match = _MARKER.search(data, self._at)
        if match is None:
            at = len(data)
            while at > self._at and data[at - 1] == 0xFF:
                at -= 1
            self._at = at
            return None
        self._at = match.end() - 2
        self._in_scan = False
        return False

    def _after_segment(self, data: bytes | bytearray) -> bool | None:
        """Go over one marker and what belongs to it; True at the end of the picture."""
        at = self._at
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 2 > len(data):
            return None
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            raise PeerError("a JPEG marker is missing", offset=at, code="bad-jpeg")
        if marker == 0xD9:
            self._at = at + 2
            if not self.width_px or not self.height_px:
                raise PeerError("the JPEG has no picture in it", offset=at, code="bad-jpeg")
            return True
        if at + 4 > len(data):
            return None
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        self._segments += 1
        if end < at + 4 or self._segments > MOST_SEGMENTS:
            raise PeerError("a JPEG segment has no length, or there are too many", offset=at, code="bad-jpeg")
        if end > len(data):
            return None
        self._read(marker, data[at + 4 : end], at)
        self._at = end
        self._in_scan = marker == 0xDA
        return False

    def _read(self, marker: int, body: bytes | bytearray, at: int) -> None:
        if marker in _LOSSLESS:
            raise PeerError("the JPEG is lossless or hierarchical, which nobody plays", offset=at, code="bad-jpeg")
        if marker in _FRAMES:
            if len(body) < 6:
                raise PeerError("a JPEG frame header is cut off", offset=at, code="bad-jpeg")
            self._is_progressive = marker not in _SEQUENTIAL
            self.height_px, self.width_px = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
