"""Messages in and out of RTMP's chunk stream (RTMP specification 1.0, section 5.3); pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.nal import MAX_UNIT_BYTES

FIRST_CHUNK_BYTES = 128
MOST_CHUNK_BYTES = 1 << 24
MOST_STREAMS = 64
"""Chunk streams at once; servers use below ten."""
MOST_HELD_BYTES = 2 * MAX_UNIT_BYTES
_EXTENDED = 0xFFFFFF
_HEADER_BYTES = (11, 7, 3, 0)


class Message(Struct, frozen=True):
    """One message. ``time_ms`` counts 32 bits and then begins again."""

    kind: int
    time_ms: int
    data: bytes
    stream: int = 0


class _Lane(Struct):
    """What a chunk stream's last header said, and what came of its message."""

    time_ms: int = 0
    delta_ms: int = 0
    size: int = 0
    kind: int = 0
    stream: int = 0
    is_extended: bool = False
    data: bytearray | None = None


class ChunkReader:
    """Bytes to messages.

    Attributes:
        chunk_bytes: How long a chunk is at most; the other side says when it changes.
        received: Bytes so far.
    """

    def __init__(self) -> None:
        self.chunk_bytes = FIRST_CHUNK_BYTES
        self.received = 0
        self._buffer = bytearray()
        self._lanes: dict[int, _Lane] = {}
        self._held = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add ``data``; yields each message that it completes. `chunk_bytes` may be changed between two.

        Raises:
            PeerError: ``rtmp-bad-message``: nonsense, or more than a limit.
        """
        self.received += len(data)
        self._buffer += data
        while True:
            used, message = self._chunk()
            if not used:
                return
            del self._buffer[:used]
            if message is not None:
                yield message

    def _chunk(self) -> tuple[int, Message | None]:
        """Bytes of the chunk at the beginning (0: it is not whole), and the message that it ends."""
        buffer = self._buffer
        if not buffer:
            return 0, None
        form, number, at = buffer[0] >> 6, buffer[0] & 0x3F, 1
        if number < 2:
            extra = number + 1
            if len(buffer) < 1 + extra:
                return 0, None
            number = 64 + int.from_bytes(buffer[1 : 1 + extra], "little")
            at += extra
        lane = self._lane(number, form)
        header = bytes(buffer[at : at + _HEADER_BYTES[form]])
        at += _HEADER_BYTES[form]
        if len(buffer) < at:
            return 0, None
        stamp = int.from_bytes(header[:3], "big") if form < 3 else 0
        is_extended = stamp == _EXTENDED if form < 3 else lane.is_extended
        if is_extended:
            if len(buffer) < at + 4:
                return 0, None
            stamp = int.from_bytes(buffer[at : at + 4], "big")
            at += 4
        size = int.from_bytes(header[3:6], "big") if form < 2 else lane.size
        if size > MAX_UNIT_BYTES:
            raise self._bad("a message is larger than any real one")
        done = len(lane.data) if lane.data is not None else 0
        if form < 3 and done:
            raise self._bad("a message begins before the one before it ended")
        part = min(self.chunk_bytes, size - done)
        if len(buffer) < at + part:
            return 0, None
        self._take_header(lane, form, header, stamp, is_extended=is_extended)
        return at + part, self._add(lane, bytes(buffer[at : at + part]))

    def _lane(self, number: int, form: int) -> _Lane:
        lane = self._lanes.get(number)
        if lane is None:
            if form or len(self._lanes) >= MOST_STREAMS:
                raise self._bad("a chunk stream begins in its middle, or there are too many")
            lane = self._lanes[number] = _Lane()
        return lane

    def _take_header(self, lane: _Lane, form: int, header: bytes, stamp: int, *, is_extended: bool) -> None:
        if form < 2:
            lane.size, lane.kind = int.from_bytes(header[3:6], "big"), header[6]
        if form == 0:
            lane.stream = int.from_bytes(header[7:11], "little")
            lane.time_ms = lane.delta_ms = stamp
        elif form < 3:
            lane.delta_ms = stamp
        lane.is_extended = is_extended
        if lane.data is None:
            if form:
                lane.time_ms = (lane.time_ms + lane.delta_ms) & 0xFFFF_FFFF
            lane.data = bytearray()

    def _add(self, lane: _Lane, part: bytes) -> Message | None:
        assert lane.data is not None
        lane.data += part
        self._held += len(part)
        if self._held > MOST_HELD_BYTES:
            raise self._bad("too many messages are begun and not ended")
        if len(lane.data) < lane.size:
            return None
        data, lane.data = bytes(lane.data), None
        self._held -= len(data)
        return Message(lane.kind, lane.time_ms, data, lane.stream)

    def _bad(self, message: str) -> PeerError:
        return PeerError(message, offset=self.received - len(self._buffer), code="rtmp-bad-message")


def write_message(message: Message, lane: int, chunk_bytes: int = FIRST_CHUNK_BYTES) -> bytes:
    """A message as chunks of one chunk stream (2 to 63)."""
    data = message.data
    head = bytes((lane,)) + (message.time_ms & 0xFFFFFF).to_bytes(3, "big") + len(data).to_bytes(3, "big")
    head += bytes((message.kind,)) + message.stream.to_bytes(4, "little")
    parts = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)] or [b""]
    return head + bytes((0xC0 | lane,)).join(parts)
