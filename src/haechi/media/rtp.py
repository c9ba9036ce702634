"""RTP packets (RFC 3550 section 5), the reordering window for UDP, and timestamps without wrap."""

from __future__ import annotations

import struct
from typing import Self

from msgspec import Struct

from haechi.base.errors import PeerError

HEADER_BYTES = 12
REORDER_WINDOW = 64
"""Packets held back while one is missing: about a tenth of a second of a 4 Mbit/s camera."""
_MAX_MISORDER = 100
_MAX_DROPOUT = 3000
_WRAP = 1 << 32

unpack_header = struct.Struct("!BBHII").unpack_from
"""(flags, marker and payload type, sequence, timestamp, SSRC) of a packet of at least 12 bytes."""
pack_header = struct.Struct("!BBHII").pack


class RtpPacket(Struct, frozen=True, gc=False):
    """One RTP packet; CSRC list, header extension and padding are left out."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a packet.

        Raises:
            PeerError: Not RTP version 2, or the lengths do not fit.
        """
        start, end = payload_bounds(data)
        _, second, sequence, timestamp, ssrc = unpack_header(data)
        return cls(second & 0x7F, sequence, timestamp, ssrc, second >= 0x80, data[start:end])

    def serialise(self) -> bytes:
        """The packet as it goes on the wire."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return pack_header(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def payload_bounds(data: bytes) -> tuple[int, int]:
    """Start and end of the payload within a packet.

    Raises:
        PeerError: Not RTP version 2, or the lengths do not fit.
    """
    if len(data) < HEADER_BYTES or data[0] >> 6 != 2:
        raise PeerError("not an RTP packet", offset=0, code="rtp-bad-packet")
    first = data[0]
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if start + 4 > end:
            raise PeerError("the RTP header extension is cut off", offset=end, code="rtp-bad-packet")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            raise PeerError("the RTP padding has no length", offset=end - 1, code="rtp-bad-packet")
        end -= padding
    if start > end:
        raise PeerError("the RTP header is longer than the packet", offset=len(data), code="rtp-bad-packet")
    return start, end


class TimestampUnwrapper:
    """Gives 32-bit timestamps that wrap around as integers that do not; steps of up to 2**31 either way are kept."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """``timestamp`` plus a multiple of 2**32, nearest to the value before it."""
        if self._last is None:
            self._last = timestamp
            return timestamp
        step = (timestamp - self._last) % _WRAP
        self._last += step if step < _WRAP // 2 else step - _WRAP
        return self._last


class Reorder:
    """Puts UDP packets back in order; bounded. Whether packets are missing is for the depacketiser to see.

    A gap is waited out until ``window`` later packets are there, then given up. Duplicates and packets that come after
    their gap was given up are dropped and counted.

    Attributes:
        late: Packets dropped because they were duplicates or came too late.
    """

    def __init__(self, window: int = REORDER_WINDOW) -> None:
        self._window = window
        self._held: dict[int, bytes] = {}
        self._next: int | None = None
        self._late_in_a_row = 0
        self.late = 0

    def push(self, data: bytes) -> list[bytes]:
        """Take a packet; give those that are now in order.

        Raises:
            PeerError: ``data`` is shorter than an RTP header.
        """
        if len(data) < HEADER_BYTES:
            raise PeerError("not an RTP packet", offset=0, code="rtp-bad-packet")
        sequence = data[2] << 8 | data[3]
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) & 0xFFFF
        if ahead == 0 and not self._held:
            self._next = (sequence + 1) & 0xFFFF
            self._late_in_a_row = 0
            return [data]
        if ahead >= _MAX_DROPOUT:
            return self._take_late(sequence, data)
        if sequence in self._held:
            self.late += 1
            return []
        self._late_in_a_row = 0
        self._held[sequence] = data
        return self._release(ahead)

    @property
    def held(self) -> int:
        """Packets that wait for one before them."""
        return len(self._held)

    def flush(self) -> list[bytes]:
        """All packets that are still held, in order. For the end of a stream, or when it has been silent."""
        return self._release(0x10000)

    def _release(self, ahead: int) -> list[bytes]:
        """Packets in order from ``_next``; holes are skipped as long as the newest is beyond the window."""
        out: list[bytes] = []
        held, position = self._held, self._next or 0
        limit = ahead - self._window
        steps = 0
        while held:
            data = held.pop(position, None)
            if data is not None:
                out.append(data)
            elif steps >= limit and len(held) <= self._window:
                break
            position = (position + 1) & 0xFFFF
            steps += 1
        self._next = position
        return out

    def _take_late(self, sequence: int, data: bytes) -> list[bytes]:
        """Drop it, unless the sender evidently began a new count (RFC 3550 A.1: far away, several in a row)."""
        self.late += 1
        behind = ((self._next or 0) - sequence) & 0xFFFF
        self._late_in_a_row = self._late_in_a_row + 1 if behind > _MAX_MISORDER else 0
        if self._late_in_a_row < 4:
            return []
        self._late_in_a_row = 0
        out = self.flush()
        self._next = (sequence + 1) & 0xFFFF
        return [*out, data]
