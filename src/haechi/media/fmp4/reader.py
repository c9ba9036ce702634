"""Reads the files that `muxer` writes: which units are where, without touching their payload; where a torn tail begins.

What is read may be damaged (a power cut, a bit flip) or forged, so every length is checked against what is there.
"""

from hashlib import sha256
from struct import Struct
from typing import Protocol

from msgspec import Struct as Record
from msgspec import structs

from haechi.base.errors import DataLoss, PeerError
from haechi.media.access_unit import CodecParams
from haechi.media.fmp4.boxes import BOX_HEADER, Box, Cursor, children, find
from haechi.media.fmp4.entries import read_entry
from haechi.media.fmp4.stamps import (
    COVERED_FROM,
    DIGEST_OFFSET,
    DIGEST_SIZE,
    EDGE_UUID,
    MAX_UNITS,
    MAX_VALUE,
    SOURCE_UUID,
    STAMP_UUID,
    Source,
    read_edge,
    read_source,
    read_stamps,
)
from haechi.media.reverse.edge import EdgeId

MAX_INIT_BYTES = 1 << 20
_INIT_READ_AHEAD = 8192
"""Holds ftyp, source box and moov of all but odd cameras (a few hundred bytes to 2 kB)."""
MAX_HEADERS_BYTES = 1 << 22
"""Stamp box, prft and moof of `MAX_UNITS` units take 2 MB."""
MAX_FRAGMENTS = 1 << 16
MAX_MDAT_BYTES = 1 << 28
_READ_AHEAD = 4096
"""Holds all boxes before the mdat of a fragment of 100 units."""
LEAST_DIGEST_SIZE = 8
"""A shorter beginning of a digest proves nothing."""
_HEADERS_BYTES = 200
"""Stamp box, prft, moof and the head of mdat without what each unit adds: 72 + 32 + 88 + 8."""
_HEADERS_UNIT_BYTES = 32
"""What a unit adds: its stamp, and its row in trun."""
_BASE_IS_MOOF = 0x020000
_TRUN_FLAGS = 0x000F01
_NON_SYNC = 0x00010000
_ROW = Struct(">IIIi")


class File(Protocol):
    """What is wanted of a file: any binary file that is open for reading has it."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


class Sample(Record, frozen=True):
    """Where one unit's payload lies, and its times in 90 kHz ticks since the start of the run."""

    pts: int
    dts: int
    duration: int
    is_sync: bool
    offset: int
    size: int


class ScannedUnit(Record, frozen=True):
    """A unit in a recorded file: its identity, its times, and where its payload lies."""

    seq: int
    captured_ns: int
    sample: Sample


class ScannedFragment(Record, frozen=True):
    """A whole fragment: from the first byte of its stamp box (``offset``) to the last of its mdat."""

    offset: int
    size: int
    sequence: int
    run: int
    digest: bytes
    units: tuple[ScannedUnit, ...]


class Init(Record, frozen=True):
    """What stands before the first fragment. ``source`` is None in files that are not recordings."""

    size: int
    params: CodecParams
    source: Source | None


class Scan(Record, frozen=True):
    """What a file holds.

    Attributes:
        end: Where the last whole fragment ends; the file is sound up to here.
        tail: What stands in the way after ``end``; None when the file ends there.
    """

    init: Init
    fragments: tuple[ScannedFragment, ...]
    end: int
    tail: PeerError | None


def scan(file: File | bytes, start: int | None = None) -> Scan:
    """Everything in a recorded file but the payloads, which are not read.

    ``start`` is where a fragment begins, to look only at what comes from there on.

    A damaged or unfinished end is not an error: it is told in ``end`` and ``tail``, and all before it counts.

    Raises:
        PeerError: Even the beginning (ftyp, moov) cannot be read; nothing in this file can.
    """
    reader = _Reader(_Bytes(file) if isinstance(file, bytes) else file)
    init = _read_init(reader)
    fragments: list[ScannedFragment] = []
    end: int = init.size if start is None else start
    tail: PeerError | None = None
    while end < reader.size and tail is None:
        try:
            fragments.append(_read_fragment(reader, end, init.source))
        except PeerError as error:
            tail = error
        else:
            end += fragments[-1].size
            if len(fragments) > MAX_FRAGMENTS:
                tail = PeerError("too many fragments in one file", offset=end, code="mp4-limit")
    return Scan(init, tuple(fragments), end, tail)


def read_fragment(data: bytes) -> ScannedFragment:
    """One recorded fragment that stands alone; offsets count from ``data[0]``.

    Raises:
        PeerError: It is not a whole fragment.
    """
    return _read_fragment(_Reader(_Bytes(data)), 0, None)


def headers_size(units: int) -> int:
    """Bytes of a recorded fragment of so many units before its first payload byte, as `muxer.fragment` writes it."""
    return _HEADERS_BYTES + _HEADERS_UNIT_BYTES * units


def read_headers(head: bytes, size: int) -> ScannedFragment:
    """As `read_fragment`, from the first bytes of a fragment of ``size`` bytes only (`headers_size` says how many).

    Raises:
        PeerError: It is not the beginning of a fragment.
    """
    return _read_fragment(_Reader(_Head(head, size)), 0, None)


def read_init(data: bytes) -> Init:
    """Read an init segment.

    Raises:
        PeerError: It is not one of ours, or damaged.
    """
    return _read_init(_Reader(_Bytes(data)))


def samples(data: bytes) -> list[Sample]:
    """The samples of one live chunk or of one fragment, with or without stamps; offsets count from ``data[0]``.

    Raises:
        PeerError: It is not a whole fragment.
    """
    reader = _Reader(_Bytes(data))
    headers = _Headers(reader, 0)
    return _read_moof(headers.moof, headers.mdat_start, headers.end)[1]


def verify(fragment: bytes, digest: bytes) -> None:
    """Compare a fragment's bytes with the digest that it carries and with the one that the index holds.

    Args:
        digest: SHA-256, or its beginning (at least 8 bytes).

    Raises:
        DataLoss: A byte differs.
    """
    carried = fragment[DIGEST_OFFSET : DIGEST_OFFSET + DIGEST_SIZE]
    is_known = len(digest) >= LEAST_DIGEST_SIZE and carried.startswith(digest)
    if not is_known or sha256(memoryview(fragment)[COVERED_FROM:]).digest() != carried:
        raise DataLoss("the fragment's bytes are not those that were written", code="fragment-hash")


class _Bytes:
    """Bytes in memory as a `File`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = offset if whence == 0 else len(self._data) + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        return self._data[self._position : self._position + size if size >= 0 else None]


class _Head(_Bytes):
    """The first bytes of something longer; what comes after them cannot be read."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = max(size, len(data))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = offset if whence == 0 else self._size + offset
        return self._position


class _Reader:
    """Positioned reads that never go past the end of the file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(min(size, max(self.size - offset, 0)))


class _Headers:
    """The boxes of one fragment up to its mdat. ``stamps`` is None in a fragment for players only."""

    def __init__(self, reader: _Reader, start: int) -> None:
        self._window = reader.at(start, _READ_AHEAD)
        self._reader = reader
        self._start = start
        self.stamps: Cursor | None = None
        moof: Box | None = None
        position = 0
        while True:
            size, kind = self._header(position)
            if kind == b"mdat":
                break
            box = Box(kind, start + position, size, self._body(position, size))
            if kind == b"uuid" and moof is None and box.body.left >= 16 and box.body.take(16) == STAMP_UUID:
                self.stamps = box.body
            elif kind == b"moof" and moof is None:
                moof = box
            elif kind not in (b"uuid", b"prft", b"styp", b"sidx"):
                raise PeerError("a box out of place in a fragment", offset=start + position, code="mp4-bad-box")
            position += size
        if moof is None:
            raise PeerError("media data without moof", offset=start + position, code="mp4-missing-box")
        self.moof = moof
        self.mdat_start = start + position + 8
        self.end = start + position + size
        if not 8 <= size <= MAX_MDAT_BYTES:
            raise PeerError("a media data box out of bounds", offset=start + position, code="mp4-limit")
        if self.end > reader.size:
            raise PeerError("the last fragment is cut off", offset=start + position, code="mp4-truncated")

    def _header(self, position: int) -> tuple[int, bytes]:
        self._need(position + 8)
        size, kind = BOX_HEADER.unpack_from(self._window, position)
        return size, kind

    def _body(self, position: int, size: int) -> Cursor:
        if size < 8 or position + size > MAX_HEADERS_BYTES:
            raise PeerError("a box out of bounds", offset=self._start + position, code="mp4-limit")
        self._need(position + size)
        return Cursor(self._window, position + 8, position + size, self._start)

    def _need(self, size: int) -> None:
        if size > len(self._window):
            self._window = self._reader.at(self._start, size + _READ_AHEAD)
        if size > len(self._window):
            offset = self._start + len(self._window)
            raise PeerError("the last fragment is cut off", offset=offset, code="mp4-truncated")


def _read_init(reader: _Reader) -> Init:
    try:
        return _parse_init(Cursor(reader.at(0, _INIT_READ_AHEAD)))
    except PeerError:
        if reader.size <= _INIT_READ_AHEAD:
            raise
        return _parse_init(Cursor(reader.at(0, MAX_INIT_BYTES)))


def _parse_init(cursor: Cursor) -> Init:
    ours: tuple[Source, int, str] | None = None
    edge: EdgeId | None = None
    for child in children(cursor):
        if child.offset == 0 and child.kind != b"ftyp":
            break
        if child.kind == b"uuid" and child.body.left >= 16:
            whose = child.body.take(16)
            if whose == SOURCE_UUID:
                ours = read_source(child.body)
            elif whose == EDGE_UUID:
                edge = read_edge(child.body)
        if child.kind == b"moov":
            source, rate_hz, codec_string = ours or (None, None, "")
            stsd = find(child.body, b"trak", b"mdia", b"minf", b"stbl", b"stsd")
            stsd.skip(8)
            entry = next(children(stsd), None)
            if entry is None:
                raise stsd.error("no sample entry", "mp4-missing-box")
            if source is not None and edge is not None:
                source = structs.replace(source, edge=edge)
            return Init(child.offset + child.size, read_entry(entry, rate_hz, codec_string), source)
    raise PeerError("not a recording: no ftyp and moov at its beginning", offset=0, code="mp4-not-mp4")


def _read_fragment(reader: _Reader, start: int, source: Source | None) -> ScannedFragment:
    headers = _Headers(reader, start)
    if headers.stamps is None:
        raise PeerError("a fragment without stamps", offset=start, code="mp4-missing-box")
    digest, run, flat = read_stamps(headers.stamps)
    if source is not None and source.run != run:
        raise PeerError("a fragment of another run", offset=start, code="mp4-bad-box")
    sequence, found = _read_moof(headers.moof, headers.mdat_start, headers.end)
    if 2 * len(found) != len(flat):
        raise PeerError("stamps and samples differ in number", offset=start, code="mp4-bad-box")
    units = tuple(map(ScannedUnit, flat[1::2], flat[0::2], found))
    return ScannedFragment(start, headers.end - start, sequence, run, digest, units)


def _read_moof(moof: Box, mdat_start: int, end: int) -> tuple[int, list[Sample]]:
    mfhd = find(moof.body, b"mfhd")
    mfhd.skip(4)
    traf = find(moof.body, b"traf")
    tfhd, tfdt, trun = find(traf, b"tfhd"), find(traf, b"tfdt"), find(traf, b"trun")
    if tfhd.version_and_flags()[1] != _BASE_IS_MOOF or tfdt.version_and_flags()[0] != 1:
        raise traf.error("not a fragment that we wrote")
    if trun.version_and_flags() != (1, _TRUN_FLAGS):
        raise trun.error("not a fragment that we wrote")
    count, offset = trun.u32(), moof.offset + trun.u32()
    if not 0 < count <= MAX_UNITS or offset != mdat_start:
        raise trun.error("too many samples, or samples outside of their media data", "mp4-limit")
    dts = tfdt.u64()
    rows = trun.take(_ROW.size * count)
    found: list[Sample] = []
    for duration, size, flags, composition in _ROW.iter_unpack(rows):
        found.append(Sample(dts + composition, dts, duration, not flags & _NON_SYNC, offset, size))
        dts += duration
        offset += size
    if offset != end:
        raise trun.error("the samples do not fill their media data")
    if dts > MAX_VALUE:
        raise trun.error("a decode time out of range", "mp4-limit")
    return mfhd.u32(), found
