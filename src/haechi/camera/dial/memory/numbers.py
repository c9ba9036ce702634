"""A camera's own numbers for what it takes: edge run and seq, media time from the start of the run. Pure."""

from __future__ import annotations

from collections.abc import Callable

from haechi.camera.virtual.units import FeedUnit
from haechi.ingest.stamp import DecodeOrder
from haechi.media.access_unit import TICKS_PER_S, AudioParams, CodecParams, VideoParams
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit, Role

JUMP_S = 2.0
"""Media time and our clock may disagree by so much about the step between two units; beyond it a new run begins."""


class _Track:
    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.seq = 0
        self.first_ticks: int | None = None
        self.last_ticks = 0
        self.last_due_s = 0.0
        self.order = DecodeOrder()

    def jumps(self, unit: FeedUnit) -> bool:
        """Whether media time began anew."""
        if self.first_ticks is None:
            return False
        step_s = (unit.rtp_ticks - self.last_ticks) / self.rate_hz
        return abs(step_s) > JUMP_S and abs(step_s - (unit.due_s - self.last_due_s)) > JUMP_S


class Numbering:
    """Numbers units.

    Args:
        new_run: A random number for each run.
    """

    def __init__(self, new_run: Callable[[], EdgeRun]) -> None:
        self._new_run = new_run
        self._tracks: dict[Role, _Track] = {}
        self.run = new_run()

    def next(self, unit: FeedUnit, params: CodecParams, wall_ns: int) -> EdgeUnit:
        """The unit with its number."""
        role: Role = "main" if isinstance(params, VideoParams) else "audio"
        rate_hz = params.rate_hz if isinstance(params, AudioParams) else TICKS_PER_S
        known = self._tracks.get(role)
        if known is not None and (known.jumps(unit) or known.rate_hz != rate_hz):
            self.run = self._new_run()
            self._tracks.clear()
        track = self._tracks.setdefault(role, _Track(rate_hz))
        if track.first_ticks is None:
            track.first_ticks = unit.rtp_ticks
        track.last_ticks, track.last_due_s = unit.rtp_ticks, unit.due_s
        pts = (unit.rtp_ticks - track.first_ticks) * TICKS_PER_S // rate_hz
        edge = EdgeId(self.run, track.seq)
        track.seq += 1
        return EdgeUnit(edge, role, pts, track.order.next(pts), wall_ns, unit.is_sync, params, unit.data)
