"""VP8 over RTP (RFC 7741): descriptors are read and left out, partitions are put together as they come."""

from __future__ import annotations

from haechi.media.access_unit import RawUnit, VideoParams
from haechi.media.nal import MAX_UNIT_BYTES
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Depacketiser, Packetiser, check_mtu
from haechi.media.vp8 import is_key_frame, parse_key_frame

_EXTENDED, _START, _PARTITION = 0x80, 0x10, 0x07
_PICTURE_ID, _LAYER, _TEMPORAL, _KEY_INDEX = 0x80, 0x40, 0x20, 0x10
_LONG_ID = 0x80


class Vp8Depacketiser(Depacketiser):
    """Payloads to frames. What comes before the first key frame is left out: nothing could be seen of it."""

    def __init__(self, payload_type: int) -> None:
        super().__init__(payload_type)
        self._parts: list[bytes] = []
        self._bytes = 0
        self._timestamp = -1
        self._damaged = False
        self._params: VideoParams | None = None

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        out: list[RawUnit] = []
        if timestamp != self._timestamp:
            self._damaged = True  # the last packet of a frame is marked: this one's never came
            self._emit(out)
            self._reset()
            self._timestamp = timestamp
        position = self._descriptor(data, start, end)
        is_first = bool(data[start] & _START) and not data[start] & _PARTITION
        if is_first == bool(self._parts):  # a frame begins once, and with its beginning
            self._damaged = True
        self._bytes += end - position
        if self._bytes > MAX_UNIT_BYTES:
            self._reset()
            raise self._malformed("the camera sends a picture that never ends", start)
        self._parts.append(data[position:end])
        if marker:
            self._emit(out)
        return out

    def _descriptor(self, data: bytes, start: int, end: int) -> int:
        """Where the payload begins behind its descriptor (section 4.2)."""
        position = start + 1
        if data[start] & _EXTENDED:
            if position >= end:
                raise self._malformed("a VP8 descriptor is cut off", start)
            fields = data[position]
            position += 1
            if fields & _PICTURE_ID:
                position += 2 if position < end and data[position] & _LONG_ID else 1
            position += bool(fields & _LAYER) + bool(fields & (_TEMPORAL | _KEY_INDEX))
        if position >= end:
            raise self._malformed("a VP8 payload has nothing behind its descriptor", start)
        return position

    def _emit(self, out: list[RawUnit]) -> None:
        if not self._parts:
            return
        frame, damaged = b"".join(self._parts), self._damaged
        self._reset()
        is_sync, changed = is_key_frame(frame), None
        if is_sync and not damaged:
            params = parse_key_frame(frame)
            changed = params if params != self._params else None
            self._params = params
        if self._params is None:
            return
        ticks = self._unwrapper.unwrap(self._timestamp)
        out.append(RawUnit(ticks, is_sync, frame, changed, self._take_lost(), damaged))

    def _reset(self) -> None:
        self._parts, self._bytes, self._damaged = [], 0, False

    def _on_loss(self) -> None:
        """What is in progress has a hole; a frame whose beginning is missing tells that by itself."""
        self._damaged = bool(self._parts)

    def flush(self) -> list[RawUnit]:
        """Nothing: a frame whose last packet came is out already."""
        self._reset()
        return []


class Vp8Packetiser(Packetiser):
    """Frames to payloads, each with the shortest descriptor that there is."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._most = check_mtu(max_payload_bytes) - 1

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        starts = range(0, max(len(data), 1), self._most)
        return [
            (bytes((0 if start else _START,)) + data[start : start + self._most], start + self._most >= len(data))
            for start in starts
        ]
