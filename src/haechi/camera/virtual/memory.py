"""What a camera may have that keeps its own stream (`haechi.camera.dial.memory` has one)."""

from __future__ import annotations

from typing import Protocol

from haechi.camera.virtual.units import FeedUnit
from haechi.media.access_unit import CodecParams
from haechi.media.sdp import MediaTrack


class Borrower(Protocol):
    """The connection over which a memory gives out units."""

    def say(self, word: bytes) -> None:
        """Send a word over the memory's channel."""


class Memory(Protocol):
    """Keeps what a camera takes, and gives it out to who asks. Every call returns at once."""

    def track(self) -> MediaTrack:
        """How the description names its channel."""

    def extensions(self) -> dict[str, int]:
        """How the description names the marks of units."""

    def keep(self, unit: FeedUnit, params: CodecParams, wall_ns: int) -> bytes:
        """Take a unit in. Gives the RTP header extension for its first packet."""

    def opened(self, borrower: Borrower) -> None:
        """Somebody set the channel up, and plays; whoever did before is forgotten."""

    def closed(self, borrower: Borrower) -> None:
        """That is over."""

    def word(self, borrower: Borrower, packet: bytes) -> None:
        """Something came over the channel."""

    def parameters(self, body: bytes) -> None:
        """A body of SET_PARAMETER came."""
