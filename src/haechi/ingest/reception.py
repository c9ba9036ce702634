"""The receiving end of one RTP track."""

from __future__ import annotations

import secrets

from haechi.ingest.source import Track
from haechi.media import rtcp
from haechi.media.depacketise import codec_of, depacketiser_for
from haechi.media.payload.base import Depacketiser
from haechi.media.reverse.mark import Marks
from haechi.media.sdp import MediaTrack


class Reception:
    """A track that plays: its depacketiser, and what reports need.

    Attributes:
        media: As the camera describes it.
        marks: Finds what the camera calls its units; None where it says that it does not.
    """

    def __init__(self, index: int, track: MediaTrack) -> None:
        self.index = index
        self.media = track
        self.marks = Marks(track.extensions) if Marks.are_in(track.extensions) else None
        self.track = Track(codec_of(track), track.clock_rate_hz)
        self.depacketiser: Depacketiser = depacketiser_for(track)
        self.last_ticks: int | None = None
        self.statistics = rtcp.ReceptionStatistics(track.clock_rate_hz)
        self.name = secrets.randbits(32)

    def report(self, now_ns: int) -> bytes:
        """A receiver report on what came so far; empty before anything did."""
        source = self.depacketiser
        if not source.received:
            return b""
        block = self.statistics.report(source.ssrc, source.received, source.lost, source.highest_sequence, now_ns)
        return rtcp.build(rtcp.ReceiverReport(self.name, (block,)))
