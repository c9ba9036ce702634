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
from haechi.ingest.network import InOrder
from haechi.ingest.rtp_push.drain import Address, Drain, bind
from haechi.ingest.rtp_push.link import PushLink
from haechi.ingest.rtp_push.stream import PushedStream
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import KNOCK, SECRET_BYTES

_KNOCK_BYTES = len(KNOCK) + SECRET_BYTES


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
        self._drain = Drain(bound, clock, self._came)
        self._read_ns = 0
        self._by_secret: dict[bytes, _Guest] = {}
        self._by_address: dict[Address, _Guest] = {}

    @classmethod
    def bind(cls, listener: socket.socket, clock: Clock) -> Datagrams:
        """A socket at the address of ``listener``: on the same port, or on any when that is taken."""
        host, port = listener.getsockname()[:2]
        return cls(bind(host, port, listener.family), clock)

    @property
    def port(self) -> int:
        """Where datagrams go."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def dropped(self) -> int:
        """Datagrams that came to this machine and were never looked at."""
        return self._drain.dropped

    def start(self) -> None:
        """Read until `close`."""
        self._drain.start()

    def close(self) -> None:
        """Let go of the port."""
        self._drain.close()

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

    def _came(self, data: bytes, address: Address, read_ns: int) -> None:
        if data.startswith(KNOCK):
            self._knocked(data, address)
            return
        guest = self._by_address.get(address)
        if guest is not None:
            self._read_ns = read_ns
            self._take(guest, data)

    def _take(self, guest: _Guest, data: bytes) -> None:
        if guest.link.spend(len(data)):
            guest.link.heard_ns = self._read_ns
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
        guest.link.write(Frame(Kind.BOUND, b"", stream.number, stream.berth.run.number).serialise())

    def _deliver(self, link: PushLink, stream: PushedStream, data: bytes) -> None:
        try:
            stream.packet(data, self._read_ns)
        except HaechiError as error:
            link.break_off(stream, error)
