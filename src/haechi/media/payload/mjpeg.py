"""JPEG over RTP (RFC 2435): tables by Q or in-band, restart markers, fragments."""

from __future__ import annotations

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, RawUnit, VideoParams
from haechi.media.jpeg import JpegHeader, parse_jpeg, tables_for_quality
from haechi.media.nal import MAX_UNIT_BYTES
from haechi.media.payload.base import MAX_PAYLOAD_BYTES, Depacketiser, Packetiser, check_mtu

_HEADER_BYTES = 8
_RESTART_TYPE = 64
_DYNAMIC_Q = 128
_CHANGING_Q = 255


class MjpegDepacketiser(Depacketiser):
    """Payloads to JFIF files. A picture with a hole is yielded as damaged; one without its beginning is not."""

    def __init__(self, payload_type: int) -> None:
        super().__init__(payload_type)
        self._header: JpegHeader | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._timestamp = -1
        self._damaged = False
        self._params: VideoParams | None = None
        self._tables: dict[int, bytes] = {}

    def _take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool) -> list[RawUnit]:
        out: list[RawUnit] = []
        if timestamp != self._timestamp:
            if self._header is not None:
                self._damaged = self._damaged or not marker
                self._emit(out)
            self._reset(timestamp)
        if start + _HEADER_BYTES > end:
            raise self._malformed("a JPEG payload is shorter than its header", start)
        offset = int.from_bytes(data[start + 1 : start + 4], "big")
        if offset == 0:
            position = self._begin(data, start, end)
        else:
            position = start + _HEADER_BYTES + (4 if data[start + 4] & _RESTART_TYPE else 0)
        if self._header is None:
            return out
        if position > end:
            raise self._malformed("a JPEG payload is shorter than its headers", start)
        self._damaged = self._damaged or offset != self._bytes
        self._bytes += end - position
        if self._bytes > MAX_UNIT_BYTES:
            self._reset(timestamp)
            raise PeerError("the camera sends a picture that never ends", offset=offset, code="unit-too-large")
        self._parts.append(data[position:end])
        if marker:
            self._emit(out)
            self._reset(-1)
        return out

    def _begin(self, data: bytes, start: int, end: int) -> int:
        """Read the headers of a picture's first packet; where the scan begins."""
        kind, quality = data[start + 4], data[start + 5]
        width, height = data[start + 6] * 8, data[start + 7] * 8
        position, restart = start + _HEADER_BYTES, 0
        if kind & _RESTART_TYPE:
            restart = int.from_bytes(data[position : position + 2], "big")
            position += 4
        if kind >= 128 or kind & 0x3F > 1 or not width or not height:
            raise self._malformed("the camera sends JPEG of an unknown type, or pictures wider than 2040 pixels", start)
        if quality >= _DYNAMIC_Q:
            tables, position = self._read_tables(data, position, end, quality)
        else:
            tables = self._standard_tables(quality, start)
        self._reset(self._timestamp if self._timestamp >= 0 else self.last_timestamp)
        self._header = JpegHeader(kind & 0x3F, width, height, tables, restart)
        return position

    def _standard_tables(self, quality: int, start: int) -> bytes:
        if not 0 < quality < 100:
            raise self._malformed(f"JPEG quality {quality} is reserved", start)
        if quality not in self._tables:
            self._tables[quality] = tables_for_quality(quality)
        return self._tables[quality]

    def _read_tables(self, data: bytes, position: int, end: int, quality: int) -> tuple[bytes, int]:
        """Tables in-band (section 3.1.8); a length of 0 means those last sent with this Q."""
        if position + 4 > end:
            raise self._malformed("the JPEG quantisation header is cut off", position)
        precision, size = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        position += 4
        if precision or size not in (0, 64, 128) or position + size > end:
            raise self._malformed("the JPEG quantisation tables are not two of 8 bits", position)
        if size:
            tables = data[position : position + size]
            self._tables[quality] = tables if size == 128 else tables * 2
        if quality not in self._tables or (size == 0 and quality == _CHANGING_Q):
            raise self._malformed("the JPEG quantisation tables were never sent", position)
        return self._tables[quality], position + size

    def _emit(self, out: list[RawUnit]) -> None:
        header = self._header
        if header is None:
            return
        params = VideoParams(Codec.MJPEG, header.width_px, header.height_px)
        changed = params if params != self._params else None
        if not self._damaged:  # else told again with the next picture, as this one is dropped
            self._params = params
        scan = b"".join(self._parts)
        file = b"".join((header.jfif(), scan, b"" if scan.endswith(b"\xff\xd9") else b"\xff\xd9"))
        ticks = self._unwrapper.unwrap(self._timestamp)
        out.append(RawUnit(ticks, True, file, changed, self._take_lost(), self._damaged))

    def _reset(self, timestamp: int) -> None:
        self._header, self._parts, self._bytes, self._damaged = None, [], 0, False
        self._timestamp = timestamp

    def _on_loss(self) -> None:
        self._damaged = self._header is not None

    def flush(self) -> list[RawUnit]:
        out: list[RawUnit] = []
        self._emit(out)
        self._reset(-1)
        return out


class MjpegPacketiser(Packetiser):
    """JPEG files to payloads, quantisation tables in-band in each picture (Q 255)."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._most = check_mtu(max_payload_bytes)

    def packetise(self, data: bytes) -> list[tuple[bytes, bool]]:
        jpeg = parse_jpeg(data)
        header, scan = jpeg.header, jpeg.scan
        restart = header.restart_interval
        kind = header.kind | (_RESTART_TYPE if restart else 0)
        tail = bytes((kind, _CHANGING_Q, header.width_px // 8, header.height_px // 8))
        tail += (restart.to_bytes(2, "big") + b"\xff\xff") if restart else b""
        tables = b"\x00\x00" + len(header.tables).to_bytes(2, "big") + header.tables
        out: list[tuple[bytes, bool]] = []
        position = 0
        while position < len(scan) or not out:
            head = b"\x00" + position.to_bytes(3, "big") + tail + (b"" if position else tables)
            following = position + self._most - len(head)
            out.append((head + scan[position:following], following >= len(scan)))
            position = following
        return out
