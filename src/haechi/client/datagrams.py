"""RTP that leaves by UDP: paced, so that neither the network nor the server's buffer is flooded by a large picture."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock

BURST_BYTES = 128 * 1024
"""May leave at once, after a pause: far less than any buffer on the way to a server."""
WAITING_BYTES = 512 * 1024
"""What may wait to be sent before whoever sends has to wait."""
FULL_S = 0.001
_UDP_SEGMENT = 103
_MOST_SEGMENTS = 60
_MOST_BYTES = 62_000
_NOT_HERE = frozenset({errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE})
"""What a system says that cannot cut datagrams itself (or cannot on this way)."""


class Pacer:
    """A bucket of bytes that fills at a rate, up to a burst. Pure.

    Who was held up for long sends no more than the burst to catch up: what it missed stays missed.
    """

    def __init__(self, bytes_s: float, burst_bytes: int, now_ns: int) -> None:
        self._bytes_s = bytes_s
        self._burst_bytes = burst_bytes
        self._room_bytes = float(burst_bytes)
        self._filled_ns = now_ns

    def wait_ns(self, now_ns: int) -> int:
        """How long until something may be sent; 0: now."""
        elapsed_s = max(0, now_ns - self._filled_ns) / NS_PER_S
        self._filled_ns = max(now_ns, self._filled_ns)
        self._room_bytes = min(self._burst_bytes, self._room_bytes + elapsed_s * self._bytes_s)
        return 0 if self._room_bytes >= 0 else int(-self._room_bytes / self._bytes_s * NS_PER_S) + 1

    def spend(self, count: int) -> None:
        """So many bytes were sent; the bucket may go below nothing by one piece."""
        self._room_bytes -= count


class _Piece(Struct, frozen=True, gc=False):
    """Datagrams of one size (the last may be shorter) that are sent in one call. ``sent``: called when they were."""

    data: bytes
    size: int
    sent: Callable[[], None] | None


class DatagramSender:
    """Sends packets of one stream, in order, no faster than it may.

    Args:
        bound: Connected to the server, does not block.
        bytes_s: How fast they leave at most.
    """

    def __init__(self, bound: socket.socket, clock: Clock, bytes_s: float) -> None:
        self._socket = bound
        self._clock = clock
        self._pacer = Pacer(bytes_s, BURST_BYTES, clock.monotonic_ns())
        self._pieces: deque[_Piece] = deque()
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()
        self._can_cut = hasattr(bound, "sendmsg")
        self._is_closed = False

    def put(self, packets: Sequence[bytes], sent: Callable[[], None]) -> None:
        """Send the packets of a picture as soon as they may leave; ``sent`` is called when the last has left."""
        groups = _alike(packets)
        for index, group in enumerate(groups):
            data = group[0] if len(group) == 1 else b"".join(group)
            self._pieces.append(_Piece(data, len(group[0]), sent if index == len(groups) - 1 else None))
            self._waiting_bytes += len(data)
        if self._timer is None:
            self._pump()

    async def drain(self, most_bytes: int = WAITING_BYTES) -> None:
        """Wait until no more than so much waits to be sent."""
        while self._waiting_bytes > most_bytes and not self._is_closed:
            self._emptied.clear()
            await self._emptied.wait()

    def close(self) -> None:
        """Send nothing more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._pieces.clear()
        self._emptied.set()
        self._socket.close()

    def _pump(self) -> None:
        self._timer = None
        while self._pieces and not self._is_closed:
            wait_ns = self._pacer.wait_ns(self._clock.monotonic_ns())
            if wait_ns:
                self._later(wait_ns / NS_PER_S)
                break
            piece = self._pieces[0]
            if len(piece.data) > piece.size and not self._can_cut:
                self._split(piece)
                continue
            if not self._send(piece):
                self._later(FULL_S)
                break
            self._pieces.popleft()
            self._waiting_bytes -= len(piece.data)
            self._pacer.spend(len(piece.data))
            if piece.sent is not None:
                piece.sent()
        self._emptied.set()

    def _later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _send(self, piece: _Piece) -> bool:
        """Whether it left; False: there is no room at present. What the way refuses is as good as lost on it."""
        try:
            if len(piece.data) <= piece.size:
                self._socket.send(piece.data)
            else:
                self._socket.sendmsg([piece.data], [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("=H", piece.size))])
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            if self._can_cut and len(piece.data) > piece.size and error.errno in _NOT_HERE:
                self._can_cut = False
                return False
        return True

    def _split(self, piece: _Piece) -> None:
        """One by one, where the system cannot cut."""
        parts = [piece.data[at : at + piece.size] for at in range(0, len(piece.data), piece.size)]
        self._pieces.popleft()
        for index in range(len(parts) - 1, -1, -1):
            last = index == len(parts) - 1
            self._pieces.appendleft(_Piece(parts[index], len(parts[index]), piece.sent if last else None))


def _alike(packets: Sequence[bytes]) -> list[list[bytes]]:
    """Packets in order, in groups of one size; the last of a group may be shorter."""
    groups: list[list[bytes]] = []
    size = total = 0
    for packet in packets:
        group = groups[-1] if groups else []
        fits = (
            group
            and len(packet) <= size == len(group[-1])
            and len(group) < _MOST_SEGMENTS
            and total + len(packet) <= _MOST_BYTES
        )
        if fits:
            group.append(packet)
            total += len(packet)
        else:
            groups.append([packet])
            size = total = len(packet)
    return groups
