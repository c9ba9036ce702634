"""What a camera calls its units, in an RTP header extension on the first packet of each (RFC 8285, one-byte form)."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping

from haechi.media import rtcp
from haechi.media.reverse.edge import MOST_EDGE_RUN, EdgeId, EdgeMark, EdgeRun
from haechi.media.rtp import HEADER_BYTES

EDGE_NAME = "urn:haechi:edge"
"""The element with the unit's number: edge run (8 bytes), seq (6 bytes), big-endian."""
WALL_NAME = "urn:ietf:params:rtp-hdrext:ntp-64"
"""The element with the camera's wall clock (RFC 6051 section 3.3)."""
OUR_NUMBERS: Mapping[str, int] = {EDGE_NAME: 1, WALL_NAME: 2}
"""Under which number our own camera sends which element."""
MOST_HELD = 64
"""Marks of units that are not complete yet; a depacketiser holds back one or two."""
_PROFILE = 0xBEDE
_EDGE = struct.Struct("!QHI")
_EXTENDED = 0x10


def mark_extension(mark: EdgeMark) -> bytes:
    """The extension that carries a mark, its own header included: 28 bytes."""
    seq = mark.edge.seq
    number, wall = OUR_NUMBERS[EDGE_NAME] << 4 | _EDGE.size - 1, OUR_NUMBERS[WALL_NAME] << 4 | 7
    elements = bytes((number,)) + _EDGE.pack(mark.edge.run, seq >> 32, seq & 0xFFFFFFFF)
    elements += bytes((wall,)) + rtcp.ns_to_ntp(mark.wall_ns).to_bytes(8, "big")
    return _PROFILE.to_bytes(2, "big") + (len(elements) // 4).to_bytes(2, "big") + elements


def extended(packet: bytes, extension: bytes) -> bytes:
    """An RTP packet that has no extension (and no CSRC list) with one."""
    return bytes((packet[0] | _EXTENDED,)) + packet[1:HEADER_BYTES] + extension + packet[HEADER_BYTES:]


def elements_of(packet: bytes) -> dict[int, bytes]:
    """The elements of a packet's extension by number; empty where it has none, or none that can be read."""
    if len(packet) < HEADER_BYTES + 4 or not packet[0] & _EXTENDED:
        return {}
    start = HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if int.from_bytes(packet[start : start + 2], "big") != _PROFILE:
        return {}
    position = start + 4
    end = position + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    if end > len(packet):
        return {}
    found: dict[int, bytes] = {}
    while position < end:
        number, size = packet[position] >> 4, (packet[position] & 0x0F) + 1
        if number == 15:
            break
        position += 1
        if number == 0:
            continue
        if position + size > end:
            break
        found[number] = packet[position : position + size]
        position += size
    return found


class Marks:
    """Finds the mark of each unit of a track: it comes with the unit's first packet, and the unit with its last.

    Args:
        numbers: Of the extensions, as the camera's description gives them (`haechi.media.sdp.MediaTrack.extensions`).
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._edge = numbers[EDGE_NAME]
        self._wall = numbers[WALL_NAME]
        self._held: deque[tuple[int, EdgeMark]] = deque(maxlen=MOST_HELD)

    @staticmethod
    def are_in(numbers: Mapping[str, int]) -> bool:
        """Whether a track's extensions hold all that a mark needs."""
        return EDGE_NAME in numbers and WALL_NAME in numbers

    def note(self, packet: bytes) -> None:
        """Look at a packet that has an extension. What is no mark of ours is passed over."""
        elements = elements_of(packet)
        edge, wall = elements.get(self._edge, b""), elements.get(self._wall, b"")
        if len(edge) != _EDGE.size or len(wall) != 8:
            return
        run, high, low = _EDGE.unpack(edge)
        if not 0 < run <= MOST_EDGE_RUN:
            return
        mark = EdgeMark(EdgeId(EdgeRun(run), high << 32 | low), rtcp.ntp_to_ns(int.from_bytes(wall, "big")))
        self._held.append((int.from_bytes(packet[4:8], "big"), mark))

    def of(self, rtp_ticks: int) -> EdgeMark | None:
        """The mark of the unit with this timestamp, once; those of units before it are forgotten."""
        timestamp = rtp_ticks & 0xFFFFFFFF
        for index, (at, mark) in enumerate(self._held):
            if at == timestamp:
                for _ in range(index + 1):
                    self._held.popleft()
                return mark
        return None
