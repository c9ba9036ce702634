"""The UDP port: what comes is told apart by its first byte (RFC 7983), and to whom it belongs by ICE."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Container
from typing import Self

from haechi.base.clock import Clock
from haechi.base.errors import PeerError, Unavailable
from haechi.media.webrtc import stun
from haechi.media.webrtc.ice import Address, Credentials, IceLite, local_name
from haechi.webrtc.dtls import Identity
from haechi.webrtc.peer import Peer

UDP_BUFFER_BYTES = 4 * 1024 * 1024
MOST_DATAGRAMS = 128
"""Read in one go, before others have their turn."""
MOST_PEERS = 1024


class UdpPort:
    """All peers behind one socket.

    Args:
        bound: A bound UDP socket that does not block.
    """

    def __init__(self, bound: socket.socket, identity: Identity, clock: Clock) -> None:
        self._socket = bound
        self._identity = identity
        self._clock = clock
        self._by_name: dict[str, Peer] = {}
        self._by_address: dict[Address, Peer] = {}
        self.strays = 0

    @classmethod
    def bind(cls, host: str, port: int, identity: Identity, clock: Clock, tries: int = 20) -> Self:
        """A socket on ``port`` of ``host``, or on the next one that is free.

        Raises:
            Unavailable: ``port-taken``.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UDP_BUFFER_BYTES)
        for candidate in range(port, port + tries if port else 1):
            try:
                bound.bind((host, candidate))
            except OSError:
                continue
            return cls(bound, identity, clock)
        bound.close()
        message = f"UDP ports {port} to {port + tries - 1} are taken, or this address is not ours; choose another"
        raise Unavailable(message, code="port-taken", host=host, port=port)

    @property
    def port(self) -> int:
        """Where datagrams go."""
        number: int = self._socket.getsockname()[1]
        return number

    @property
    def fingerprint(self) -> bytes:
        return self._identity.fingerprint

    @property
    def peers(self) -> int:
        """How many there are."""
        return len(set(self._by_name.values()))

    def start(self) -> None:
        """Read until `close`."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._ready)

    def close(self) -> None:
        """End all peers, and let go of the port."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        for peer in set(self._by_name.values()):
            peer.fail(PeerError("the server stops", offset=0, code="server-stops"))
        self._by_name.clear()
        self._by_address.clear()
        self._socket.close()

    def expect(self, ours: Credentials, theirs: Credentials, fingerprints: tuple[tuple[str, bytes], ...]) -> Peer:
        """Make a place for a peer.

        Raises:
            Unavailable: ``too-many-peers``.
        """
        if self.peers >= MOST_PEERS:
            message = "as many publish and watch by WebRTC as this server takes; try again later"
            raise Unavailable(message, code="too-many-peers", limit=MOST_PEERS)
        peer = Peer(self._identity, IceLite(ours, theirs), fingerprints, self._clock, self._send)
        self._by_name[ours.ufrag] = peer
        return peer

    def restart(self, peer: Peer, ours: Credentials, theirs: Credentials) -> None:
        """New credentials for a peer (RFC 8445 section 9)."""
        for name in peer.ice.restart(ours, theirs):
            self._by_name.pop(name, None)
        self._by_name[ours.ufrag] = peer

    def forget(self, peer: Peer) -> None:
        """The peer is over."""
        peer.close()
        for name in peer.ice.names:
            self._by_name.pop(name, None)
        self._forget_addresses(peer, but=())

    def _forget_addresses(self, peer: Peer, *, but: Container[Address]) -> None:
        for address in [old for old, other in self._by_address.items() if other is peer and old not in but]:
            del self._by_address[address]

    def _ready(self) -> None:
        receive = self._socket.recvfrom
        for _ in range(MOST_DATAGRAMS):
            try:
                data, sender = receive(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            address = (sender[0], sender[1])
            if data and data[0] < 4:
                self._check(data, address)
                continue
            peer = self._by_address.get(address)
            if peer is None or not data:
                self.strays += 1
            else:
                self._deliver(peer, data)

    def _deliver(self, peer: Peer, data: bytes) -> None:
        try:
            peer.take(data, self._clock.monotonic_ns())
        except PeerError as error:
            peer.fail(error)

    def _check(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse(data)
            peer = self._by_name.get(local_name(message))
            if peer is None or peer.is_over:
                self.strays += 1
                return
            peer.check(message, address)
        except PeerError:
            self.strays += 1
            return
        if address in peer.ice.addresses and self._by_address.get(address) is not peer:
            self._forget_addresses(peer, but=peer.ice.addresses)
            self._by_address[address] = peer

    def _send(self, data: bytes, address: Address) -> None:
        try:
            self._socket.sendto(data, address)
        except OSError:
            self.strays += 1
