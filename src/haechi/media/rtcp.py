"""RTCP (RFC 3550 section 6): reports of sender and receiver, SDES, BYE; NTP time; reception statistics."""

from __future__ import annotations

import struct

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import PeerError
from haechi.media.rtp import TimestampUnwrapper

SR, RR, SDES, BYE = 200, 201, 202, 203
_NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01."""
_MAX_PACKETS = 64
_CNAME = 1


class ReportBlock(Struct, frozen=True):
    """How well a receiver gets one sender's packets (section 6.4.1).

    ``jitter`` is in RTP ticks, ``last_sr`` the middle 32 bits of the last sender report's NTP time, ``delay_since_sr``
    in 1/65,536 s.
    """

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay_since_sr: int = 0


class SenderReport(Struct, frozen=True):
    """The sender's clock: the instant ``ntp`` (64 bits, see `ntp_to_ns`) is ``rtp_timestamp`` in the stream."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


class ReceiverReport(Struct, frozen=True):
    """What a receiver has to say."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


class SourceDescription(Struct, frozen=True):
    """Canonical names of sources (only CNAME is kept)."""

    names: tuple[tuple[int, str], ...]


class Goodbye(Struct, frozen=True):
    """Sources that leave."""

    ssrcs: tuple[int, ...]


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def ntp_to_ns(ntp: int) -> int:
    """A 64-bit NTP time as nanoseconds since 1970. Times before 1970 (a camera that was never set) are negative."""
    return ((ntp >> 32) - _NTP_EPOCH_S) * NS_PER_S + ((ntp & 0xFFFFFFFF) * NS_PER_S >> 32)


def ns_to_ntp(ns: int) -> int:
    """Nanoseconds since 1970 as a 64-bit NTP time."""
    seconds, fraction = divmod(ns, NS_PER_S)
    return ((seconds + _NTP_EPOCH_S) & 0xFFFFFFFF) << 32 | (fraction << 32) // NS_PER_S


def parse(data: bytes) -> list[RtcpPacket]:
    """The packets of a compound packet; types that are not ours (APP, feedback) are passed over.

    Raises:
        PeerError: The lengths do not fit, or it is not RTCP.
    """
    out: list[RtcpPacket] = []
    position = 0
    for _ in range(_MAX_PACKETS):
        if position == len(data):
            return out
        if position + 4 > len(data) or data[position] >> 6 != 2:
            raise PeerError("not an RTCP packet", offset=position, code="rtcp-bad-packet")
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            raise PeerError("an RTCP packet is cut off", offset=position, code="rtcp-bad-packet")
        packet = _parse_one(data[position:end], position)
        if packet is not None:
            out.append(packet)
        position = end
    raise PeerError("an RTCP packet has too many parts", offset=position, code="rtcp-bad-packet")


def _parse_one(data: bytes, offset: int) -> RtcpPacket | None:
    count, kind = data[0] & 31, data[1]
    try:
        if kind == SR:
            ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!IQIII", data, 4)
            return SenderReport(ssrc, ntp, timestamp, packets, octets, _parse_blocks(data, 28, count))
        if kind == RR:
            return ReceiverReport(struct.unpack_from("!I", data, 4)[0], _parse_blocks(data, 8, count))
        if kind == SDES:
            return SourceDescription(tuple(_parse_names(data, count)))
        if kind == BYE:
            return Goodbye(struct.unpack_from(f"!{count}I", data, 4))
    except (struct.error, IndexError):
        raise PeerError("an RTCP packet is shorter than it says", offset=offset, code="rtcp-bad-packet") from None
    return None


def _parse_blocks(data: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks: list[ReportBlock] = []
    for at in range(start, start + 24 * count, 24):
        ssrc, loss, highest, jitter, last, delay = struct.unpack_from("!IIIIII", data, at)
        lost = loss & 0xFFFFFF
        lost -= 0x1000000 if lost & 0x800000 else 0
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last, delay))
    return tuple(blocks)


def _parse_names(data: bytes, count: int) -> list[tuple[int, str]]:
    names: list[tuple[int, str]] = []
    position = 4
    for _ in range(count):
        ssrc = struct.unpack_from("!I", data, position)[0]
        position += 4
        while data[position]:
            kind, size = data[position], data[position + 1]
            text = data[position + 2 : position + 2 + size]
            if kind == _CNAME:
                names.append((ssrc, text.decode("utf-8", "replace")))
            position += 2 + size
        position = (position // 4 + 1) * 4
    return names


def build(*packets: RtcpPacket) -> bytes:
    """A compound packet."""
    return b"".join(map(_build_one, packets))


def _build_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            fields = (packet.ssrc, packet.ntp, packet.rtp_timestamp, packet.packets & _U32, packet.octets & _U32)
            return _head(SR, len(packet.blocks), struct.pack("!IQIII", *fields) + _build_blocks(packet.blocks))
        case ReceiverReport():
            return _head(RR, len(packet.blocks), packet.ssrc.to_bytes(4, "big") + _build_blocks(packet.blocks))
        case SourceDescription():
            chunks = (_build_name(ssrc, name.encode()[:255]) for ssrc, name in packet.names)
            return _head(SDES, len(packet.names), b"".join(chunks))
        case Goodbye():
            return _head(BYE, len(packet.ssrcs), struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs))


_U32 = 0xFFFFFFFF


def _head(kind: int, count: int, body: bytes) -> bytes:
    if count > 31:
        raise ValueError("an RTCP packet holds 31 entries at most")
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _build_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        struct.pack(
            "!IIIIII",
            block.ssrc,
            block.fraction_lost << 24 | (max(-0x800000, min(block.packets_lost, 0x7FFFFF)) & 0xFFFFFF),
            block.highest_sequence & _U32,
            block.jitter & _U32,
            block.last_sr,
            block.delay_since_sr & _U32,
        )
        for block in blocks
    )


def _build_name(ssrc: int, name: bytes) -> bytes:
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name + b"\x00"
    return chunk + b"\x00" * (-len(chunk) % 4)


class ReceptionStatistics:
    """What a receiver report says about one sender: jitter (appendix A.8) and loss since the last report (A.3).

    Sequence numbers and losses are counted by the depacketiser; give its figures to `report`.
    """

    def __init__(self, clock_rate_hz: int) -> None:
        self._rate_hz = clock_rate_hz
        self._unwrapper = TimestampUnwrapper()
        self._transit: int | None = None
        self._jitter = 0.0
        self._last_lost = 0
        self._last_received = 0
        self._sr_ntp = 0
        self._sr_arrived_ns = 0

    @property
    def jitter_s(self) -> float:
        """Interarrival jitter in seconds."""
        return self._jitter / self._rate_hz

    def arrived(self, timestamp: int, arrived_ns: int) -> None:
        """A packet with this RTP timestamp arrived (monotonic time). Once per unit is enough."""
        transit = arrived_ns * self._rate_hz // NS_PER_S - self._unwrapper.unwrap(timestamp)
        if self._transit is not None:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit = transit

    def sender_report(self, report: SenderReport, arrived_ns: int) -> None:
        """A sender report arrived (monotonic time)."""
        self._sr_ntp, self._sr_arrived_ns = report.ntp, arrived_ns

    def report(self, ssrc: int, received: int, lost: int, highest_sequence: int, now_ns: int) -> ReportBlock:
        """The report on the sender ``ssrc``; the counts are totals since the beginning."""
        new_lost, new_received = lost - self._last_lost, received - self._last_received
        self._last_lost, self._last_received = lost, received
        expected = new_lost + new_received
        fraction = min(255, new_lost * 256 // expected) if expected > 0 and new_lost > 0 else 0
        delay = (now_ns - self._sr_arrived_ns) * 65536 // NS_PER_S if self._sr_ntp else 0
        last_sr = (self._sr_ntp >> 16) & _U32
        return ReportBlock(ssrc, fraction, lost, highest_sequence, int(self._jitter), last_sr, min(delay, _U32))
