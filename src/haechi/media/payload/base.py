"""What all depacketisers and packetisers share: sequence numbers, timestamps, loss."""

from __future__ import annotations

from abc import ABC, abstractmethod

from haechi.base.errors import PeerError
from haechi.media.access_unit import RawUnit
from haechi.media.rtp import RtpPacket, TimestampUnwrapper, payload_bounds, unpack_header

MAX_PAYLOAD_BYTES = 1200
"""What packetisers put into a packet: fits any path with an MTU of 1,280 (IPv6 minimum), headers included."""
_MAX_MISORDER = 100
_MAX_DROPOUT = 3000


class Packetiser(ABC):
    """Cuts units into RTP payloads."""

    @abstractmethod
    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        """The payloads of one unit in order, each with its marker bit."""


class Depacketiser(ABC):
    """Puts the RTP packets of one track together again; packets come in order (see `haechi.media.rtp.Reorder`).

    Attributes:
        received: Packets taken in.
        lost: Packets known to be missing, since the beginning.
        ignored: Packets that are not this track's (another payload type), doubled or late.
        highest_sequence: Extended highest sequence number received, for receiver reports.
        ssrc: The sender's identity in the last packet.
        last_timestamp: The RTP timestamp of the last packet, as it came.
    """

    def __init__(self, payload_type: int) -> None:
        self._payload_type = payload_type
        self._next = -1
        self._restart = -1
        self._cycles = 0
        self._pending_lost = 0
        self._unwrapper = TimestampUnwrapper()
        self.received = 0
        self.lost = 0
        self.ignored = 0
        self.ssrc = 0
        self.last_timestamp = 0

    @property
    def highest_sequence(self) -> int:
        return self._cycles * 0x10000 + ((self._next - 1) & 0xFFFF)

    def feed(self, packet: RtpPacket) -> list[RawUnit]:
        """Take one packet; give the units completed by it. See `feed_data`."""
        return self.feed_data(packet.serialise())

    def feed_data(self, data: bytes) -> list[RawUnit]:
        """Take one packet as it came from the wire; give the units completed by it.

        Raises:
            PeerError: The packet is malformed or a limit is exceeded. The unit in progress is marked damaged, and
                the depacketiser can go on with the next packet.
        """
        if len(data) < 12:
            raise PeerError("not an RTP packet", offset=0, code="rtp-bad-packet")
        first, second, sequence, timestamp, ssrc = unpack_header(data)
        start, end = (12, len(data)) if first == 0x80 else payload_bounds(data)
        if second & 0x7F != self._payload_type:
            self.ignored += 1
            return []
        if (sequence != self._next or ssrc != self.ssrc) and not self._is_next(sequence, ssrc):
            self.ignored += 1
            return []
        following = sequence + 1
        if following == 0x10000:
            following = 0
            self._cycles += 1
        self._next = following
        self.received += 1
        self.last_timestamp = timestamp
        if start == end:
            return []
        return self._take(data, start, end, timestamp, second >= 0x80)

    def feed_run(self, _data: bytes, position: int) -> int:
        """Take interleaved packets (RFC 2326 10.12) where they lie, as far as that is the short way to the very same
        result as `feed_data`; ``data[position]`` begins a whole one. Returns where it stopped: perhaps at once."""
        return position

    def trust_markers(self) -> None:
        """The sender is known to mark the last packet of each picture: nothing waits for the next one.

        Nothing changes for codings whose units are told by anything else.
        """
        return

    def _is_next(self, sequence: int, ssrc: int) -> bool:
        """Whether an unexpected sequence number is to be taken (RFC 3550 A.1); loss is counted here."""
        if self._next < 0 or ssrc != self.ssrc:
            if self._next >= 0:
                self._on_loss()
            self.ssrc = ssrc
            return True
        ahead = (sequence - self._next) & 0xFFFF
        if ahead < _MAX_DROPOUT:
            if sequence < self._next:
                self._cycles += 1
            self._count_loss(ahead)
            return True
        if sequence == self._restart:
            self._count_loss(1)
            return True
        if ahead < 0x10000 - _MAX_MISORDER:
            self._restart = (sequence + 1) & 0xFFFF
        return False

    def _count_loss(self, packets: int) -> None:
        self.lost += packets
        self._pending_lost += packets
        self._restart = -1
        self._on_loss()

    def _take_lost(self) -> int:
        """Packets lost since this was last asked, for `RawUnit.lost_packets`."""
        lost, self._pending_lost = self._pending_lost, 0
        return lost

    def _malformed(self, message: str, offset: int) -> PeerError:
        """The error to raise for a payload that breaks its format; what is in progress is given up."""
        self._on_loss()
        return PeerError(message, offset=offset, code="rtp-bad-payload")

    @abstractmethod
    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        """Process the payload ``data[start:end]``, which is not empty."""

    @abstractmethod
    def _on_loss(self) -> None:
        """Packets are missing between the last payload and the next."""

    @abstractmethod
    def flush(self) -> list[RawUnit]:
        """The unit in progress, if it may be complete. For the end of a stream, or when it has been silent."""


def check_mtu(max_payload_bytes: int) -> int:
    """``max_payload_bytes`` when it can work.

    Raises:
        ValueError: Smaller than the largest header of any payload format here.
    """
    if max_payload_bytes < 160:
        raise ValueError("an RTP payload of fewer than 160 bytes cannot carry the headers of all formats")
    return max_payload_bytes
