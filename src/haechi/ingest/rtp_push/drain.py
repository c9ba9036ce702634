"""A UDP socket read by a thread that does nothing else, so that no datagram is lost while everybody else is busy.

The kernel keeps what comes for as long as its buffer lasts; a thread that mostly sleeps gets its turn at once, on a
machine that has no time too. Where the kernel can (Linux 5.0, UDP_GRO), datagrams that came one after the other from
one sender are read in one call.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable

import structlog

from haechi.base.clock import Clock

log = structlog.get_logger(__name__)

BUFFER_BYTES = 32 * 1024 * 1024
"""Receive buffer asked for, about 0.8 s of 320 Mbit/s; the kernel gives what `net.core.rmem_max` allows."""
HELD_BYTES = 64 * 1024 * 1024
"""What waits for the event loop at most; beyond it the newest are dropped, counted."""
TURN_BYTES = 256 * 1024
"""Handed on in one go, before others have their turn."""
LOOK_S = 0.25
"""How often a thread to which nothing comes looks whether it is still wanted."""
_UDP_GRO = 104
_SO_MEMINFO, _DROPS = 55, 8
_LARGEST = 65_535

Address = tuple[str, int]
Take = Callable[[bytes, Address, int], None]
"""A datagram, who sent it, and when it was read (monotonic ns)."""


class Drain:
    """See the module. Make it on the event loop; `start` and `close` it there.

    Attributes:
        overrun: Datagrams that were read and dropped because the event loop was too far behind.
    """

    def __init__(self, bound: socket.socket, clock: Clock, take: Take) -> None:
        self._socket = bound
        self._clock = clock
        self._take = take
        self._held: deque[tuple[bytes, int, Address, int]] = deque()
        self._read_bytes = 0
        self._taken_bytes = 0
        self._is_told = False
        self._is_over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._read, name="datagrams", daemon=True)
        self.overrun = 0

    @property
    def dropped(self) -> int:
        """Datagrams that came to this machine and that nobody saw: those that the kernel dropped, and `overrun`."""
        return self.overrun + kernel_drops(self._socket)

    def start(self) -> None:
        """Read until `close`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Stop, and let go of the port."""
        self._is_over = True
        host, port = self._socket.getsockname()[:2]
        with contextlib.suppress(OSError):  # wakes the thread; else it looks by itself
            self._socket.sendto(b"", ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))  # noqa: S104
        self._thread.join(4 * LOOK_S)
        self._socket.close()
        self._held.clear()

    def _read(self) -> None:
        receive, held, space = self._socket.recvmsg, self._held, socket.CMSG_SPACE(4)
        while not self._is_over:
            try:
                data, notes, _, sender = receive(_LARGEST, space)
            except (BlockingIOError, ConnectionRefusedError, TimeoutError):
                continue
            except OSError as error:
                if not self._is_over:
                    log.warning("datagrams cannot be read", error=error.strerror)
                return
            size = _segment_bytes(notes) or len(data)
            if self._read_bytes - self._taken_bytes > HELD_BYTES:
                self.overrun += -(-len(data) // size) if size else 1
                continue
            self._read_bytes += len(data)
            held.append((data, size, (sender[0], sender[1]), self._clock.monotonic_ns()))
            if not self._is_told:
                self._is_told = True
                self._tell()

    def _tell(self) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop was closed a moment ago
            self._loop.call_soon_threadsafe(self._hand_on)

    def _hand_on(self) -> None:
        """The order counts: what the thread adds after this line makes it tell us again."""
        self._is_told = False
        turn = 0
        while self._held and not self._is_over:
            if turn >= TURN_BYTES:
                self._is_told = True
                self._tell()
                return
            data, size, sender, read_ns = self._held.popleft()
            self._taken_bytes += len(data)
            turn += len(data)
            if size >= len(data):
                self._take(data, sender, read_ns)
                continue
            for at in range(0, len(data), size):
                self._take(data[at : at + size], sender, read_ns)


def bind(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """A UDP socket for a `Drain`, on ``port``, or on any when that is taken."""
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(LOOK_S * 1_000_000)))
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an older kernel: one by one
            bound.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.bind((host, 0))
    return bound


def receive_buffer_bytes() -> int:
    """What the kernel gives of the buffer that we ask for; Linux reports twice the number that it was asked for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        given = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return given // 2 if sys.platform == "linux" else given


def _segment_bytes(notes: list[tuple[int, int, bytes]]) -> int:
    """The size of the datagrams that were read in one call; 0: it was one."""
    for level, kind, data in notes:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
            return int.from_bytes(data[:4], sys.byteorder)
    return 0


def kernel_drops(bound: socket.socket) -> int:
    """Datagrams that did not fit into a socket's buffer (Linux; elsewhere 0)."""
    if sys.platform != "linux":
        return 0
    try:
        told = struct.unpack_from("=9I", bound.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
    except (OSError, struct.error):
        return 0
    return int(told[_DROPS])
