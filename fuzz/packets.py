"""RTP for the depacketiser targets: a record is a payload; its control byte moves marker, timestamp and sequence."""

from collections.abc import Callable, Iterable

from fuzz.harness import join_records, records
from haechi.media.access_unit import CodecParams, RawUnit
from haechi.media.packetise import RtpSender, track_for
from haechi.media.payload.base import Depacketiser
from haechi.media.rtp import RtpPacket

MARKER, NEW_TIME, GAP, BACK = 1, 2, 4, 8


def play(depacketiser: Depacketiser, data: bytes, check: Callable[[RawUnit], None]) -> None:
    """Feed every record; a malformed packet must leave the depacketiser able to go on."""
    from haechi.base.errors import PeerError

    sequence, timestamp = 65_530, 2**32 - 3000
    for control, payload in records(data):
        timestamp = (timestamp + 3000 * bool(control & NEW_TIME)) % 2**32
        sequence = (sequence + 1 + (control >> 4) * bool(control & GAP) - 3 * bool(control & BACK)) % 2**16
        packet = RtpPacket(depacketiser._payload_type, sequence, timestamp, 1, bool(control & MARKER), payload)
        try:
            units = depacketiser.feed_data(packet.serialise())
        except PeerError:
            continue
        for unit in units:
            check(unit)
    for unit in depacketiser.flush():
        check(unit)


def seed(params: CodecParams, units: Iterable[bytes], *, most: int = 300) -> bytes:
    """What a camera would send, in records."""
    sender = RtpSender(track_for(params), params.codec, ssrc=1, max_payload_bytes=most)
    items = []
    for number, data in enumerate(units):
        packets = [RtpPacket.parse(p) for p in sender.packetise(data, number, is_sync=number == 0, params=params)]
        for index, packet in enumerate(packets):
            items.append((MARKER * packet.marker | NEW_TIME * (index == 0), packet.payload))
    return join_records(items)
