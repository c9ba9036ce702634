"""Boxes of ISO/IEC 14496-12: how they are written, and a cursor that reads them without trusting a length."""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from haechi.base.errors import PeerError

U16 = Struct(">H")
U32 = Struct(">I")
U64 = Struct(">Q")
BOX_HEADER = Struct(">I4s")
FULL_BOX_HEADER = Struct(">I4sI")

MATRIX = bytes.fromhex("00010000000000000000000000000000000100000000000000000000000000004000" + "0000")
"""The unity transformation of mvhd and tkhd."""


def box(kind: bytes, *parts: bytes) -> bytes:
    """A plain box (4.2): size, type, content."""
    body = b"".join(parts)
    return BOX_HEADER.pack(8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags (4.2)."""
    body = b"".join(parts)
    return FULL_BOX_HEADER.pack(12 + len(body), kind, version << 24 | flags) + body


class Cursor:
    """Reads big-endian fields from ``data`` up to ``end``; anything beyond it is a `PeerError` with its offset.

    Attributes:
        base: Position of ``data[0]`` in the file, so that errors point into the file.
    """

    __slots__ = ("base", "data", "end", "position")

    def __init__(self, data: bytes, position: int = 0, end: int | None = None, base: int = 0) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end
        self.base = base

    @property
    def offset(self) -> int:
        """Where the cursor stands in the file."""
        return self.base + self.position

    @property
    def left(self) -> int:
        return self.end - self.position

    def error(self, message: str, code: str = "mp4-bad-box") -> PeerError:
        """The error to raise when what stands here is nonsense."""
        return PeerError(message, offset=self.offset, code=code)

    def skip(self, size: int) -> int:
        """Move on by ``size`` bytes and return where the cursor stood."""
        start = self.position
        if size > self.end - start:
            raise self.error("a field reaches beyond its box", "mp4-truncated")
        self.position = start + size
        return start

    def take(self, size: int) -> bytes:
        start = self.skip(size)
        return self.data[start : start + size]

    def u8(self) -> int:
        return self.data[self.skip(1)]

    def u16(self) -> int:
        return int(U16.unpack_from(self.data, self.skip(2))[0])

    def u32(self) -> int:
        return int(U32.unpack_from(self.data, self.skip(4))[0])

    def u64(self) -> int:
        return int(U64.unpack_from(self.data, self.skip(8))[0])

    def version_and_flags(self) -> tuple[int, int]:
        word = self.u32()
        return word >> 24, word & 0xFFFFFF


class Box(NamedTuple):
    """A box that lies wholly within what was read: its type, its place in the file, and its content."""

    kind: bytes
    offset: int
    size: int
    body: Cursor


def children(parent: Cursor) -> Iterator[Box]:
    """The boxes from where ``parent`` stands up to its end.

    Raises:
        PeerError: A box is smaller than its header or reaches beyond ``parent``.
    """
    while parent.left > 0:
        offset, start = parent.offset, parent.position
        if parent.left < 8:
            raise parent.error("a box header is cut off", "mp4-truncated")
        size, kind = BOX_HEADER.unpack_from(parent.data, start)
        if size < 8:
            raise parent.error("a box is smaller than its header")
        parent.skip(size)
        yield Box(kind, offset, size, Cursor(parent.data, start + 8, start + size, parent.base))


def find(parent: Cursor, *path: bytes) -> Cursor:
    """The content of the first box at ``path`` below ``parent``, which itself is not moved.

    Raises:
        PeerError: There is none.
    """
    here = parent
    for kind in path:
        inside = Cursor(here.data, here.position, here.end, here.base)
        found = next((child.body for child in children(inside) if child.kind == kind), None)
        if found is None:
            raise here.error(f"no {kind.decode('latin-1')} box", "mp4-missing-box")
        here = found
    return here
