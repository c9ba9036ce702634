"""A disk that fails when told to, mounted, for a server that runs on it: nothing of it is simulated in the server.

    python -m tests.faults.failing FOLDER ORDERS

``ORDERS`` is a file that is read at each operation: empty, all is well; ``sync``, syncs fail with EIO; a number, so
many bytes fit on the disk and no more.
"""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.orders import Order

BLOCK = 4096
LARGE = 1 << 32
MOUNT_S = 30.0
REPOSITORY = Path(__file__).parents[2]


class FailingDisk:
    """The mounted disk, from outside."""

    def __init__(self, folder: Path, orders: Path) -> None:
        self.folder = folder
        self._orders = orders

    def syncs_fail(self) -> None:
        """From now on."""
        self._say("sync")

    def holds(self, size_bytes: int) -> None:
        """No more than this from now on."""
        self._say(str(size_bytes))

    def is_well(self) -> None:
        """Again."""
        self._say("")

    def used_bytes(self) -> int:
        """What lies on it."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def _say(self, word: str) -> None:
        fresh = self._orders.with_suffix(".new")
        fresh.write_text(word)
        fresh.replace(self._orders)


@contextmanager
def failing_disk(root: Path) -> Iterator[FailingDisk]:
    """A disk at ``root/disk``, empty; gone at the end."""
    disk = FailingDisk(root / "disk", root / "orders")
    disk.folder.mkdir()
    disk.is_well()
    command = [sys.executable, "-m", "tests.faults.failing", str(disk.folder), str(root / "orders")]
    with subprocess.Popen(command, cwd=REPOSITORY) as daemon:
        try:
            deadline = time.monotonic() + MOUNT_S
            while not os.path.ismount(disk.folder):
                assert daemon.poll() is None, "the disk cannot be mounted"
                assert time.monotonic() < deadline, "the disk is not mounted in time"
                time.sleep(0.05)
            yield disk
        finally:
            subprocess.run(["fusermount3", "-uz", str(disk.folder)], check=False, capture_output=True)
            daemon.terminate()


def main(arguments: Sequence[str]) -> None:
    """Mount, and serve until unmounted."""
    import mfusepy

    from tests.faults.plugged import Plugged

    folder, orders = arguments

    class Failing(Plugged):
        """The operations, as the orders are now."""

        def _order_now(self) -> str:
            return Path(orders).read_text()

        def _room(self) -> int:
            word = self._order_now()
            used = sum(len(node.now) for node in self.disk.names.values() if node is not None)
            return (int(word) if word.isdecimal() else LARGE) - used

        def statfs(self, path: str) -> dict[str, int]:
            free = max(0, self._room()) // BLOCK
            return {"f_bsize": BLOCK, "f_frsize": BLOCK, "f_blocks": LARGE // BLOCK, "f_bfree": free, "f_bavail": free}

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            if self._room() < len(data):
                raise OSError(errno.ENOSPC, path)
            return super().write(path, data, offset, fh)

        def fsync(self, path: str, datasync: int, fh: int) -> int:
            if self._order_now() == "sync":
                raise OSError(errno.EIO, path)
            return super().fsync(path, datasync, fh)

    disk = Failing(Disk(), Order(), os.open(os.devnull, os.O_WRONLY))
    mfusepy.FUSE(disk, folder, foreground=True, nothreads=True, attr_timeout=0, entry_timeout=0)


if __name__ == "__main__":
    main(sys.argv[1:])
