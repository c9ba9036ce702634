"""Listens for players, and keeps strangers in bounds."""

from __future__ import annotations

import asyncio
import socket

import structlog

from haechi.base.errors import PeerError
from haechi.base.faults import Apart
from haechi.base.throttle import address_key
from haechi.live.rtsp.connection import Connection, House
from haechi.live.rtsp.player import Over

log = structlog.get_logger(__name__)

MOST_CONNECTIONS = 1000
MOST_STRANGERS = 512
"""Connections that have not shown a token yet; for each there are 10 s."""
MOST_STRANGERS_EACH = 128
"""The same, of one address: a system of a hundred cameras comes back all at once."""
BACKLOG = 256
CLOSING_S = 2.0


class RtspListener:
    """Serves players until cancelled. What one of them does wrong, or we do with one, ends that one's connection."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._open: dict[Connection, str] = {}

    async def serve(self, listener: socket.socket) -> None:
        """Take connections on a bound socket until cancelled; then end all of them."""
        async with Apart("rtsp player", self._house.faults) as group:

            def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                group.create_task(self._serve(reader, writer))

            server = await asyncio.start_server(came, sock=listener, backlog=BACKLOG)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if peer is None or not self._has_room(address_key(peer[0])):
            self._house.counts.turned_away += 1
            writer.transport.abort()
            return
        _keep_alive(writer)
        connection = Connection(self._house, reader, writer)
        self._open[connection] = address_key(connection.host)
        self._house.counts.connections += 1
        try:
            await self._run(connection)
        finally:
            del self._open[connection]
            self._house.counts.connections -= 1
            await _close(writer)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except Over as over:
            log.info("a player's connection was ended", peer=connection.host, reason=str(over))
            if not connection.is_known:
                self._house.counts.turned_away += 1
        except PeerError as error:
            self._house.counts.malformed += 1
            log.info("no RTSP came", peer=connection.host, code=error.code)
        except TimeoutError:
            log.info("a player was given up: it took nothing for too long", peer=connection.host)
        except OSError as error:
            log.debug("a player went", peer=connection.host, reason=str(error))

    def _has_room(self, address: str) -> bool:
        strangers = [key for connection, key in self._open.items() if not connection.is_known]
        return (
            len(self._open) < MOST_CONNECTIONS
            and len(strangers) < MOST_STRANGERS
            and strangers.count(address) < MOST_STRANGERS_EACH
        )


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """A player whose machine lost its power says nothing; the kernel finds out."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left, for a moment."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
