"""The operations of `Disk` as libfuse calls them. Imports fail where libfuse is missing: see `pcfs.can_mount`."""

import errno
import os
import random
import stat
from collections.abc import Iterable

import mfusepy

from tests.faults.disk import Disk, File
from tests.faults.orders import Order

SIZE = 1 << 20
"""Blocks of 4 kB that the disk says it has."""


class Plugged(mfusepy.Operations):  # type: ignore[misc]
    """The operations of one time between two cuts."""

    use_ns = True

    def __init__(self, disk: Disk, order: Order, voice: int) -> None:
        self.disk = disk
        self.left: Disk | None = None
        self._order = order
        self._voice = voice
        self._changes = 0
        self._open: dict[int, File] = {}

    def _change(self) -> None:
        self._alive()
        self._changes += 1
        if self._changes == self._order.when:
            self.left = self.disk.after(self._order.cut, random.Random(self._order.seed))
            os.write(self._voice, b"cut\n")
            self._alive()

    def _alive(self) -> None:
        if self.left is not None:
            raise OSError(errno.EIO, "no power")

    def _file(self, path: str | None, fh: int | None) -> File:
        if fh and fh in self._open:
            return self._open[fh]
        return self.disk.file(path or "")

    def _handle(self, node: File) -> int:
        handle = max(self._open, default=0) + 1
        self._open[handle] = node
        return handle

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        self._alive()
        if self.disk.is_folder(path):
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        size = len(self._file(path, fh).now)
        blocks = (size + 511) // 512
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": size, "st_blocks": blocks}

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        self._alive()
        return [".", "..", *self.disk.children(path)]

    def statfs(self, path: str) -> dict[str, int]:
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": SIZE, "f_bfree": SIZE, "f_bavail": SIZE}

    def open(self, path: str, flags: int) -> int:
        self._alive()
        node = self.disk.file(path)
        if flags & os.O_TRUNC and node.now:
            self._change()
            node.truncate(0)
        return self._handle(node)

    def create(self, path: str, mode: int, flags: int) -> int:
        self._change()
        return self._handle(self.disk.create(path))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._alive()
        return bytes(self._file(path, fh).now[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._change()
        self._file(path, fh).write(offset, data)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._change()
        self._file(path, fh).truncate(length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._change()
        self._file(path, fh).sync()
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self._change()
        self.disk.sync_folder(path)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._change()
        self.disk.make_folder(path)
        return 0

    def unlink(self, path: str) -> int:
        self._change()
        self.disk.remove(path)
        return 0

    def rmdir(self, path: str) -> int:
        self._change()
        self.disk.remove_folder(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        self._change()
        self.disk.rename(old, new)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0

    def release(self, path: str, fh: int) -> int:
        self._open.pop(fh, None)
        return 0


def serve_once(disk: Disk, order: Order, folder: str, voice: int) -> Disk:
    """Mount, serve until unmounted. What the cut left, or the disk as it is."""
    plugged = Plugged(disk, order, voice)
    mfusepy.FUSE(plugged, folder, foreground=True, nothreads=True, attr_timeout=0, entry_timeout=0)
    return plugged.left or disk
