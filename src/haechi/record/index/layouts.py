"""Where the fragments of a recording lie, packed into a few bytes each; pure.

A fragment mostly follows from the one before it: it begins where that ended, in the file and in time, and lasts as
long. So each is kept as what differs from that expectation, in variable-length integers, and the first half of its
SHA-256: about 21 bytes. The index holds one such row for each recording: docs/design/recording.md.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import RecordingId

VERSION = 1
DIGEST_BYTES = 16
"""So much of a fragment's SHA-256 is in the index; the fragment itself carries all of it."""
FRAGMENTS_MOST = 1 << 16
STALL_NS = 10 * NS_PER_S
"""Two units of one run further apart than this have a gap between them; below it, the first one lasts that long."""
VALUE_MOST = (1 << 63) - 1
_VARINT_MOST = 10
_SYNC, _ODD, _FIRST, _LAST = (1 << bit for bit in range(4))
"""Lower half of a fragment's first byte; the upper half begins the difference in size."""
_NUMBER, _OFFSET, _DURATION, _UNITS, _SEQ, _DTS, _PTS = (1 << bit for bit in range(7))
"""Its second byte, where it is odd: which of these differ from what was expected."""
_ODDITIES = (_NUMBER, _OFFSET, _DURATION, _UNITS, _SEQ, _DTS, _PTS)


class FragmentRow(Struct, frozen=True):
    """One fragment as the index keeps it (units of the fields are in their names).

    Attributes:
        offset_bytes: From the first byte of the recording.
        digest: First 16 bytes of the SHA-256 that the fragment carries.
    """

    number: int
    offset_bytes: int
    size_bytes: int
    first_ns: int
    last_ns: int
    first_pts_ticks: int
    first_dts_ticks: int
    duration_ticks: int
    first_seq: int
    units: int
    is_sync: bool
    digest: bytes


class Fragment(FragmentRow, frozen=True):
    """A fragment and the recording that it is in."""

    recording: RecordingId


_Values = tuple[int, int, int, int, int, int, int, int, int, int, bool, bytes]
"""The fields of a `FragmentRow` in order."""
_BEFORE_ALL = FragmentRow(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, False, b"")


class Layout(Struct, frozen=True):
    """A packed layout and its newest fragment, so that the next one can be added without unpacking."""

    packed: bytes = bytes([VERSION])
    last: FragmentRow = _BEFORE_ALL

    def append(self, row: FragmentRow) -> "Layout":
        """The layout with one more fragment.

        Raises:
            Invalid: ``bad-fragment``: a value that no fragment has.
        """
        return Layout(self.packed + _pack_one(self.last, row), row)


def pack(rows: Iterable[FragmentRow]) -> bytes:
    """The layout of ``rows``, which are in order."""
    layout = Layout()
    for row in rows:
        layout = layout.append(row)
    return layout.packed


def append(packed: bytes, row: FragmentRow) -> bytes:
    """``packed`` with one more fragment at its end."""
    return layout_of(packed).append(row).packed


def layout_of(packed: bytes) -> Layout:
    """A packed layout, ready to be added to.

    Raises:
        DataLoss: ``layout-damaged``.
    """
    last = _BEFORE_ALL
    for values in _walk(packed):
        last = FragmentRow(*values)
    return Layout(packed, last)


def rows_of(packed: bytes) -> list[FragmentRow]:
    """All fragments of a layout, in order.

    Raises:
        DataLoss: ``layout-damaged``.
    """
    return [FragmentRow(*values) for values in _walk(packed)]


def unpack(packed: bytes, recording: RecordingId) -> list[Fragment]:
    """All fragments of a recording, in order.

    Raises:
        DataLoss: ``layout-damaged``.
    """
    return [Fragment(*values, recording) for values in _walk(packed)]


def _pack_one(before: FragmentRow, row: FragmentRow) -> bytes:
    _check(row)
    differences = (
        row.number - before.number - 1,
        row.offset_bytes - before.offset_bytes - before.size_bytes,
        row.duration_ticks - before.duration_ticks,
        row.units - before.units,
        row.first_seq - before.first_seq - before.units,
        row.first_dts_ticks - before.first_dts_ticks - before.duration_ticks,
        (row.first_pts_ticks - row.first_dts_ticks) - (before.first_pts_ticks - before.first_dts_ticks),
    )
    first = row.first_ns - before.first_ns - _span_ns(before.duration_ticks)
    last = row.last_ns - row.first_ns - _to_last_ns(row.duration_ticks, row.units)
    odd = sum(flag for flag, difference in zip(_ODDITIES, differences, strict=True) if difference)
    size = _zigzag(row.size_bytes - before.size_bytes)
    flags = _SYNC * row.is_sync | _ODD * bool(odd) | _FIRST * bool(first) | _LAST * bool(last)
    body = bytearray([flags | (size & 0x0F) << 4])
    if odd:
        body.append(odd)
    for difference in filter(None, differences):
        _put(body, _zigzag(difference))
    _put(body, size >> 4)
    for difference in filter(None, (first, last)):
        _put(body, _zigzag(difference))
    return bytes(body) + row.digest


def _check(row: FragmentRow) -> None:
    counts = (row.number, row.offset_bytes, row.size_bytes, row.duration_ticks, row.first_seq, row.units)
    times = (row.first_ns, row.last_ns, row.first_pts_ticks, row.first_dts_ticks)
    is_sane = all(0 <= value <= VALUE_MOST for value in counts) and all(abs(value) <= VALUE_MOST for value in times)
    if not is_sane or row.units < 1 or len(row.digest) != DIGEST_BYTES:
        raise Invalid("a fragment that cannot be listed", code="bad-fragment", number=row.number)


def _span_ns(ticks: int) -> int:
    return ticks * 100_000 // 9


def _to_last_ns(duration_ticks: int, units: int) -> int:
    """From the first unit to the last, when all last equally long."""
    return _span_ns(duration_ticks - duration_ticks // units)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return -((value + 1) >> 1) if value & 1 else value >> 1


def _put(body: bytearray, value: int) -> None:
    while value >= 0x80:
        body.append(value & 0x7F | 0x80)
        value >>= 7
    body.append(value)


class _Cursor:
    """Reads a layout; every length is checked against what is there."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self.at = 1

    def error(self) -> DataLoss:
        return DataLoss("the index of a recording is damaged", code="layout-damaged", offset=self.at)

    def byte(self) -> int:
        if self.at >= len(self._packed):
            raise self.error()
        self.at += 1
        return self._packed[self.at - 1]

    def fields(self, flags: int) -> list[int]:
        """A difference for each of the oddities: 0 where its flag is not set."""
        return [self.signed() if flags & flag else 0 for flag in _ODDITIES]

    def unsigned(self) -> int:
        packed, at = self._packed, self.at
        value = shift = 0
        for byte in packed[at : at + _VARINT_MOST]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                self.at = at + shift // 7
                return value
        raise self.error()

    def signed(self) -> int:
        return _unzigzag(self.unsigned())

    def digest(self) -> bytes:
        found = self._packed[self.at : self.at + DIGEST_BYTES]
        if len(found) != DIGEST_BYTES:
            raise self.error()
        self.at += DIGEST_BYTES
        return found


def _walk(packed: bytes) -> Iterator[_Values]:
    cursor = _Cursor(packed)
    if not packed or packed[0] != VERSION:
        raise cursor.error()
    number = offset = size = duration = units = seq = dts = composition = first_ns = count = 0
    expected = [0] * len(_ODDITIES)
    while cursor.at < len(packed):
        count += 1
        flags = cursor.byte()
        odd = cursor.fields(cursor.byte()) if flags & _ODD else expected
        number, offset = number + 1 + odd[0], offset + size + odd[1]
        seq, dts = seq + units + odd[4], dts + duration + odd[5]
        next_ns = first_ns + _span_ns(duration)
        duration, units, composition = duration + odd[2], units + odd[3], composition + odd[6]
        size += _unzigzag(cursor.unsigned() << 4 | flags >> 4)
        first_ns = next_ns + (cursor.signed() if flags & _FIRST else 0)
        counts = (number, offset, size, duration, seq, units)
        if units < 1 or min(counts) < 0 or max(counts) > VALUE_MOST or count > FRAGMENTS_MOST:
            raise cursor.error()
        last_ns = first_ns + _to_last_ns(duration, units) + (cursor.signed() if flags & _LAST else 0)
        if max(abs(first_ns), abs(last_ns), abs(dts), abs(dts + composition)) > VALUE_MOST:
            raise cursor.error()
        yield (number, offset, size, first_ns, last_ns, dts + composition, dts, duration, seq, units,
               bool(flags & _SYNC), cursor.digest())  # fmt: skip
