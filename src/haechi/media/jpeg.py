"""Baseline JPEG as RTP carries it: the tables that RFC 2435 implies, and JFIF files taken apart and put together."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import PeerError

MAX_SIDE_PX = 2040
"""RFC 2435 gives width and height in blocks of 8 pixels, one byte each."""

# ITU-T T.81 annex K.1, in zigzag order; the same in RFC 2435 appendix A.
_LUMA = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d71"
    "79706478 5c656763"
)
_CHROMA = bytes.fromhex(
    "1112121815182f1a1a2f6342384263636363636363636363636363636363636363636363636363636363636363636363"
)
_CHROMA = _CHROMA.ljust(64, b"\x63")

# ITU-T T.81 annex K.3: number of codes of each length, then the values.
_LUMA_DC = bytes.fromhex("00010501010101010100000000000000") + bytes(range(12))
_CHROMA_DC = bytes.fromhex("00030101010101010101010000000000") + bytes(range(12))
_LUMA_AC = bytes.fromhex(
    "0002010303020403050504040000017d"
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738"
    "393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5"
    "a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_CHROMA_AC = bytes.fromhex(
    "00020102040403040705040400010277"
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a353637"
    "38393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3"
    "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
_HUFFMAN = b"".join(
    bytes((0xFF, 0xC4)) + (len(table) + 3).to_bytes(2, "big") + bytes((number,)) + table
    for number, table in ((0x00, _LUMA_DC), (0x10, _LUMA_AC), (0x01, _CHROMA_DC), (0x11, _CHROMA_AC))
)
HUFFMAN_TABLES = {0x00: _LUMA_DC, 0x10: _LUMA_AC, 0x01: _CHROMA_DC, 0x11: _CHROMA_AC}
_APP0 = bytes.fromhex("ffe000104a46494600010100000100010000")
_SCAN = bytes.fromhex("ffda000c03010002110311003f00")


class JpegHeader(Struct, frozen=True):
    """What the payload header of RFC 2435 says about a picture.

    Attributes:
        kind: 0: 4:2:2, 1: 4:2:0 (restart types already reduced to these).
        tables: Two quantisation tables of 64 bytes in zigzag order, luma first.
        restart_interval: In minimum coded units; 0: no restart markers.
    """

    kind: int
    width_px: int
    height_px: int
    tables: bytes
    restart_interval: int = 0

    def jfif(self) -> bytes:
        """The file up to and including the start-of-scan header (RFC 2435 appendix B)."""
        size = self.height_px.to_bytes(2, "big") + self.width_px.to_bytes(2, "big")
        sampling = 0x21 if self.kind == 0 else 0x22
        parts = [b"\xff\xd8", _APP0]
        parts += [b"\xff\xdb\x00\x43" + bytes((n,)) + self.tables[64 * n : 64 * n + 64] for n in (0, 1)]
        if self.restart_interval:
            parts.append(b"\xff\xdd\x00\x04" + self.restart_interval.to_bytes(2, "big"))
        frame = b"\xff\xc0\x00\x11\x08" + size + b"\x03\x01" + bytes((sampling,)) + b"\x00\x02\x11\x01\x03\x11\x01"
        return b"".join((*parts, frame, _HUFFMAN, _SCAN))


def tables_for_quality(quality: int) -> bytes:
    """The two quantisation tables that Q values 1 to 99 stand for (RFC 2435 section 4.2)."""
    factor = 5000 // quality if quality < 50 else 200 - 2 * quality
    return bytes(min(max((value * factor + 50) // 100, 1), 255) for value in _LUMA + _CHROMA)


class Jpeg(Struct, frozen=True):
    """A JPEG file taken apart, as far as RTP needs it."""

    header: JpegHeader
    scan: bytes


def parse_jpeg(data: bytes) -> Jpeg:
    """Take a baseline JPEG file apart for RTP.

    Raises:
        PeerError: Not a JPEG, or one that RFC 2435 cannot carry: not baseline, other sampling than 4:2:0 or 4:2:2,
            own Huffman tables, 16-bit tables, or sides beyond 2040 pixels or not multiples of 8.
    """
    tables: dict[int, bytes] = {}
    frame, restart = b"", 0
    for marker, start, end in _segments(data):
        body = data[start:end]
        if marker == 0xDB:
            _read_tables(body, start, tables)
        elif marker == 0xC4:
            _check_huffman(body, start)
        elif marker == 0xC0:
            frame = body
        elif 0xC1 <= marker <= 0xCF and marker not in (0xC8, 0xCC):
            raise PeerError("not a baseline JPEG", offset=start, code="bad-jpeg")
        elif marker == 0xDD:
            restart = int.from_bytes(body[:2], "big")
        elif marker == 0xDA:
            return Jpeg(_header(frame, tables, restart, start), data[end:].removesuffix(b"\xff\xd9"))
    raise PeerError("the JPEG has no picture in it", offset=len(data), code="bad-jpeg")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start of body, end of body) of each segment up to the scan."""
    position = 2
    if data[:2] != b"\xff\xd8":
        raise PeerError("not a JPEG file", offset=0, code="bad-jpeg")
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise PeerError("a JPEG marker is missing", offset=position, code="bad-jpeg")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data) or end < position + 4:
            raise PeerError("a JPEG segment is cut off", offset=position, code="bad-jpeg")
        yield marker, position + 4, end
        position = end


def _read_tables(body: bytes, offset: int, tables: dict[int, bytes]) -> None:
    for at in range(0, len(body), 65):
        if body[at] > 3 or at + 65 > len(body):
            raise PeerError("the JPEG has tables that RTP cannot carry", offset=offset + at, code="bad-jpeg")
        tables[body[at]] = body[at + 1 : at + 65]


def _check_huffman(body: bytes, offset: int) -> None:
    position = 0
    while position < len(body):
        size = 17 + sum(body[position + 1 : position + 17])
        if HUFFMAN_TABLES.get(body[position]) != body[position + 1 : position + size]:
            raise PeerError("the JPEG has Huffman tables of its own", offset=offset + position, code="bad-jpeg")
        position += size


def _header(frame: bytes, tables: dict[int, bytes], restart: int, offset: int) -> JpegHeader:
    if len(frame) < 15 or frame[0] != 8 or frame[5] != 3 or {frame[10], frame[13]} != {0x11}:
        raise PeerError("the JPEG has components that RTP cannot carry", offset=offset, code="bad-jpeg")
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    luma, chroma = tables.get(frame[8]), tables.get(frame[11])
    kind = {0x21: 0, 0x22: 1}.get(frame[7])
    if kind is None or luma is None or chroma is None or frame[11] != frame[14]:
        raise PeerError("the JPEG has a sampling that RTP cannot carry", offset=offset, code="bad-jpeg")
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX) or width % 8 or height % 8:
        raise PeerError("the JPEG has a size that RTP cannot carry", offset=offset, code="bad-jpeg")
    return JpegHeader(kind, width, height, luma + chroma, restart)
