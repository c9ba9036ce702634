"""Which unit is nearest to a moment that a camera reports."""

from __future__ import annotations

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus
from haechi.events.footage import Footage
from haechi.media.access_unit import UnitRef

MOST_AWAY_NS = 10 * NS_PER_S
"""A unit that is further away says nothing about the moment: the camera's stream was down."""


class Moment(Struct, frozen=True):
    """A unit, and when it was captured."""

    ref: UnitRef
    captured_ns: int


class Moments:
    """Looks in memory first, where what a camera just reported mostly is; then in the recording."""

    def __init__(self, bus: FrameBus, footage: Footage) -> None:
        self._bus = bus
        self._footage = footage

    async def nearest(self, stream: StreamId, at_ns: int) -> Moment | None:
        """The unit whose capture is nearest to ``at_ns``; None: none is held from near there."""
        channel = self._bus.channel(stream) if stream in self._bus.streams() else None
        held = channel.gop() if channel is not None else []
        if channel is not None and channel.last is not None:
            held.append(channel.last)
        moments = [Moment(one.ref, one.captured_ns) for one in held]
        if not held or at_ns < held[0].captured_ns:
            moments += await self._recorded(stream, at_ns)
        best = min(moments, key=lambda one: abs(one.captured_ns - at_ns), default=None)
        return best if best is not None and abs(best.captured_ns - at_ns) <= MOST_AWAY_NS else None

    async def _recorded(self, stream: StreamId, at_ns: int) -> list[Moment]:
        """The fragment may not be listed yet; then the oldest that is held is the nearest that we know."""
        try:
            found = (await self._footage.unit_at(stream, at_ns)).units[-1]
        except (NotFound, DataLoss, Invalid, Unavailable):
            return []
        return [Moment(found.ref, found.captured_ns)]
