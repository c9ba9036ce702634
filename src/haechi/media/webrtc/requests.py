"""What a viewer tells us by RTCP: packets it lacks, a picture it needs, how much it loses."""

from __future__ import annotations

import struct

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.rtcp import RR, SR
from haechi.media.webrtc.feedback import PSFB, RTPFB

_NACK, _PLI, _FIR = 1, 1, 4
_MAX_PARTS = 64
MOST_MISSING = 1024
"""Asked for by one packet; a browser asks for 1,000 at most, and then for a sync picture."""


class Missing(Struct, frozen=True):
    """Packets that did not come (generic NACK, RFC 4585 section 6.2.1)."""

    ssrc: int
    sequences: tuple[int, ...]


class PictureNeeded(Struct, frozen=True):
    """Decoding cannot go on (PLI, RFC 4585 section 6.3.1; FIR, RFC 5104 section 4.3.1)."""

    ssrc: int


class Loss(Struct, frozen=True):
    """Of a reception report (RFC 3550 section 6.4.1): the part of the last packets that did not come, 0 to 1."""

    ssrc: int
    part: float


Request = Missing | PictureNeeded | Loss


def parse_requests(data: bytes) -> list[Request]:
    """What a compound packet asks for, in order; what we do not heed is passed over.

    Raises:
        PeerError: The lengths do not fit, or it is not RTCP (``rtcp-bad-packet``).
    """
    out: list[Request] = []
    position = 0
    for _ in range(_MAX_PARTS):
        if position == len(data):
            return out
        if position + 4 > len(data) or data[position] >> 6 != 2:
            raise _bad("not an RTCP packet", position)
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            raise _bad("an RTCP packet is cut off", position)
        out += _requests(data[position:end], position)
        position = end
    raise _bad("an RTCP packet has too many parts", position)


def _requests(data: bytes, offset: int) -> list[Request]:
    form, kind = data[0] & 31, data[1]
    if kind in {RR, SR}:
        return _losses(data, 8 if kind == RR else 28, form, offset)
    if kind not in {RTPFB, PSFB}:
        return []
    if len(data) < 12:
        raise _bad("a feedback packet is shorter than it says", offset)
    ssrc: int = struct.unpack_from("!I", data, 8)[0]
    if kind == RTPFB and form == _NACK:
        return [Missing(ssrc, _sequences(data))]
    if kind == PSFB and form == _PLI:
        return [PictureNeeded(ssrc)]
    if kind == PSFB and form == _FIR:
        return [PictureNeeded(struct.unpack_from("!I", data, at)[0]) for at in range(12, len(data) - 7, 8)]
    return []


def _sequences(data: bytes) -> tuple[int, ...]:
    out: list[int] = []
    for at in range(12, len(data) - 3, 4):
        first, mask = struct.unpack_from("!HH", data, at)
        out.append(first)
        out += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return tuple(out[:MOST_MISSING])


def _losses(data: bytes, start: int, count: int, offset: int) -> list[Request]:
    if start + 24 * count > len(data):
        raise _bad("a report is shorter than it says", offset)
    return [
        Loss(struct.unpack_from("!I", data, at)[0], data[at + 4] / 256) for at in range(start, start + 24 * count, 24)
    ]


def _bad(message: str, offset: int) -> PeerError:
    return PeerError(message, offset=offset, code="rtcp-bad-packet")
