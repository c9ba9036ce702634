"""Two hosts that are threads, each in a network namespace of its own, and the wire between them. Needs CAP_NET_ADMIN.

This kernel has no netem, so the wire is a thread that carries packets from one TUN device to the other.
"""

import asyncio
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from tests.links.impair import Impairment

SERVER, CAMERA = "10.77.0.1", "10.77.0.2"
START_S = 20.0
_CLONE_NEWNET = 0x4000_0000
_TUNSETIFF, _IFF_TUN_NO_PI = 0x4004_54CA, 0x1001
_SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
_IFF_UP = 0x1
_QUEUE_BYTES = 65_536
T = TypeVar("T")


class Host:
    """A thread with an event loop in a namespace of its own, with one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.tun = -1
        self._ready: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._live, name=address, daemon=True)

    def start(self) -> None:
        """Raises:
        OSError: The rights are missing.
        """
        self._thread.start()
        self.tun = self._ready.result(START_S)

    def _live(self) -> None:
        try:
            tun = _own_namespace(self.address)
        except OSError as error:
            self._ready.set_exception(error)
            return
        self._loop = asyncio.new_event_loop()
        self._ready.set_result(tun)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run something on this host."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_S)
        if self.tun >= 0:
            os.close(self.tun)


def _own_namespace(address: str) -> int:
    """Put this thread into a new namespace with one TUN device; gives the device."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no namespace")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", b"wire", _IFF_TUN_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _give_address(control, b"lo", "127.0.0.1", "255.0.0.0")
        _give_address(control, b"wire", address, "255.255.255.0")
    return tun


def _give_address(control: socket.socket, name: bytes, address: str, mask: str) -> None:
    for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, mask)):
        place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
        fcntl.ioctl(control, request, struct.pack("16s16s8x", name, place))
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name, _IFF_UP))


class Wire:
    """Carries packets between two devices.

    Attributes:
        out, back: From the camera to the server, and the other way.
    """

    def __init__(self, camera: int, server: int, seed: int) -> None:
        self.out = Impairment(random.Random(seed))
        self.back = Impairment(random.Random(seed + 1))
        self._ways = {camera: (self.out, server), server: (self.back, camera)}
        self._due: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(START_S)

    def both(self, change: Callable[[Impairment], None]) -> None:
        """The same in both directions."""
        change(self.out)
        change(self.back)

    def cut(self, is_open: bool = False) -> None:
        """Black hole; with True all is as before."""
        self.out.is_open = self.back.is_open = is_open

    def forget(self) -> None:
        """See `Impairment.forget`."""
        self.both(Impairment.forget)

    def _carry(self) -> None:
        poll = select.poll()
        for device in self._ways:
            poll.register(device, select.POLLIN)
        while not self._is_over.is_set():
            wait_s = self._due[0][0] - time.monotonic() if self._due else 0.05
            for device, _ in poll.poll(max(0.0, min(wait_s, 0.05)) * 1000):
                self._read(device)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(self._due)
                os.write(device, packet)

    def _read(self, device: int) -> None:
        impairment, target = self._ways[device]
        while True:
            try:
                packet = os.read(device, _QUEUE_BYTES)
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4:
                continue
            for at_s in impairment.take(packet, time.monotonic()):
                heapq.heappush(self._due, (at_s, next(self._numbers), target, packet))


@contextmanager
def a_bad_network(seed: int = 1) -> Iterator[tuple[Host, Host, Wire]]:
    """Server, camera and the wire between them; skips the test where namespaces may not be made."""
    server, camera = Host(SERVER), Host(CAMERA)
    try:
        server.start()
        camera.start()
    except OSError as error:
        pytest.skip(f"a bad network needs root, network namespaces and /dev/net/tun: {error}")
    wire = Wire(camera.tun, server.tun, seed)
    wire.start()
    try:
        yield server, camera, wire
    finally:
        wire.stop()
        server.stop()
        camera.stop()
