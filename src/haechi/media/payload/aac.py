"""AAC over RTP (RFC 3640, mode AAC-hbr): several frames in a packet, or a frame over several packets."""

from __future__ import annotations

from haechi.media.access_unit import AudioParams, RawUnit
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Depacketiser, Packetiser, check_mtu

MAX_FRAME_BYTES = 8191
"""What the 13-bit size field can say."""
_MAX_FRAMES = 64


class AacDepacketiser(Depacketiser):
    """Payloads to raw AAC frames.

    Args:
        size_bits, index_bits: ``sizelength`` and ``indexlength`` of the SDP (13 and 3 in AAC-hbr).
        ticks_per_frame: RTP ticks from one frame to the next within a packet.
    """

    def __init__(
        self, payload_type: int, params: AudioParams, *, ticks_per_frame: int, size_bits: int = 13, index_bits: int = 3
    ) -> None:
        super().__init__(payload_type)
        self._announce: AudioParams | None = params
        self._ticks_per_frame = ticks_per_frame
        self._size_bits = size_bits
        self._index_bits = index_bits
        self._fragment: list[bytes] = []
        self._fragment_size = 0
        self._fragment_timestamp = 0

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        sizes, position = self._read_headers(data, start, end)
        if len(sizes) == 1 and sizes[0] > end - position:
            return self._take_fragment(data[position:end], sizes[0], timestamp)
        self._fragment = []
        out: list[RawUnit] = []
        for index, size in enumerate(sizes):
            if position + size > end:
                raise self._malformed("an AAC frame is longer than its packet", position)
            if size:
                out.append(self._unit(timestamp + index * self._ticks_per_frame, data[position : position + size]))
            position += size
        return out

    def _read_headers(self, data: bytes, start: int, end: int) -> tuple[list[int], int]:
        """Sizes of the frames in bytes, and where the first begins."""
        bits = int.from_bytes(data[start : start + 2], "big")
        width = self._size_bits + self._index_bits
        position = start + 2 + (bits + 7) // 8
        count = bits // width
        if position > end or not 0 < count <= _MAX_FRAMES:
            raise self._malformed("the AAC headers do not fit into the packet", start)
        value = int.from_bytes(data[start + 2 : position], "big") >> (-bits % 8)
        shifts = (bits - (index + 1) * width + self._index_bits for index in range(count))
        return [(value >> shift) & ((1 << self._size_bits) - 1) for shift in shifts], position

    def _take_fragment(self, part: bytes, size: int, timestamp: int) -> list[RawUnit]:
        if not self._fragment or timestamp != self._fragment_timestamp or size != self._fragment_size:
            self._fragment = []
            self._fragment_size, self._fragment_timestamp = size, timestamp
        self._fragment.append(part)
        have = sum(len(piece) for piece in self._fragment)
        if have < size:
            return []
        frame, self._fragment = b"".join(self._fragment), []
        if have > size:
            raise self._malformed("the pieces of an AAC frame are longer than the frame", 0)
        return [self._unit(timestamp, frame)]

    def _unit(self, timestamp: int, data: bytes) -> RawUnit:
        params, self._announce = self._announce, None
        ticks = self._unwrapper.unwrap(timestamp & 0xFFFFFFFF)
        return RawUnit(ticks, True, data, params, self._take_lost())

    def _on_loss(self) -> None:
        self._fragment = []

    def flush(self) -> list[RawUnit]:
        self._fragment = []
        return []


class AacPacketiser(Packetiser):
    """One frame a packet, in pieces when it does not fit."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._most = check_mtu(max_payload_bytes) - 4

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        head = b"\x00\x10" + (len(data) << 3).to_bytes(2, "big")
        pieces = [data[at : at + self._most] for at in range(0, len(data), self._most)]
        return [(head + piece, index == len(pieces) - 1) for index, piece in enumerate(pieces)]
