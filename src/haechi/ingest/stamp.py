"""The one place where access units are made: identity, media time and `captured_ns` are decided here, once.

Method and invariants: docs/design/time.md. Pure: every time is an argument.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import PeerError
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, RawUnit, UnitRef

JUMP_NS = 2 * NS_PER_S
"""Camera time and our time may disagree by this much about the step between two units; beyond it the camera's clock
jumped (reboot, time set) and a new run begins."""
WINDOW_NS = 10 * NS_PER_S
"""The least delayed unit is looked for among those of the last two windows."""
SLEW_PPM = 1_000
"""How fast the mapping follows. A crystal is off by less than 200 ppm."""
REPAY_PPM = 50_000
"""How fast a run that had to start ahead of the wall clock (the clock was set back) gives the time back."""
LONGEST_ENCODE_NS = 2 * NS_PER_S
"""A sender report that claims the picture is older than this, or from the future, is not believed."""
STEADY_NS = 50 * NS_PER_MS
DEEPEST_REORDER = 16
"""H.264 and H.265 allow no deeper reordering (max_dec_frame_buffering)."""


class TimestampJump(PeerError):
    """The camera's media time jumped; the caller ends the run and begins another."""

    default_code = "timestamp-jump"


class RunTime:
    """Wall time of one run: read once, then carried by the monotonic clock.

    Args:
        wall_ns, monotonic_ns: Both clocks, read together when the run began.
        floor_ns: Newest ``captured_ns`` of the stream so far. When the wall clock was set back to before it, the run
            starts just after it and gives the difference back slowly, so that stamps still strictly increase.
    """

    def __init__(self, wall_ns: int, monotonic_ns: int, floor_ns: int = 0) -> None:
        self.monotonic_ns = monotonic_ns
        self.start_ns = max(wall_ns, floor_ns + NS_PER_MS)
        self.ahead_ns = self.start_ns - wall_ns

    def wall_at(self, monotonic_ns: int) -> int:
        """Wall time at a moment of the monotonic clock."""
        elapsed_ns = monotonic_ns - self.monotonic_ns
        repaid_ns = min(self.ahead_ns, max(0, elapsed_ns) * REPAY_PPM // 1_000_000)
        return self.start_ns + elapsed_ns - repaid_ns


class MediaClock:
    """Maps a track's media time to our monotonic clock by its least delayed unit.

    ``offset = arrival - media``. Delay only ever adds to it, so its minimum over a while is the best estimate. The
    mapping follows the minimum by at most `SLEW_PPM`, except that it never claims a unit was taken after it arrived.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._least: deque[tuple[int, int]] = deque(maxlen=2)
        self._report_offset_ns: int | None = None
        self._report_steady = 0
        self._last_ns = 0

    def map(self, media_ns: int, arrived_ns: int) -> int:
        """When, by our monotonic clock, the unit at ``media_ns`` that arrived at ``arrived_ns`` was taken."""
        seen_ns = arrived_ns - media_ns
        if self._offset_ns is None:
            self._offset_ns = seen_ns
            self._last_ns = arrived_ns
        self._note(seen_ns, arrived_ns)
        target_ns = min(self._least[0][1], self._least[-1][1])
        if self._report_steady >= 2 and self._report_offset_ns is not None:
            target_ns = min(target_ns, self._report_offset_ns)
        limit_ns = max(0, arrived_ns - self._last_ns) * SLEW_PPM // 1_000_000
        step_ns = target_ns - self._offset_ns
        self._offset_ns += max(-limit_ns, min(limit_ns, step_ns))
        self._offset_ns = min(self._offset_ns, seen_ns)
        self._last_ns = arrived_ns
        return media_ns + self._offset_ns

    def report(self, offset_ns: int) -> None:
        """A sender report says that ``our monotonic clock - media time`` is ``offset_ns`` (camera clock believed).

        Used when two in a row agree within 50 ms and put the picture at most 2 s before its arrival.
        """
        least = min((least for _, least in self._least), default=None)
        is_sane = least is not None and least - LONGEST_ENCODE_NS <= offset_ns <= least + STEADY_NS
        previous = self._report_offset_ns
        is_steady = is_sane and (previous is None or abs(offset_ns - previous) <= STEADY_NS)
        self._report_steady = self._report_steady + 1 if is_steady else 0
        self._report_offset_ns = offset_ns if is_sane else None

    def _note(self, seen_ns: int, arrived_ns: int) -> None:
        if not self._least or arrived_ns - self._least[-1][0] >= WINDOW_NS:
            self._least.append((arrived_ns, seen_ns))
        elif seen_ns < self._least[-1][1]:
            self._least[-1] = (self._least[-1][0], seen_ns)


class DecodeOrder:
    """Decode times for units that arrive in decode order with presentation times only (RTP carries no dts).

    Without reordering dts is pts. With B-pictures of depth D, the dts of a unit is the (D+1)-th newest presentation
    time so far: not after its own pts, and strictly increasing. D is learned when a pts first goes back; ``depth``
    starts it where the SPS tells.
    """

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._recent: list[int] = []
        self._last: int | None = None

    def next(self, pts: int) -> int:
        """The dts of the next unit in decode order, in the unit of ``pts``."""
        recent = self._recent
        if not self._depth and (not recent or pts > recent[-1]):  # the usual camera: nothing is reordered
            recent.append(pts)
            if len(recent) > DEEPEST_REORDER + 1:
                del recent[0]
            self._last = pts if self._last is None or pts > self._last else self._last + 1
            return self._last
        later = len(self._recent) - _position(self._recent, pts)
        self._depth = min(max(self._depth, later), DEEPEST_REORDER)
        insort(self._recent, pts)
        if len(self._recent) > DEEPEST_REORDER + 1:
            self._recent.pop(0)
        index = len(self._recent) - 1 - self._depth
        dts = self._recent[index] if index >= 0 else self._recent[0] + index
        if self._last is not None and dts <= self._last:
            dts = self._last + 1
        self._last = dts
        return dts


def _position(ordered: list[int], value: int) -> int:
    position = len(ordered)
    while position and ordered[position - 1] > value:
        position -= 1
    return position


class Stamper:
    """Makes the access units of one run of one stream.

    Args:
        rate_hz: Clock rate of the track's RTP timestamps.
        time: Wall time of the run; shared by all streams of the connection.
    """

    def __init__(self, ref: UnitRef, rate_hz: int, time: RunTime) -> None:
        self._stream = ref.stream
        self._run = ref.run
        self._seq = ref.seq
        self._rate_hz = rate_hz
        self._time = time
        self._clock = MediaClock()
        self._order = DecodeOrder()
        self._first_ticks: int | None = None
        self._last_ticks = 0
        self._last_arrived_ns = 0
        self._last_captured_ns = time.start_ns - 1

    @property
    def captured_ns(self) -> int:
        """The newest stamp given out (just before the run's start when there is none)."""
        return self._last_captured_ns

    def stamp(self, raw: RawUnit, arrived_ns: int, params: int) -> AccessUnit:
        """Make the access unit. ``arrived_ns`` is monotonic time when its last byte was read.

        Raises:
            TimestampJump: The camera's clock jumped since the last unit; begin a new run with this very ``raw``.
        """
        if self._first_ticks is None:
            self._first_ticks = raw.rtp_ticks
        else:
            self._refuse_jump(raw.rtp_ticks, arrived_ns)
        self._last_ticks = raw.rtp_ticks
        self._last_arrived_ns = arrived_ns
        pts = (raw.rtp_ticks - self._first_ticks) * TICKS_PER_S // self._rate_hz
        dts = self._order.next(pts)
        taken_ns = self._clock.map(dts * NS_PER_S // TICKS_PER_S, arrived_ns)
        captured_ns = max(self._time.wall_at(taken_ns), self._last_captured_ns + 1)
        self._last_captured_ns = captured_ns
        unit = AccessUnit(
            UnitRef(self._stream, self._run, self._seq), pts, dts, captured_ns, raw.is_sync, params, raw.data
        )
        self._seq += 1
        return unit

    def sender_report(self, camera_wall_ns: int, rtp_ticks: int) -> None:
        """Take note of an RTCP sender report: the camera's wall clock showed ``camera_wall_ns`` at ``rtp_ticks``."""
        if self._first_ticks is None:
            return
        media_ns = (rtp_ticks - self._first_ticks) * NS_PER_S // self._rate_hz
        monotonic_ns = camera_wall_ns - self._time.start_ns + self._time.ahead_ns + self._time.monotonic_ns
        self._clock.report(monotonic_ns - media_ns)

    def _refuse_jump(self, ticks: int, arrived_ns: int) -> None:
        media_step_ns = (ticks - self._last_ticks) * NS_PER_S // self._rate_hz
        real_step_ns = arrived_ns - self._last_arrived_ns
        if abs(media_step_ns) > JUMP_NS and abs(media_step_ns - real_step_ns) > JUMP_NS:
            raise TimestampJump("the camera's clock jumped", offset=self._seq, step_ns=media_step_ns)
