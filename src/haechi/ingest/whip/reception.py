"""What a publisher sends: packets in order, asked for again where some are missing; units out of them."""

from __future__ import annotations

from collections.abc import Sequence

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.errors import PeerError, Unavailable
from haechi.ingest.reception import Reception
from haechi.ingest.source import Sink
from haechi.media import rtcp
from haechi.media.access_unit import RawUnit
from haechi.media.sdp import MediaTrack
from haechi.media.webrtc.description import Section
from haechi.media.webrtc.feedback import Arrivals, nack, picture_loss, transport_number
from haechi.media.webrtc.incoming import Incoming

MOST_BAD_PACKETS = 100
LONGEST_GOP_NS = 3 * NS_PER_S
"""A browser sends no sync picture by itself: it is asked for one, so that footage can be cut (CONTRACT D1)."""
SYNC_AGAIN_NS = 700 * NS_PER_MS
REPORT_NS = NS_PER_S


class Lane:
    """One track that is taken."""

    def __init__(self, index: int, section: Section, track: MediaTrack) -> None:
        self.reception = Reception(index, track)
        self.reception.depacketiser.trust_markers()
        self.incoming = Incoming(asks=section.has_nack)
        self.extension = section.transport_cc if section.has_transport_cc else 0
        self.has_pli = section.has_pli
        self.is_video = section.kind == "video"
        self.payload_type = track.payload_type
        self.synced_ns = 0
        self.wants_sync = True
        self.asked_sync_ns = 0


class WhipReception:
    """All tracks of one publisher. It is fed packets and the time, and gives units to the sink and RTCP to send.

    Attributes:
        last_video_ns: Monotonic time of the last picture.
    """

    def __init__(self, sections: Sequence[Section], sink: Sink, now_ns: int) -> None:
        pairs = [(section, section.track) for section in sections if section.track is not None]
        self.lanes = [Lane(index, section, track) for index, (section, track) in enumerate(pairs)]
        self._by_type = {lane.payload_type: lane for lane in self.lanes}
        self._by_ssrc: dict[int, Lane] = {}
        self._sink = sink
        self._arrivals = Arrivals()
        self._reported_ns = now_ns
        self._bad_packets = 0
        self.last_video_ns = now_ns
        for lane in self.lanes:
            lane.synced_ns = now_ns

    def rtp(self, data: bytes, arrived_ns: int) -> None:
        """An RTP packet.

        Raises:
            PeerError: Many in a row make no sense.
        """
        lane = self._by_type.get(data[1] & 0x7F)
        if lane is None:
            return
        if lane.extension:
            number = transport_number(data, lane.extension)
            if number is not None:
                self._arrivals.note(number, arrived_ns)
        for packet in lane.incoming.push(data, arrived_ns):
            self._packet(lane, packet, arrived_ns)

    def rtcp(self, data: bytes, arrived_ns: int) -> None:
        """An RTCP packet.

        Raises:
            Unavailable: ``camera-closed``: the publisher says good-bye.
        """
        try:
            reports = rtcp.parse(data)
        except PeerError:
            self._bad_packets += 1
            return
        for report in reports:
            lane = self._by_ssrc.get(report.ssrc) if isinstance(report, rtcp.SenderReport) else None
            if isinstance(report, rtcp.SenderReport) and lane is not None:
                reception = lane.reception
                reception.statistics.sender_report(report, arrived_ns)
                if reception.last_ticks is not None:
                    step = (report.rtp_timestamp - reception.last_ticks + (1 << 31)) % (1 << 32) - (1 << 31)
                    self._sink.report(reception.index, rtcp.ntp_to_ns(report.ntp), reception.last_ticks + step)
            elif isinstance(report, rtcp.Goodbye) and any(self._is_video(ssrc) for ssrc in report.ssrcs):
                raise Unavailable("the publisher said good-bye", code="camera-closed")

    def urgent(self, now_ns: int) -> bytes:
        """What to ask for at once; empty: nothing."""
        return b"".join(self._asks(lane, now_ns) for lane in self.lanes)

    def due(self, now_ns: int) -> bytes:
        """What is to be told by now, called every twentieth of a second; empty: nothing. Moves on what waits too long.

        Raises:
            PeerError: As `rtp`.
        """
        for lane in self.lanes:
            for packet in lane.incoming.overdue(now_ns):
                self._packet(lane, packet, now_ns)
        out = b"".join(self._asks(lane, now_ns) for lane in self.lanes)
        first = self.lanes[0].reception
        out += self._arrivals.report(first.name, first.depacketiser.ssrc)
        if now_ns - self._reported_ns >= REPORT_NS:
            self._reported_ns = now_ns
            out = b"".join(lane.reception.report(now_ns) for lane in self.lanes) + out
        return out

    def _asks(self, lane: Lane, now_ns: int) -> bytes:
        reception = lane.reception
        if not reception.depacketiser.received:
            return b""
        wanted = lane.incoming.wanted(now_ns)
        out = nack(reception.name, reception.depacketiser.ssrc, wanted) if wanted else b""
        if lane.is_video and lane.has_pli and self._needs_sync(lane, now_ns):
            lane.asked_sync_ns = now_ns
            out += picture_loss(reception.name, reception.depacketiser.ssrc)
        return out

    def _needs_sync(self, lane: Lane, now_ns: int) -> bool:
        is_long = now_ns - lane.synced_ns >= LONGEST_GOP_NS
        return (lane.wants_sync or is_long) and now_ns - lane.asked_sync_ns >= SYNC_AGAIN_NS

    def _packet(self, lane: Lane, packet: bytes, arrived_ns: int) -> None:
        try:
            units = lane.reception.depacketiser.feed_data(packet)
        except PeerError:
            self._bad_packets += 1
            if self._bad_packets > MOST_BAD_PACKETS:
                raise
            return
        if not units:
            return
        self._by_ssrc[lane.reception.depacketiser.ssrc] = lane
        if len(self._by_ssrc) > 16:
            self._by_ssrc = {lane.reception.depacketiser.ssrc: lane for lane in self.lanes}
        for unit in units:
            self._unit(lane, unit, arrived_ns)

    def _unit(self, lane: Lane, unit: RawUnit, arrived_ns: int) -> None:
        self._bad_packets = 0
        reception = lane.reception
        reception.last_ticks = unit.rtp_ticks
        reception.statistics.arrived(unit.rtp_ticks & 0xFFFFFFFF, arrived_ns)
        if lane.is_video:
            self.last_video_ns = arrived_ns
            if unit.damaged or unit.lost_packets:
                lane.wants_sync = True
            if unit.is_sync and not unit.damaged:
                lane.wants_sync = False
                lane.synced_ns = arrived_ns
        self._sink.unit(reception.index, unit, arrived_ns)

    def _is_video(self, ssrc: int) -> bool:
        lane = self._by_ssrc.get(ssrc)
        return lane is not None and lane.is_video
