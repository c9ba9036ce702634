"""Our `uuid` boxes: whose units a file holds, which numbers a camera's memory gave them, and when each was captured.
Players skip them.

All numbers are big-endian. The layouts are frozen: files of today must be read in ten years (docs/design/recording.md).

Source box, once, between ``ftyp`` and ``moov``::

    u32 size, 'uuid', 16 bytes SOURCE_UUID
    u8 version (1), u8[3] 0
    u64 run, u32 params (index in the run), u32 rate_hz (0 for video)
    u8 length, codec string (ASCII); u16 length, stream id (UTF-8)

Edge box, behind the source box, where the camera numbers its units (`haechi.media.reverse.edge`)::

    u32 size, 'uuid', 16 bytes EDGE_UUID
    u8 version (1), u8[3] 0
    u64 edge run, u64 edge number of the file's first unit; those after it follow without a hole

Stamp box, before each ``moof``::

    u32 size, 'uuid', 16 bytes STAMP_UUID
    u8 version (1), u8[3] 0
    u8[32] SHA-256 of everything from the next field to the end of the fragment's ``mdat``
    u64 run, u32 count, then ``count`` times: u64 captured_ns, u64 seq
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from uuid import UUID

from msgspec import Struct as Record

from haechi.base.errors import Invalid
from haechi.base.ids import StreamId
from haechi.media.access_unit import AccessUnit
from haechi.media.fmp4.boxes import Cursor, box
from haechi.media.reverse.edge import EdgeId, EdgeRun

SOURCE_UUID = UUID("6b1f3d0a-9c0e-4d7b-8f6e-2f0f5a1e7c01").bytes
STAMP_UUID = UUID("6b1f3d0a-9c0e-4d7b-8f6e-2f0f5a1e7c02").bytes
EDGE_UUID = UUID("6b1f3d0a-9c0e-4d7b-8f6e-2f0f5a1e7c03").bytes

DIGEST_OFFSET = 28
DIGEST_SIZE = 32
COVERED_FROM = DIGEST_OFFSET + DIGEST_SIZE
"""First byte of a fragment that its digest covers."""

MAX_UNITS = 1 << 16
"""Most units in one fragment: 4 s of the shortest Opus frames (2.5 ms) is 1,600."""
MAX_VALUE = (1 << 63) - 1
"""Databases keep 64-bit signed integers; nothing real comes near."""

_SOURCE = Struct(">QII")
_EDGE = Struct(">QQ")
_STAMP_HEAD = Struct(">QI")


class Source(Record, frozen=True):
    """Whose units a file holds, so that an index can be made again from the files alone.

    Attributes:
        params: `AccessUnit.params` of every unit in the file.
        edge: What the camera's memory calls the file's first unit; None: it does not number them.
    """

    stream: StreamId
    run: int
    params: int = 0
    edge: EdgeId | None = None


@lru_cache(maxsize=256)
def _pairs(count: int) -> Struct:
    return Struct(f">{2 * count}Q")


def source_box(source: Source, rate_hz: int, codec_string: str) -> bytes:
    """The source box, with the two facts that sample entries cannot hold exactly."""
    stream, codec = source.stream.encode(), codec_string.encode("ascii", "replace")
    if len(stream) > 0xFFFF or len(codec) > 0xFF:
        raise Invalid("stream id or codec string too long for a recording", code="mp4-source-too-long")
    return box(
        b"uuid",
        SOURCE_UUID,
        b"\x01\0\0\0",
        _SOURCE.pack(source.run, source.params, rate_hz),
        bytes([len(codec)]),
        codec,
        len(stream).to_bytes(2, "big"),
        stream,
    )


def read_source(cursor: Cursor) -> tuple[Source, int, str]:
    """Source, rate_hz and codec string; the cursor stands behind the UUID.

    Raises:
        PeerError: Cut off, another version, or not text.
    """
    _expect_version(cursor)
    run, params, rate_hz = cursor.u64(), cursor.u32(), cursor.u32()
    codec = cursor.take(cursor.u8())
    stream = cursor.take(cursor.u16())
    if run > MAX_VALUE:
        raise cursor.error("run number out of range")
    try:
        return Source(StreamId(stream.decode()), run, params), rate_hz, codec.decode("ascii")
    except UnicodeDecodeError as error:
        raise cursor.error("stream id or codec string is not text") from error


def edge_box(edge: EdgeId) -> bytes:
    """The edge box."""
    return box(b"uuid", EDGE_UUID, b"\x01\0\0\0", _EDGE.pack(edge.run, edge.seq))


def read_edge(cursor: Cursor) -> EdgeId:
    """What the camera's memory calls the file's first unit; the cursor stands behind the UUID.

    Raises:
        PeerError: Cut off, another version, or a number out of range.
    """
    _expect_version(cursor)
    run, seq = cursor.u64(), cursor.u64()
    if max(run, seq) > MAX_VALUE:
        raise cursor.error("number in an edge box out of range")
    return EdgeId(EdgeRun(run), seq)


def stamp_head(units: Sequence[AccessUnit]) -> tuple[bytes, bytes]:
    """The stamp box in two pieces: what stands before the digest, and what the digest covers."""
    count = len(units)
    flat = [number for unit in units for number in (unit.captured_ns, unit.ref.seq)]
    covered = _STAMP_HEAD.pack(units[0].ref.run, count) + _pairs(count).pack(*flat)
    size = COVERED_FROM + len(covered)
    return size.to_bytes(4, "big") + b"uuid" + STAMP_UUID + b"\x01\0\0\0", covered


def read_stamps(cursor: Cursor) -> tuple[bytes, int, tuple[int, ...]]:
    """Digest, run, and captured_ns and seq of each unit by turns; the cursor stands behind the UUID.

    Raises:
        PeerError: Cut off, another version, or a number out of range.
    """
    _expect_version(cursor)
    digest = cursor.take(DIGEST_SIZE)
    run, count = cursor.u64(), cursor.u32()
    if not 0 < count <= MAX_UNITS:
        raise cursor.error("stamp box with no units or too many", "mp4-limit")
    flat = _pairs(count).unpack_from(cursor.data, cursor.skip(16 * count))
    if run > MAX_VALUE or max(flat) > MAX_VALUE:
        raise cursor.error("number in a stamp box out of range")
    return digest, run, flat


def digest_of(fragment: bytes) -> bytes:
    """The digest that a fragment carries. `haechi.media.fmp4.reader.verify` computes it again."""
    return fragment[DIGEST_OFFSET:COVERED_FROM]


def _expect_version(cursor: Cursor) -> None:
    version, _ = cursor.version_and_flags()
    if version != 1:
        raise cursor.error("written by a newer version of Haechi", "mp4-newer-version")
