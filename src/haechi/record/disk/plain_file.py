"""A file of footage as its plain bytes, whether it is sealed or not: what adoption looks at."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from haechi.base.errors import DataLoss, Unavailable
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.seal import (
    BLOCK_EXTRA_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAX_BLOCK_BYTES,
    MAX_FRAGMENTS,
    Block,
    DataKey,
    length_of,
)

SEALED_NAME = ".sealed.mp4"
"""What names of files end with that no player can play."""


class PlainFile:
    """Reads a file of footage. Only whole blocks of a sealed file count; one that is damaged reads as zeros.

    Attributes:
        seal: The header of a sealed file; None: it is a plain one.
        size: Plain bytes.

    Raises:
        Unavailable: ``key-missing``: it is sealed, and its key is not in the ring.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, keys: KeyRing | None = None) -> None:
        self._file: BinaryIO = path.open("rb")
        self._position = 0
        self._blocks: list[Block] = []
        self._held: tuple[int, bytes] = (-1, b"")
        self._key: DataKey | None = None
        self.seal: bytes | None = None
        try:
            self.stored_bytes = self._file.seek(0, 2)
            self.size = self.stored_bytes
            if path.name.endswith(SEALED_NAME):
                self._open(keys)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "PlainFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As a file's."""
        self._position = max(
            0, offset if whence == 0 else self.size + offset if whence == 2 else self._position + offset
        )
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """As a file's."""
        end = self.size if size < 0 else min(self.size, self._position + size)
        start = min(self._position, end)
        data = self._plain(start, end) if self._key is not None else self._raw(start, end - start)
        self._position = start + len(data)
        return data

    def stored_end(self, plain_end: int) -> int:
        """Where in the file itself the block ends that holds the last of ``plain_end`` plain bytes."""
        if self._key is None:
            return plain_end
        inside = [one for one in self._blocks if one.offset + one.size <= plain_end]
        return inside[-1].sealed_offset + inside[-1].sealed_size if inside else 0

    def _open(self, keys: KeyRing | None) -> None:
        header = self._raw(0, HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            self.size = 0
            return
        if keys is None:
            raise Unavailable("there is no key ring to open sealed footage with", code="key-missing")
        self._key, self.seal = keys.open(header), header
        at = HEADER_BYTES
        self.size = 0
        while at + BLOCK_EXTRA_BYTES <= self.stored_bytes and len(self._blocks) < MAX_FRAGMENTS:
            size = length_of(self._raw(at, 4))
            at += size + BLOCK_EXTRA_BYTES
            if size > MAX_BLOCK_BYTES or at > self.stored_bytes:
                break
            self._blocks.append(Block(len(self._blocks), self.size, size))
            self.size += size

    def _plain(self, start: int, end: int) -> bytes:
        found: list[bytes] = []
        for block in self._blocks:
            if block.offset < end and block.offset + block.size > start:
                data = self._block(block)
                found.append(data[max(start - block.offset, 0) : end - block.offset])
        return b"".join(found)

    def _block(self, block: Block) -> bytes:
        if self._held[0] != block.number:
            assert self._key is not None
            try:
                data = self._key.open(block.number, self._raw(block.sealed_offset, block.sealed_size))
            except DataLoss:
                data = bytes(block.size)
            self._held = block.number, data
        return self._held[1]

    def _raw(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)
