"""One RTP stream that comes by UDP from somebody who sends again what is asked for."""

from __future__ import annotations

from haechi.base.clock import NS_PER_MS
from haechi.base.errors import PeerError
from haechi.media.rtp import HEADER_BYTES, Reorder

PATIENCE_NS = 500 * NS_PER_MS
"""So long what is missing may come again; then the stream goes on without it."""
FIRST_AGAIN_NS = 60 * NS_PER_MS
"""It is asked for again when it should have been here, by the fastest that it ever was: at first this is thought."""
LEAST_AGAIN_NS = 20 * NS_PER_MS
MOST_ASKED = 8
MOST_HOLES = 256
"""More missing at once is no loss of packets but of the way; nothing of it is asked for."""
WINDOW = 1024
"""Packets held back while one is missing: `PATIENCE_NS` of 20 Mbit/s."""


class _Hole:
    __slots__ = ("asked_ns", "since_ns", "times")

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.asked_ns = 0
        self.times = 0


class Incoming:
    """Puts packets in order, and knows which to ask for.

    Args:
        asks: Whether the sender agreed to send again. One that did not is not waited for as long.

    Attributes:
        recovered: Packets that came after they were asked for.
    """

    def __init__(self, *, asks: bool) -> None:
        self._reorder = Reorder(WINDOW)
        self._asks = asks
        self._patience_ns = PATIENCE_NS if asks else PATIENCE_NS // 5
        self._newest = -1
        self._holes: dict[int, _Hole] = {}
        self._again_ns = FIRST_AGAIN_NS
        self.recovered = 0

    def push(self, data: bytes, now_ns: int) -> list[bytes]:
        """Take a packet; give those that are now in order.

        Raises:
            PeerError: ``data`` is shorter than an RTP header.
        """
        if len(data) < HEADER_BYTES:
            raise PeerError("not an RTP packet", offset=0, code="rtp-bad-packet")
        sequence = data[2] << 8 | data[3]
        ahead = (sequence - self._newest) & 0xFFFF
        if ahead == 1 or self._newest < 0:
            self._newest = sequence
        elif ahead < 0x8000:
            if ahead <= MOST_HOLES and len(self._holes) + ahead <= MOST_HOLES:
                for step in range(1, ahead):
                    self._holes[(self._newest + step) & 0xFFFF] = _Hole(now_ns)
            if ahead:
                self._newest = sequence
        elif (hole := self._holes.pop(sequence, None)) is not None and hole.times:
            self.recovered += 1
            if hole.times == 1:
                self._again_ns = max(LEAST_AGAIN_NS, min(self._again_ns, now_ns - hole.asked_ns))
        out = self._reorder.push(data)
        return out + self.overdue(now_ns) if self._holes else out

    def wanted(self, now_ns: int) -> list[int]:
        """Sequence numbers to ask for now, in order."""
        if not self._asks:
            return []
        out: list[int] = []
        for sequence, hole in self._holes.items():
            pause_ns = self._again_ns * hole.times
            if hole.times < MOST_ASKED and (not hole.times or now_ns - hole.asked_ns >= pause_ns):
                hole.asked_ns = now_ns
                hole.times += 1
                out.append(sequence)
        return out

    def overdue(self, now_ns: int) -> list[bytes]:
        """What has waited too long for a missing packet; call it also when nothing comes."""
        oldest = next(iter(self._holes.values()), None)
        if oldest is None:
            return self._reorder.flush() if self._reorder.held else []
        if now_ns - oldest.since_ns < self._patience_ns:
            return []
        self._holes.clear()  # those that are missing since are given up with it: a sync picture is asked for anyway
        return self._reorder.flush()
