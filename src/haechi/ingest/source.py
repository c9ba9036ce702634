"""What every kind of source looks like to the rest of ingest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from haechi.media.access_unit import Codec, RawUnit


class Track(Struct, frozen=True):
    """One elementary stream that a source offers.

    Attributes:
        rate_hz: Clock rate of `RawUnit.rtp_ticks`.
    """

    codec: Codec
    rate_hz: int


class Sink(Protocol):
    """Where a source puts what it gets. All but ``opened`` are called per unit and return at once."""

    async def opened(self, tracks: Sequence[Track]) -> Sequence[bool]:
        """The source is connected and knows its tracks. Answers which of them are wanted."""

    def unit(self, track: int, raw: RawUnit, arrived_ns: int) -> None:
        """A unit of track number ``track`` whose last byte was read at ``arrived_ns`` (monotonic)."""

    def report(self, track: int, camera_wall_ns: int, rtp_ticks: int) -> None:
        """A sender report: the camera's clock showed ``camera_wall_ns`` at unwrapped media time ``rtp_ticks``."""


class Source(Protocol):
    """Something that delivers units over one connection."""

    async def run(self, sink: Sink) -> None:
        """Connect and deliver until the other side ends it (returns) or something fails (raises `HaechiError`)."""
