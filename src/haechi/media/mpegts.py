"""MPEG transport streams taken apart (ISO/IEC 13818-1): the pictures and the sound of the first programme; pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec
from haechi.media.nal import MAX_UNIT_BYTES

PACKET_BYTES = 188
SYNC = 0x47
MOST_SECTION_BYTES = 1024
MOST_STREAMS = 32
MOST_JUNK_BYTES = 64 * 1024
_PAT, _PMT = 0x00, 0x02
_CODECS = {0x1B: Codec.H264, 0x24: Codec.H265, 0x0F: Codec.AAC}
_CLOCK = 1 << 33


class Packet(Struct, frozen=True):
    """What one PES packet holds: Annex B NAL units, or ADTS frames. Times in 90 kHz ticks, unwrapped."""

    codec: Codec
    pts: int
    dts: int
    data: bytes


class _Stream(Struct):
    codec: Codec
    data: bytearray
    counter: int = -1
    is_open: bool = False
    is_damaged: bool = False


class TsDemuxer:
    """Bytes to packets of the first stream of pictures and the first of sound.

    Attributes:
        damaged: Packets that were left out because a part of them is missing; of sound at False, of pictures at True.
        is_locked: The stream is scrambled.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._pmt_pid = -1
        self._sections: dict[int, bytearray] = {}
        self._streams: dict[int, _Stream] = {}
        self._clock: int | None = None
        self._offset = 0
        self._junk = 0
        self.damaged = {False: 0, True: 0}
        self.is_locked = False

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """What the programme has, once it is known."""
        return tuple(stream.codec for stream in self._streams.values())

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Add ``data``; yields each packet that is complete.

        Raises:
            PeerError: ``bad-mpegts``: it is no transport stream; ``unit-too-large``.
        """
        self._buffer += data
        at, end = 0, len(self._buffer)
        while end - at >= PACKET_BYTES:
            if self._buffer[at] != SYNC:
                at = self._resync(at)
                continue
            yield from self._packet(bytes(self._buffer[at : at + PACKET_BYTES]))
            self._junk = 0
            at += PACKET_BYTES
        self._offset += at
        del self._buffer[:at]

    def flush(self) -> Iterator[Packet]:
        """What is there of the last packets: they end where the segment ends."""
        for stream in self._streams.values():
            yield from self._finish(stream)
            stream.counter = -1

    def _resync(self, at: int) -> int:
        found = self._buffer.find(SYNC, at + 1)
        after = found if found > 0 else len(self._buffer)
        self._junk += after - at
        if self._junk > MOST_JUNK_BYTES:
            raise PeerError("this is no MPEG transport stream", offset=self._offset + at, code="bad-mpegts")
        return after

    def _packet(self, data: bytes) -> Iterator[Packet]:
        begins = bool(data[1] & 0x40)
        pid = (data[1] & 0x1F) << 8 | data[2]
        start = 4 + (1 + data[4] if data[3] & 0x20 else 0)
        if data[1] & 0x80 or not data[3] & 0x10 or start >= PACKET_BYTES:
            return
        stream = self._streams.get(pid)
        if stream is not None:
            self.is_locked = self.is_locked or bool(data[3] & 0xC0)
            yield from self._payload(stream, data[start:], data[3] & 0x0F, begins=begins)
        elif pid in (0, self._pmt_pid):
            self._section(pid, data[start:], begins=begins)

    # -- which streams there are -------------------------------------------------------------------------------------
    def _section(self, pid: int, data: bytes, *, begins: bool) -> None:
        if begins:
            self._sections[pid] = bytearray(data[1 + data[0] :])
        elif pid in self._sections:
            self._sections[pid] += data
        section = self._sections.get(pid, bytearray())
        if len(section) < 3:
            return
        size = 3 + ((section[1] & 0x0F) << 8 | section[2])
        if len(section) < size <= MOST_SECTION_BYTES:
            return
        del self._sections[pid]
        body = bytes(section[8 : size - 4])
        if pid == 0 and section[0] == _PAT:
            self._read_pat(body)
        elif section[0] == _PMT:
            self._read_pmt(body)

    def _read_pat(self, body: bytes) -> None:
        for at in range(0, len(body) - 3, 4):
            if body[at] or body[at + 1]:
                self._pmt_pid = (body[at + 2] & 0x1F) << 8 | body[at + 3]
                return

    def _read_pmt(self, body: bytes) -> None:
        """The first stream of pictures and the first of sound; once they are known, they stay."""
        if len(body) < 4:
            return
        at = 4 + ((body[2] & 0x0F) << 8 | body[3])
        taken = {stream.codec.is_video for stream in self._streams.values()}
        for _ in range(MOST_STREAMS):
            if at + 5 > len(body):
                return
            codec = _CODECS.get(body[at])
            pid = (body[at + 1] & 0x1F) << 8 | body[at + 2]
            if codec is not None and codec.is_video not in taken:
                self._streams[pid] = _Stream(codec, bytearray())
                taken.add(codec.is_video)
            at += 5 + ((body[at + 3] & 0x0F) << 8 | body[at + 4])

    # -- what they carry ---------------------------------------------------------------------------------------------
    def _payload(self, stream: _Stream, data: bytes, counter: int, *, begins: bool) -> Iterator[Packet]:
        is_next = stream.counter < 0 or counter == (stream.counter + 1) & 0x0F
        if counter == stream.counter:
            return
        stream.counter = counter
        if not is_next and stream.is_open:
            stream.is_damaged = True
        if begins:
            yield from self._finish(stream)
            stream.is_open = True
        if stream.is_open:
            stream.data += data
            if len(stream.data) > MAX_UNIT_BYTES:
                message = "the camera sends a picture that never ends"
                raise PeerError(message, offset=self._offset, code="unit-too-large")

    def _finish(self, stream: _Stream) -> Iterator[Packet]:
        data, was_open, is_damaged = bytes(stream.data), stream.is_open, stream.is_damaged
        stream.data, stream.is_open, stream.is_damaged = bytearray(), False, False
        if not was_open or not data:
            return
        found = None if is_damaged else self._read_pes(stream.codec, data)
        if found is None:
            self.damaged[stream.codec.is_video] += 1
            return
        yield found

    def _read_pes(self, codec: Codec, data: bytes) -> Packet | None:
        """A PES packet (section 2.4.3.6); None when it is malformed, tells no time, or lacks its end."""
        if len(data) < 9 or data[:3] != b"\0\0\1" or data[6] >> 6 != 2 or not data[7] & 0x80:
            return None
        start, size = 9 + data[8], int.from_bytes(data[4:6], "big")
        if data[8] < (10 if data[7] & 0x40 else 5) or start >= len(data) or (size and 6 + size > len(data)):
            return None
        dts_at = 14 if data[7] & 0x40 else 9
        dts = self._unwrapped(_stamp(data, dts_at))
        pts = dts + _signed(_stamp(data, 9) - dts)
        return Packet(codec, pts, dts, data[start : 6 + size] if size else data[start:])

    def _unwrapped(self, stamp: int) -> int:
        """33 bits that begin again every 26.5 hours, as a number that goes on."""
        if self._clock is None:
            self._clock = stamp
        self._clock += _signed(stamp - self._clock)
        return self._clock


def _stamp(data: bytes, at: int) -> int:
    high, low = int.from_bytes(data[at + 1 : at + 3], "big"), int.from_bytes(data[at + 3 : at + 5], "big")
    return (data[at] >> 1 & 7) << 30 | (high >> 1) << 15 | low >> 1


def _signed(step: int) -> int:
    return (step + _CLOCK // 2) % _CLOCK - _CLOCK // 2
