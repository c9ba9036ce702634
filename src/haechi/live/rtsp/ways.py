"""The two ways of packets to a player: in its connection, or as datagrams beside it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from haechi.base.clock import Clock
from haechi.base.errors import Unavailable
from haechi.live.packets import Outlet, PacketStream, UnitPackets
from haechi.media.rtsp.deframer import frame
from haechi.media.rtsp.transport import Transport

STALLED_S = 20.0
"""A player that took nothing for so long is gone."""
WAITING_BYTES = 256 * 1024
"""What waits for a player in its connection; more waits as units, of which whole stretches are left out."""
BURST_PACKETS = 32
PAUSE_S = 0.002
"""Datagrams go out in bursts: a player's socket often holds not more than a hundred that it did not read yet."""
PORTS_TRIED = 20
Report = Callable[[bytes], None]


class Way(Protocol):
    """How one track reaches a player."""

    async def send(self, made: UnitPackets, outlet: Outlet, stream: PacketStream) -> int:
        """Send the packets of a unit of ``stream`` with the numbers of ``outlet``; how many bytes they were.

        Raises:
            TimeoutError: The player takes nothing.
        """

    def report(self, data: bytes) -> None:
        """Send a report beside them."""


def say(writer: asyncio.StreamWriter, data: bytes | bytearray) -> None:
    """Write, unless the player is gone: a transport of uvloop that the other side has closed refuses to be written to.

    Raises:
        ConnectionResetError: The player is gone.
    """
    if writer.transport.is_closing():
        raise ConnectionResetError("the player went")
    writer.write(data)


class InConnection:
    """RTP and RTCP in the connection itself (RFC 2326 section 10.12)."""

    def __init__(self, writer: asyncio.StreamWriter, transport: Transport) -> None:
        assert transport.interleaved is not None
        self._writer = writer
        self._rtp, self._rtcp = transport.interleaved

    async def send(self, made: UnitPackets, outlet: Outlet, stream: PacketStream) -> int:
        """See `Way`."""
        data = outlet.fill(stream.framed(made, outlet.payload_type, self._rtp))
        say(self._writer, data)
        if self._writer.transport.get_write_buffer_size() > WAITING_BYTES:
            async with asyncio.timeout(STALLED_S):
                await self._writer.drain()
        return len(data)

    def report(self, data: bytes) -> None:
        """See `Way`."""
        if not self._writer.transport.is_closing():
            self._writer.write(frame(self._rtcp, data))


class Datagrams:
    """Our two UDP ports, for all players; reports that come in go to the player from whose address they come."""

    def __init__(self, rtp: asyncio.DatagramTransport, rtcp: asyncio.DatagramTransport, heard: _Heard) -> None:
        self.rtp = rtp
        self.rtcp = rtcp
        self.heard = heard

    @property
    def ports(self) -> tuple[int, int]:
        """The (RTP, RTCP) pair."""
        return (self.rtp.get_extra_info("sockname")[1], self.rtcp.get_extra_info("sockname")[1])

    @classmethod
    async def bind(cls, host: str, port: int) -> Datagrams:
        """Take ``port`` and the one after it, or the next free pair; 0: any.

        Raises:
            Unavailable: ``port-taken``.
        """
        loop, heard = asyncio.get_running_loop(), _Heard()
        first, second = _bound_pair(host, port)
        rtp, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=first)
        rtcp, _ = await loop.create_datagram_endpoint(lambda: heard, sock=second)
        return cls(rtp, rtcp, heard)

    def close(self) -> None:
        """Let go of the ports."""
        self.rtp.close()
        self.rtcp.close()


class _Heard(asyncio.DatagramProtocol):
    """Reports of players."""

    def __init__(self) -> None:
        self.players: dict[tuple[str, int], Report] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        report = self.players.get((addr[0], addr[1]))
        if report is not None:
            report(data)


class ByDatagrams:
    """RTP and RTCP by UDP, to the address that the connection came from and to no other."""

    def __init__(self, datagrams: Datagrams, host: str, ports: tuple[int, int], clock: Clock) -> None:
        self._datagrams = datagrams
        self._rtp, self._rtcp = (host, ports[0]), (host, ports[1])
        self._clock = clock
        self._in_a_row = 0

    async def send(self, made: UnitPackets, outlet: Outlet, stream: PacketStream) -> int:
        """See `Way`."""
        size = 0
        for packet in outlet.write(made):
            self._datagrams.rtp.sendto(packet, self._rtp)
            size += len(packet)
            self._in_a_row += 1
            if self._in_a_row >= BURST_PACKETS:
                self._in_a_row = 0
                await self._clock.sleep(PAUSE_S)
        return size

    def report(self, data: bytes) -> None:
        """See `Way`."""
        self._datagrams.rtcp.sendto(data, self._rtcp)

    def hear(self, report: Report) -> None:
        """Hand what the player reports to ``report``."""
        self._datagrams.heard.players[self._rtcp] = report

    def forget(self) -> None:
        """Nothing more is heard."""
        self._datagrams.heard.players.pop(self._rtcp, None)


def _bound_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Two sockets on neighbouring ports, the first of which is even (RFC 3550 section 11)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(PORTS_TRIED):
        first, second = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            first.bind((host, port + 2 * number if port else 0))
            taken = first.getsockname()[1]
            if taken % 2 == 0:
                second.bind((host, taken + 1))
                first.setblocking(False)
                second.setblocking(False)
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise Unavailable("no pair of UDP ports for RTP is free; choose another", code="port-taken", host=host, port=port)
