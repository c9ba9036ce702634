"""Units as RTP payloads, made once for all who watch a stream over RTP: by RTSP and by WebRTC alike.

A viewer differs from the next one by what stands in the packet's header: see `Outlet`.
"""

from __future__ import annotations

import secrets
import struct
from collections import OrderedDict
from collections.abc import Iterator
from weakref import WeakValueDictionary

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.media import rtcp
from haechi.media.access_unit import (
    TICKS_PER_S,
    AccessUnit,
    AudioParams,
    Codec,
    CodecParams,
    UnitRef,
    VideoParams,
)
from haechi.media.packetise import packetiser_for
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Packetiser
from haechi.media.payload.h264 import H264Packetiser
from haechi.media.payload.h265 import H265Packetiser
from haechi.media.rtp import pack_header
from haechi.media.rtsp.deframer import frame

CACHED_BYTES = 16 * 1024 * 1024
"""Most that is kept of one stream: what the bus keeps of its GOP, so that many who come at once share the work."""
CACHED_UNITS = 1024
CACHED_FRAMES = 8
"""Units that are kept as they go over TCP: those who keep up are all at the newest."""
_U32 = 0xFFFFFFFF
_NUMBERS = struct.Struct(">HII")
"""What differs from viewer to viewer in a packet's header, from its third byte on: sequence, timestamp, SSRC."""


class Payload(Struct, frozen=True, gc=False):
    """What one packet carries.

    Attributes:
        ticks: Later than the unit by so much, in the payload's clock; more than 0 only where sound had to be cut.
    """

    data: bytes
    marker: bool
    ticks: int = 0


class UnitPackets(Struct, frozen=True, gc=False):
    """One unit, ready for the wire.

    Attributes:
        ticks: RTP timestamp in the payload's clock (`clock_rate_of`), not wrapped. It is the presentation time from an
            origin that all viewers of the stream share; from run to run it goes on with `captured_ns`.
        wall_ns: What `ticks` is by our wall clock: ``captured_ns``, put right where pictures are reordered.
        octets: Payload bytes in all, as sender reports count them.
    """

    ref: UnitRef
    wall_ns: int
    is_sync: bool
    ticks: int
    payloads: tuple[Payload, ...]
    octets: int


class Framed(Struct, frozen=True, gc=False):
    """A unit as it goes through a connection of RTSP (RFC 2326 section 10.12), the numbers left open.

    Attributes:
        places: Where the numbers of each packet go, and its timestamp.
        octets: Of payload, in all packets.
    """

    data: bytes
    places: tuple[tuple[int, int], ...]
    octets: int

    @classmethod
    def of(cls, made: UnitPackets, payload_type: int, channel: int) -> Framed:
        """Put the packets of a unit one behind the other."""
        parts: list[bytes] = []
        places: list[tuple[int, int]] = []
        at = 0
        for payload in made.payloads:
            timestamp = (made.ticks + payload.ticks) & _U32
            head = pack_header(0x80, payload_type | (0x80 if payload.marker else 0), 0, timestamp, 0)
            parts.append(frame(channel, head + payload.data))
            places.append((at + 4 + 2, timestamp))
            at += len(parts[-1])
        return cls(b"".join(parts), tuple(places), made.octets)


class PacketStream:
    """The packets of one stream. Made when the first viewer wants them; parameter sets before each sync unit.

    Args:
        origin: Added to all timestamps (RFC 3550 section 5.1 wants them to be hard to guess).

    Attributes:
        made: Units packetised so far.
    """

    def __init__(self, origin: int | None = None) -> None:
        self._origin = secrets.randbits(31) if origin is None else origin
        self._units: OrderedDict[tuple[int, int], UnitPackets] = OrderedDict()
        self._bytes = 0
        self._packetisers: dict[Codec, Packetiser] = {}
        self._bases: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._framed: OrderedDict[tuple[UnitRef, int, int], Framed] = OrderedDict()
        self._newest = (-1, -1)
        self._newest_ticks = 0
        self.made = 0

    def packets(self, unit: AccessUnit, params: CodecParams) -> UnitPackets:
        """``unit``, whose parameters are ``params``, as packets."""
        key = (unit.ref.run, unit.ref.seq)
        made = self._units.get(key)
        if made is None:
            if unit.is_sync and isinstance(params, VideoParams) and key > self._newest:
                self._forget()
            made = self._make(unit, params)
            self._keep(key, made)
        return made

    def framed(self, made: UnitPackets, payload_type: int, channel: int) -> Framed:
        """The packets of a unit for all who get it in their connection under the same numbers."""
        key = (made.ref, payload_type, channel)
        found = self._framed.get(key)
        if found is None:
            found = self._framed[key] = Framed.of(made, payload_type, channel)
            if len(self._framed) > CACHED_FRAMES:
                self._framed.popitem(last=False)
        return found

    def timestamp(self, unit: AccessUnit, params: CodecParams) -> int:
        """The RTP timestamp of ``unit``, 32 bits, as all its packets carry it."""
        return self._ticks(unit, clock_rate_of(params)) & _U32

    def _make(self, unit: AccessUnit, params: CodecParams) -> UnitPackets:
        self.made += 1
        packetiser = self._packetisers.get(params.codec)
        if packetiser is None:
            packetiser = self._packetisers[params.codec] = packetiser_for(params.codec)
        payloads: list[Payload] = []
        if unit.is_sync and isinstance(params, VideoParams) and isinstance(packetiser, H264Packetiser | H265Packetiser):
            payloads += [Payload(data, False) for data in packetiser.parameter_sets(params.sets)]
        if params.codec in (Codec.PCMU, Codec.PCMA) and isinstance(params, AudioParams):
            payloads += _cut(unit.data, params.channels)
        else:
            payloads += [Payload(data, marker) for data, marker in packetiser.packetise(unit.data)]
        octets = sum(len(payload.data) for payload in payloads)
        ticks = self._ticks(unit, clock_rate_of(params))
        wall_ns = unit.captured_ns + (unit.pts - unit.dts) * NS_PER_S // TICKS_PER_S
        return UnitPackets(unit.ref, wall_ns, unit.is_sync, ticks, tuple(payloads), octets)

    def _ticks(self, unit: AccessUnit, rate_hz: int) -> int:
        """Presentation time in the payload's clock. Each run begins where its first unit's capture time says."""
        own = -(-unit.pts * rate_hz // TICKS_PER_S)  # the stamp rounded down from this clock: so it comes out the same
        run = (unit.ref.run, rate_hz)
        base = self._bases.get(run)
        if base is None:
            base = self._origin + unit.captured_ns * rate_hz // NS_PER_S - own
            if unit.ref.run > self._newest[0] >= 0:
                base = max(base, self._newest_ticks + 1 - own)
            self._bases[run] = base
            if len(self._bases) > 8:
                self._bases.popitem(last=False)
        ticks = base + own
        if (unit.ref.run, unit.ref.seq) > self._newest:
            self._newest = (unit.ref.run, unit.ref.seq)
            self._newest_ticks = ticks
        return ticks

    def _keep(self, key: tuple[int, int], made: UnitPackets) -> None:
        self._units[key] = made
        self._bytes += made.octets
        while self._units and (self._bytes > CACHED_BYTES or len(self._units) > CACHED_UNITS):
            self._bytes -= self._units.popitem(last=False)[1].octets

    def _forget(self) -> None:
        """A new GOP begins: who comes now starts here, and whoever is behind pays for it himself."""
        self._units.clear()
        self._bytes = 0


class PacketStreams:
    """The packet streams that somebody watches. One is kept as long as a viewer holds it."""

    def __init__(self) -> None:
        self._streams: WeakValueDictionary[StreamId, PacketStream] = WeakValueDictionary()

    def of(self, stream: StreamId) -> PacketStream:
        """The packets of ``stream``; hold on to it while you watch."""
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = PacketStream()
        return found


class Outlet:
    """One viewer's numbers for one track: what differs from viewer to viewer.

    Attributes:
        ssrc: Our identity in the stream.
        sequence: Number of the next packet, 16 bits.
        packets, octets: Sent so far; the payload only, as sender reports count them.
    """

    def __init__(self, payload_type: int, *, ssrc: int | None = None, sequence: int | None = None) -> None:
        self._payload_type = payload_type
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self.sequence = secrets.randbits(15) if sequence is None else sequence
        self.packets = 0
        self.octets = 0

    @property
    def payload_type(self) -> int:
        return self._payload_type

    def fill(self, framed: Framed) -> bytearray:
        """All packets of a unit, with this viewer's numbers."""
        data, sequence, ssrc, pack = bytearray(framed.data), self.sequence, self.ssrc, _NUMBERS.pack_into
        for at, timestamp in framed.places:
            pack(data, at, sequence, timestamp, ssrc)
            sequence = (sequence + 1) & 0xFFFF
        self.sequence = sequence
        self.packets += len(framed.places)
        self.octets += framed.octets
        return data

    def write(self, made: UnitPackets) -> Iterator[bytes]:
        """The packets of a unit, each with its header; numbers count on with each one that is taken."""
        for payload in made.payloads:
            second = self._payload_type | (0x80 if payload.marker else 0)
            timestamp = (made.ticks + payload.ticks) & _U32
            head = pack_header(0x80, second, self.sequence, timestamp, self.ssrc)
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.packets += 1
            self.octets += len(payload.data)
            yield head + payload.data

    def sender_report(self, made: UnitPackets, name: str = "haechi") -> bytes:
        """A compound packet that says when ``made`` was taken: with it players bring sound and pictures together."""
        ntp = rtcp.ns_to_ntp(made.wall_ns)
        report = rtcp.SenderReport(self.ssrc, ntp, made.ticks & _U32, self.packets, self.octets)
        return rtcp.build(report, rtcp.SourceDescription(((self.ssrc, name),)))

    def goodbye(self) -> bytes:
        """A compound packet that says that the stream is over."""
        return rtcp.build(rtcp.ReceiverReport(self.ssrc), rtcp.Goodbye((self.ssrc,)))


def clock_rate_of(params: CodecParams) -> int:
    """Ticks a second of the stream's RTP timestamps."""
    return params.rate_hz if isinstance(params, AudioParams) else TICKS_PER_S


def _cut(data: bytes, channels: int) -> Iterator[Payload]:
    """G.711 in pieces that fit into a packet: a byte is a sample of one channel."""
    step = MAX_PAYLOAD_BYTES - MAX_PAYLOAD_BYTES % max(1, channels)
    for at in range(0, len(data), step):
        yield Payload(data[at : at + step], False, at // max(1, channels))
