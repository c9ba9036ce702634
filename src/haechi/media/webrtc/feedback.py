"""What a receiver tells a WebRTC sender by RTCP: packets it lacks, a picture it needs, when each packet came."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from haechi.base.clock import NS_PER_MS

RTPFB, PSFB = 205, 206
_NACK, _TRANSPORT_CC, _PLI = 1, 15, 1
_DELTA_NS = 250_000
_REFERENCE_NS = 64 * NS_PER_MS
MOST_PACKETS = 1000
"""Described by one report: far more than come in a tenth of a second."""


def nack(sender: int, media: int, missing: Sequence[int]) -> bytes:
    """Generic NACK (RFC 4585 section 6.2.1) for sequence numbers in increasing order; ``missing`` is not empty."""
    items: list[tuple[int, int]] = []
    for sequence in missing:
        behind = (sequence - items[-1][0]) & 0xFFFF if items else 0
        if items and 1 <= behind <= 16:
            items[-1] = (items[-1][0], items[-1][1] | 1 << (behind - 1))
        else:
            items.append((sequence, 0))
    return _feedback(RTPFB, _NACK, sender, media, b"".join(struct.pack("!HH", *item) for item in items))


def picture_loss(sender: int, media: int) -> bytes:
    """Picture loss indication (RFC 4585 section 6.3.1): send a sync picture."""
    return _feedback(PSFB, _PLI, sender, media, b"")


class Arrivals:
    """When packets came, by their transport-wide numbers, for the sender's estimate of the way.

    See draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
    """

    def __init__(self) -> None:
        self._came: dict[int, int] = {}
        self._last: int | None = None
        self._base: int | None = None
        self._reports = 0

    def note(self, number: int, arrived_ns: int) -> None:
        """A packet with this 16-bit transport-wide number arrived (monotonic time)."""
        if self._last is None:
            self._last = number
        step = (number - self._last) & 0xFFFF
        unwrapped = self._last + (step if step < 0x8000 else step - 0x10000)
        self._last = max(self._last, unwrapped)
        if self._base is not None and unwrapped < self._base:
            return  # too late: it was told as missing
        self._came.setdefault(unwrapped, arrived_ns)

    def report(self, sender: int, media: int) -> bytes:
        """What came since the last report; empty: nothing."""
        if not self._came:
            return b""
        numbers = sorted(self._came)
        base = numbers[0] if self._base is None else self._base
        base = max(base, numbers[-1] - MOST_PACKETS)
        last = numbers[-1]
        came, self._came = self._came, {}
        self._base = last + 1
        times = [came.get(number) for number in range(base, last + 1)]
        body = self._body(base & 0xFFFF, times)
        self._reports = (self._reports + 1) & 0xFF
        return _feedback(RTPFB, _TRANSPORT_CC, sender, media, body)

    def _body(self, base: int, times: Sequence[int | None]) -> bytes:
        """Base, count, reference time, number of the report; a status for each packet; the steps between arrivals.

        A packet whose step does not fit into 16 bits (8 s) is told as missing.
        """
        first = next(time for time in times if time is not None)
        reference = first // _REFERENCE_NS
        now = reference * _REFERENCE_NS // _DELTA_NS
        statuses: list[int] = []
        deltas: list[bytes] = []
        for time in times:
            step = 0 if time is None else time // _DELTA_NS - now
            if time is None or not -0x8000 <= step < 0x8000:
                statuses.append(0)
                continue
            now += step
            is_small = 0 <= step <= 0xFF
            statuses.append(1 if is_small else 2)
            deltas.append(step.to_bytes(1, "big") if is_small else step.to_bytes(2, "big", signed=True))
        head = struct.pack("!HH", base, len(times)) + (reference & 0xFFFFFF).to_bytes(3, "big")
        data = head + bytes((self._reports,)) + b"".join(_chunks(statuses)) + b"".join(deltas)
        return data + bytes(-len(data) % 4)


def _chunks(statuses: Sequence[int]) -> Iterable[bytes]:
    """Vectors of seven two-bit statuses; a run where more than seven in a row are the same."""
    at = 0
    while at < len(statuses):
        end = at
        while end < len(statuses) and statuses[end] == statuses[at] and end - at < 0x1FFF:
            end += 1
        if end - at > 7:
            yield (statuses[at] << 13 | end - at).to_bytes(2, "big")
            at = end
            continue
        seven = [*statuses[at : at + 7], *(0,) * 7][:7]
        yield (0xC000 | sum(status << 12 - 2 * index for index, status in enumerate(seven))).to_bytes(2, "big")
        at += 7


def _feedback(kind: int, form: int, sender: int, media: int, body: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80 | form, kind, 2 + len(body) // 4, sender, media) + body


def transport_number(packet: bytes, extension: int) -> int | None:
    """The transport-wide number in the header extension ``extension`` of an RTP packet (RFC 8285); None: none."""
    if not packet[0] & 0x10 or not extension:
        return None
    at = 12 + 4 * (packet[0] & 0x0F)
    if at + 4 > len(packet):
        return None
    profile, words = struct.unpack_from("!HH", packet, at)
    at += 4
    end = min(at + 4 * words, len(packet))
    is_short = profile == 0xBEDE
    if not is_short and profile & 0xFFF0 != 0x1000:
        return None
    while at + 1 < end:
        if packet[at] == 0:
            at += 1
            continue
        number, size = (packet[at] >> 4, (packet[at] & 15) + 1) if is_short else (packet[at], packet[at + 1])
        at += 1 if is_short else 2
        if number == extension and size == 2 and at + 2 <= end:
            return packet[at] << 8 | packet[at + 1]
        at += size
    return None
