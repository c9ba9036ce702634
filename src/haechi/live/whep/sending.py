"""What one viewer is sent in one track: numbers, timestamps, and what it may ask for again. No socket, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from haechi.live.packets import Outlet, Payload, UnitPackets
from haechi.media.rtp import pack_header
from haechi.media.webrtc.watching import Lane

HISTORY = 1024
"""Packets that can be asked for again: 5 s of 2 Mbit/s, 0.5 s of 20. Their payloads are shared by all viewers."""
MOST_CREDIT = 512
"""Packets that may go out again at once. Each new one earns one more, so nobody gets more than twice the stream."""
LATE_STEP_TICKS = 90
"""1 ms between pictures that are sent late, so that a player is through with them at once and shows the newest."""
LATE_SPAN_TICKS = 1350
"""15 ms for all that are sent a second time: they must fit in before the next picture of a camera of 60 fps."""


class Timeline:
    """Timestamps as one viewer gets them: the true ones, but for units that are sent late, to catch up with now.

    Those that lie behind are to be decoded and not to be watched: they come a millisecond after each other, so that the
    player begins at now instead of a GOP behind it. Timestamps grow strictly.
    """

    def __init__(self) -> None:
        self.last: int | None = None

    def true(self, ticks: int) -> int:
        """For a unit that comes as it was taken."""
        self.last = ticks if self.last is None else max(ticks, self.last + 1)
        return self.last

    def squeezed(self, ticks: Sequence[int]) -> list[int]:
        """For units that are sent at once. The newest keeps its own timestamp, unless it was sent before."""
        if not ticks:
            return []
        newest = ticks[-1]
        if self.last is not None and newest <= self.last:
            step = max(1, min(LATE_STEP_TICKS, LATE_SPAN_TICKS // len(ticks)))
            out = [self.last + step * (index + 1) for index in range(len(ticks))]
        else:
            room = LATE_STEP_TICKS * len(ticks) if self.last is None else newest - self.last
            step = max(1, min(LATE_STEP_TICKS, room // len(ticks)))
            out = [newest - step * (len(ticks) - 1 - index) for index in range(len(ticks))]
        return [self.true(one) for one in out]


class Sending:
    """One track towards one viewer.

    Attributes:
        again: Packets that were sent again.
        newest: The last unit that was sent, with its true timestamp; None: none yet.
    """

    def __init__(self, lane: Lane, *, ssrc: int | None = None, sequence: int | None = None) -> None:
        self.lane = lane
        self.outlet = Outlet(lane.payload_type, ssrc=ssrc, sequence=sequence)
        self.timeline = Timeline()
        self.newest: UnitPackets | None = None
        self.again = 0
        self._has_nack = "nack" in lane.option.feedback
        self._history: list[tuple[int, int, Payload] | None] = [None] * (HISTORY if self._has_nack else 0)
        self._credit = MOST_CREDIT

    @property
    def ssrc(self) -> int:
        return self.outlet.ssrc

    def write(self, made: UnitPackets, ticks: int) -> Iterator[bytes]:
        """The packets of a unit under the timestamp ``ticks``."""
        self.newest = made
        sequence = self.outlet.sequence
        shown = made if ticks == made.ticks else replace(made, ticks=ticks)
        for payload, packet in zip(made.payloads, self.outlet.write(shown), strict=True):
            if self._has_nack:
                self._history[sequence % HISTORY] = (sequence, ticks + payload.ticks, payload)
            sequence = (sequence + 1) & 0xFFFF
            self._credit = min(MOST_CREDIT, self._credit + 1)
            yield packet

    def once_more(self, sequences: Sequence[int]) -> list[bytes]:
        """Of the packets that are asked for those that are still known, as they were, while there is credit."""
        if not self._has_nack:
            return []
        out: list[bytes] = []
        for sequence in sequences:
            kept = self._history[sequence % HISTORY]
            if kept is None or kept[0] != sequence or self._credit <= 0:
                continue
            self._credit -= 1
            out.append(self._packet(*kept))
        self.again += len(out)
        return out

    def _packet(self, sequence: int, ticks: int, payload: Payload) -> bytes:
        second = self.lane.payload_type | (0x80 if payload.marker else 0)
        return pack_header(0x80, second, sequence, ticks & 0xFFFFFFFF, self.outlet.ssrc) + payload.data


class Pace:
    """How much may go at once: a burst that a browser's socket holds, then so much a second.

    Args:
        rate_bps: Far above any camera's, and within what a house's network carries without loss.
    """

    BURST_BYTES = 32 * 1024

    def __init__(self, now_ns: int, rate_bps: int = 25_000_000) -> None:
        self._bytes_per_s = rate_bps // 8
        self._credit = float(self.BURST_BYTES)
        self._last_ns = now_ns

    def wait_s(self, size: int, now_ns: int) -> float:
        """Take ``size`` bytes; how long to wait before the next ones, 0 most often."""
        earned = (now_ns - self._last_ns) * self._bytes_per_s / 1e9
        self._last_ns = now_ns
        self._credit = min(float(self.BURST_BYTES), self._credit + earned) - size
        return 0.0 if self._credit >= 0 else (self.BURST_BYTES / 2 - self._credit) / self._bytes_per_s
