"""RTP that comes by UDP: one socket for all clients. Who may send is settled by a knock with the stream's secret."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from functools import partial

from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.ingest.network import UDP_BUFFER_BYTES, InOrder
from haechi.ingest.rtp_push.link import PushLink
from haechi.ingest.rtp_push.stream import PushedStream
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import KNOCK, SECRET_BYTES

MOST_DATAGRAMS = 256
"""Read in one go, before others have their turn."""
_KNOCK_BYTES = len(KNOCK) + SECRET_BYTES

Address = tuple[str, int]


class _Guest(Struct):
    """A stream that sends by UDP. ``address``: where from, once it has knocked."""

    stream: PushedStream
    link: PushLink
    in_order: InOrder
    address: Address | None = None


class Datagrams:
    """See the module. A datagram is taken only from the address that knocked, which is the TCP connection's own."""

    def __init__(self, bound: socket.socket, clock: Clock) -> None:
        self._socket = bound
        self._clock = clock
        self._by_secret: dict[bytes, _Guest] = {}
        self._by_address: dict[Address, _Guest] = {}

    @classmethod
    def bind(cls, listener: socket.socket, clock: Clock) -> Datagrams:
        """A socket at the address of ``listener``: on the same port, or on any when that is taken."""
        host, port = listener.getsockname()[:2]
        bound = socket.socket(listener.family, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
        try:
            bound.bind((host, port))
        except OSError:
            bound.bind((host, 0))
        return cls(bound, clock)

    @property
    def port(self) -> int:
        """Where datagrams go."""
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Read until `close`."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._ready)

    def close(self) -> None:
        """Let go of the port."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def expect(self, link: PushLink, stream: PushedStream) -> bytes:
        """Make a place for a stream; gives the secret to knock with."""
        secret = secrets.token_bytes(SECRET_BYTES)
        stream.secret = secret
        take = partial(self._deliver, link, stream)
        self._by_secret[secret] = _Guest(stream, link, InOrder(asyncio.get_running_loop(), take))
        return secret

    def forget(self, stream: PushedStream) -> None:
        """The stream is over."""
        guest = self._by_secret.pop(stream.secret, None)
        if guest is not None:
            guest.in_order.stop()
            if guest.address is not None:
                self._by_address.pop(guest.address, None)

    def _ready(self) -> None:
        receive, by_address = self._socket.recvfrom, self._by_address
        for _ in range(MOST_DATAGRAMS):
            try:
                data, sender = receive(65_536)
            except (BlockingIOError, ConnectionRefusedError):
                return
            address = (sender[0], sender[1])
            guest = by_address.get(address)
            if data.startswith(KNOCK):
                self._knocked(data, address)
            elif guest is not None:
                self._take(guest, data)

    def _take(self, guest: _Guest, data: bytes) -> None:
        if guest.link.spend(len(data)):
            guest.link.heard_ns = self._clock.monotonic_ns()
            guest.in_order.take(data)
        else:
            guest.stream.count("rate", 1)

    def _knocked(self, data: bytes, address: Address) -> None:
        """Let a stream in; again from another port when the client's router has moved it."""
        if len(data) != _KNOCK_BYTES:
            return
        secret = data[len(KNOCK) :]
        guest = self._by_secret.get(secret)
        if guest is None or not hmac.compare_digest(guest.stream.secret, secret) or guest.link.peer != address[0]:
            return
        if guest.address is not None:
            self._by_address.pop(guest.address, None)
        guest.address = address
        self._by_address[address] = guest
        stream = guest.stream
        guest.link.write(Frame(Kind.BOUND, b"", stream.number, stream.lane.run.number).serialise())

    def _deliver(self, link: PushLink, stream: PushedStream, data: bytes) -> None:
        try:
            stream.packet(data, self._clock.monotonic_ns())
        except HaechiError as error:
            link.break_off(stream, error)
