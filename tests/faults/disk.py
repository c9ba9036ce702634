"""A disk that forgets: what was not synced may be gone after a power cut, in whole, in part, in any order. Pure.

Rules, harsher than ext4's: the bytes of a file are safe after fsync or fdatasync of it; a name (made, moved or removed)
is safe after fsync of its folder, and only if the folder's own name is; a sector of 512 bytes is written whole or not.
"""

import errno
import random
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

SECTOR = 512


class Cut(StrEnum):
    """What of the unsynced survives."""

    LOST = "nothing unsynced is kept"
    TORN = "any sectors and names are kept, others not"
    ORDERED = "what came first is kept, and the last write is torn"


class File:
    """The bytes of a file, as programs see them and as they are safe."""

    def __init__(self, safe: bytes = b"") -> None:
        self.now = bytearray(safe)
        self.safe = bytearray(safe)
        self.pending: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        _put(self.now, offset, data)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        _resize(self.now, size)
        self.pending.append((size, None))

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.safe, offset, data)
        self.pending.clear()

    def after(self, cut: Cut, draw: random.Random) -> bytes:
        """The bytes that a power cut leaves."""
        left = bytearray(self.safe)
        keep = draw.choice((0.1, 0.5, 0.9))
        reached = draw.randint(0, len(self.pending)) if cut is Cut.ORDERED else len(self.pending)
        for number, (offset, data) in enumerate(self.pending if cut is not Cut.LOST else ()):
            if cut is Cut.ORDERED and number >= reached:
                if number == reached and data is not None:
                    _put(left, offset, data[: draw.randrange(0, len(data) + 1) // SECTOR * SECTOR])
                break
            if cut is Cut.ORDERED or data is None:
                if cut is Cut.ORDERED or draw.random() < keep:
                    _apply(left, offset, data)
                continue
            for begin, some in _sectors(offset, data):
                if draw.random() < keep:
                    _put(left, begin, some)
        return bytes(left)


class Renamed(Struct, frozen=True):
    """One change of names: ``node`` gets the name ``path`` (None: the name goes), and loses the name ``old``."""

    path: str
    node: File | None
    old: str = ""
    is_folder: bool = False


class Disk:
    """All names and files. Paths begin with ``/``; a folder has no node."""

    def __init__(self) -> None:
        self.names: dict[str, File | None] = {"/": None}
        self.safe_names: dict[str, File | None] = {"/": None}
        self.pending: list[Renamed] = []

    def file(self, path: str) -> File:
        """The file of this name.

        Raises:
            OSError: ENOENT, EISDIR.
        """
        node = self.names.get(path)
        if node is None:
            raise OSError(errno.EISDIR if path in self.names else errno.ENOENT, path)
        return node

    def is_folder(self, path: str) -> bool:
        return path in self.names and self.names[path] is None

    def create(self, path: str) -> File:
        node = File()
        self._note(Renamed(path, node))
        return node

    def make_folder(self, path: str) -> None:
        if path in self.names:
            raise OSError(errno.EEXIST, path)
        self._note(Renamed(path, None, is_folder=True))

    def remove(self, path: str) -> None:
        self.file(path)
        self._note(Renamed(path, None))

    def remove_folder(self, path: str) -> None:
        if self.children(path):
            raise OSError(errno.ENOTEMPTY, path)
        self._note(Renamed(path, None))

    def rename(self, old: str, new: str) -> None:
        self._note(Renamed(new, self.file(old), old))

    def sync_folder(self, path: str) -> None:
        """Names directly in ``path`` are safe."""
        mine = [one for one in self.pending if folder_of(one.path) == path]
        for one in mine:
            _apply_name(self.safe_names, one)
        self.pending = [one for one in self.pending if one not in mine]

    def children(self, path: str) -> list[str]:
        """Names directly in a folder."""
        prefix = path.rstrip("/") + "/"
        return [
            name[len(prefix) :]
            for name in self.names
            if name.startswith(prefix) and "/" not in name[len(prefix) :] and name != "/"
        ]

    def after(self, cut: Cut, draw: random.Random) -> "Disk":
        """The disk that a power cut leaves; all of it is safe."""
        names = dict(self.safe_names)
        keep = draw.choice((0.1, 0.5, 0.9))
        reached = draw.randint(0, len(self.pending))
        for number, one in enumerate(self.pending):
            if (cut is Cut.TORN and draw.random() < keep) or (cut is Cut.ORDERED and number < reached):
                _apply_name(names, one)
        left = Disk()
        for path in sorted(names):
            node = names[path]
            if path != "/" and folder_of(path) in left.names and left.names[folder_of(path)] is None:
                left.names[path] = None if node is None else File(node.after(cut, draw))
        left.safe_names = dict(left.names)
        return left

    def _note(self, one: Renamed) -> None:
        if folder_of(one.path) not in self.names:
            raise OSError(errno.ENOENT, one.path)
        _apply_name(self.names, one)
        self.pending.append(one)


def folder_of(path: str) -> str:
    """The folder that a name is in."""
    return path.rpartition("/")[0] or "/"


def _apply_name(names: dict[str, File | None], one: Renamed) -> None:
    if one.old:
        names.pop(one.old, None)
    if one.node is None and not one.is_folder:
        names.pop(one.path, None)
    else:
        names[one.path] = one.node


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    begin = offset
    while begin < offset + len(data):
        end = min((begin // SECTOR + 1) * SECTOR, offset + len(data))
        yield begin, data[begin - offset : end - offset]
        begin = end


def _apply(target: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        _resize(target, offset)
    else:
        _put(target, offset, data)


def _put(target: bytearray, offset: int, data: bytes) -> None:
    if data and len(target) < offset:
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data


def _resize(target: bytearray, size: int) -> None:
    if size < len(target):
        del target[size:]
    else:
        target.extend(bytes(size - len(target)))
