"""Connections, and pairs of UDP ports for RTP and RTCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from haechi.base.errors import PeerError, Unavailable
from haechi.ingest.reach import Address
from haechi.media.rtp import Reorder

SILENCE_S = 0.1
"""Packets that wait for a missing one wait no longer. The window alone would hold up a second of a slow camera."""
UDP_BUFFER_BYTES = 4 * 1024 * 1024
"""Receive buffer asked for: about ten seconds of a 3 Mbit/s camera, should we be held up."""
MOST_TRACKS = 2


async def connect(protocol: asyncio.Protocol, address: Address, seconds: float) -> None:
    """Open a TCP connection.

    Raises:
        Unavailable: ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``.
    """
    _, host, port = address
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.create_connection(lambda: protocol, host, port), seconds)
    except (OSError, TimeoutError) as error:
        raise unreachable(error, host, port) from error


def unreachable(error: OSError | TimeoutError, host: str, port: int) -> Unavailable:
    """The condition behind a connection that could not be opened: ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``."""
    if isinstance(error, TimeoutError):
        message = "the camera does not answer; is it switched on and is the address right?"
        return Unavailable(message, code="tcp-timeout", host=host, port=port)
    if isinstance(error, ConnectionRefusedError):
        message = "nothing listens at this port of the camera; is the port right?"
        return Unavailable(message, code="tcp-refused", host=host, port=port)
    return Unavailable("the camera cannot be reached", code="tcp-failed", host=host, port=port, reason=error.strerror)


class UdpPairs:
    """Bound ports for each track, RTP on the even one and RTCP on the odd one after it.

    The sockets are connected to the camera's address, so that nobody else can put packets in.
    """

    def __init__(self, host: str, sockets: Sequence[tuple[socket.socket, socket.socket]]) -> None:
        self._host = host
        self._sockets = sockets
        self._ordered: list[InOrder] = []
        self._server_ports: list[tuple[int, int] | None] = []

    @classmethod
    async def bind(cls, address: Address) -> UdpPairs:
        """Bind a pair for each of two tracks."""
        family, host, _ = address
        return cls(host, [_bind_pair(family) for _ in range(MOST_TRACKS)])

    @property
    def ports(self) -> list[tuple[int, int]]:
        """(RTP, RTCP) for each track."""
        return [(rtp.getsockname()[1], rtcp.getsockname()[1]) for rtp, rtcp in self._sockets]

    def begin(
        self, server_ports: Sequence[tuple[int, int] | None], receive: Callable[[int, bool, bytes], None]
    ) -> None:
        """Deliver what comes to ``receive(track, is_rtcp, packet)``, RTP in order of sequence numbers."""
        self._server_ports = list(server_ports)
        loop = asyncio.get_running_loop()
        for track, (rtp, rtcp) in enumerate(self._sockets[: len(server_ports)]):
            ordered = InOrder(loop, partial(receive, track, False))
            self._ordered.append(ordered)
            self._listen(loop, rtp, ordered.take)
            self._listen(loop, rtcp, lambda data, track=track: receive(track, True, data))  # type: ignore[misc]

    def send_rtcp(self, track: int, data: bytes) -> None:
        """Send a report to the camera's RTCP port. What cannot be sent (no route, for a while) is lost."""
        ports = self._server_ports[track] if track < len(self._server_ports) else None
        if ports is not None:
            with suppress(OSError):
                self._sockets[track][1].sendto(data, (self._host, ports[1]))

    def close(self) -> None:
        """Let go of the ports."""
        for ordered in self._ordered:
            ordered.stop()
        for pair in self._sockets:
            for one in pair:
                asyncio.get_running_loop().remove_reader(one)
                one.close()

    def _listen(self, loop: asyncio.AbstractEventLoop, one: socket.socket, take: Callable[[bytes], None]) -> None:
        def ready() -> None:
            for _ in range(64):
                try:
                    data, sender = one.recvfrom(65_536)
                except (BlockingIOError, ConnectionRefusedError):
                    return
                if sender[0] == self._host:
                    take(data)

        loop.add_reader(one, ready)


class InOrder:
    """The RTP packets of one track in order of their numbers; what waits for a lost one does not wait for long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._window = Reorder()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, data: bytes) -> None:
        """Take a packet as it comes; what is no RTP is dropped."""
        try:
            packets = self._window.push(data)
        except PeerError:
            packets = []
        for packet in packets:
            self._deliver(packet)
        if packets or not self._window.held:
            self.stop()
        if self._window.held and self._timer is None:
            self._timer = self._loop.call_later(SILENCE_S, self._give_up)

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        for packet in self._window.flush():
            self._deliver(packet)


def _bind_pair(family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    for _ in range(50):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.bind(("", 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if port % 2:
                raise OSError("odd port")
            rtcp.bind(("", port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        for one in (rtp, rtcp):
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
        return rtp, rtcp
    raise Unavailable("no free pair of UDP ports", code="no-udp-ports")
