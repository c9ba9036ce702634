"""`Disk` as a file system in user space: mounted, written to by the real recorder and SQLite, and cut from power.

The daemon is a process of its own. It cuts by itself at the N-th operation that changes something; from then on nothing
answers. Then it is unmounted, and mounted again with what is left.
"""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from tests.faults.disk import Disk
from tests.faults.orders import Order
from tests.faults.stage import Child

MOUNT_S = 10.0
STAY_ON = Order()


def serve(folder: str, orders: int, voice: int) -> None:
    """The daemon: for each order mount, serve until unmounted, and forget. Ends when there are no more orders."""
    from tests.faults.plugged import serve_once

    disk = Disk()
    with os.fdopen(orders, "rb") as lines:
        for line in lines:
            disk = serve_once(disk, msgspec.json.decode(line, type=Order), folder, voice)
            os.write(voice, b"off\n")


class PowerCutDisk:
    """The mounted disk, from outside."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        orders, self._orders = os.pipe()
        self._daemon = Child(lambda voice: _serve_alone(str(folder), orders, self._orders, voice))
        os.close(orders)
        self._daemon.go()
        self._heard = 0

    def mount(self, order: Order = STAY_ON) -> None:
        """Power on; it goes as ordered."""
        os.write(self._orders, msgspec.json.encode(order) + b"\n")
        deadline = time.monotonic() + MOUNT_S
        while not os.path.ismount(self.folder):
            if time.monotonic() > deadline or not self._daemon.read(0.01):
                raise RuntimeError(f"cannot mount: {self._daemon.said[-400:].decode()}")

    @property
    def is_cut(self) -> bool:
        """Whether the power went."""
        self._daemon.read(0)
        return b"cut\n" in self._daemon.said[self._heard :]

    def unmount(self) -> None:
        """Power off, if it is not yet; nobody uses it any more."""
        deadline = time.monotonic() + MOUNT_S
        while subprocess.run(["fusermount3", "-u", str(self.folder)], check=False, capture_output=True).returncode:
            if time.monotonic() > deadline:
                subprocess.run(["fusermount3", "-uz", str(self.folder)], check=False)
                break
            time.sleep(0.02)
        while b"off\n" not in self._daemon.said[self._heard :] and self._daemon.read(MOUNT_S):
            pass
        self._heard = len(self._daemon.said)

    def close(self) -> None:
        """Take it away."""
        with suppress(OSError):
            if os.path.ismount(self.folder):
                self.unmount()
        os.close(self._orders)
        self._daemon.end(10)


def _serve_alone(folder: str, orders: int, other_end: int, voice: int) -> None:
    os.close(other_end)
    serve(folder, orders, voice)


def can_mount() -> str:
    """Why a file system in user space cannot be mounted here; empty when it can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no /dev/fuse"
    try:
        subprocess.run(["fusermount3", "-V"], check=True, capture_output=True)
        import mfusepy  # noqa: F401 - only whether it is there
    except (FileNotFoundError, ImportError, OSError, subprocess.CalledProcessError) as error:
        return f"fuse3 or mfusepy is missing: {error}"
    return ""
