"""Routers with NAT as RFC 4787 names them, for IPv4 packets: no sockets here, packets in and packets out.

A cone maps what comes from one inside port to one outside port, whoever it is for, and lets in only whom it sent to
(endpoint-independent mapping, address- and port-dependent filtering: most homes). A symmetric one takes another outside
port for each destination: what STUN finds is of no use there (many offices and cellular networks).
"""

from __future__ import annotations

import ipaddress
from enum import Enum

from msgspec import Struct

TCP, UDP = 6, 17
FIRST_PORT, LAST_PORT = 20_000, 60_000
Endpoint = tuple[bytes, int]


class Kind(Enum):
    NONE = "none"
    CONE = "cone"
    SYMMETRIC = "symmetric"


class Packet(Struct):
    """The parts of a TCP or UDP packet that a NAT touches."""

    data: bytearray
    at: int
    """Where TCP or UDP begins."""

    @classmethod
    def parse(cls, data: bytes) -> Packet | None:
        """None: it is not one of these, or is a later fragment."""
        if len(data) < 28 or data[0] >> 4 != 4 or data[9] not in (TCP, UDP) or int.from_bytes(data[6:8]) & 0x1FFF:
            return None
        at = (data[0] & 15) * 4
        return cls(bytearray(data), at) if len(data) >= at + 8 else None

    @property
    def protocol(self) -> int:
        return self.data[9]

    @property
    def source(self) -> Endpoint:
        return bytes(self.data[12:16]), int.from_bytes(self.data[self.at : self.at + 2])

    @property
    def target(self) -> Endpoint:
        return bytes(self.data[16:20]), int.from_bytes(self.data[self.at + 2 : self.at + 4])

    def readdress(self, endpoint: Endpoint, *, source: bool) -> None:
        """Another source or target, with the checksums to go with it (RFC 1624)."""
        address, port = endpoint
        at, port_at = (12, self.at) if source else (16, self.at + 2)
        before = bytes(self.data[at : at + 4])
        ports = bytes(self.data[port_at : port_at + 2])
        self.data[at : at + 4] = address
        self.data[port_at : port_at + 2] = port.to_bytes(2)
        self._mend(10, before, address)
        sum_at = self.at + (16 if self.protocol == TCP else 6)
        if self.protocol == TCP or self.data[sum_at : sum_at + 2] != b"\0\0":
            self._mend(sum_at, before + ports, address + port.to_bytes(2))

    def _mend(self, at: int, before: bytes, after: bytes) -> None:
        total = ~int.from_bytes(self.data[at : at + 2]) & 0xFFFF
        for old, new in zip(_words(before), _words(after), strict=True):
            total += (~old & 0xFFFF) + new
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        self.data[at : at + 2] = (~total & 0xFFFF).to_bytes(2)


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


class Way(Struct):
    """One mapping: whose it is inside, and who may come in."""

    inside: Endpoint
    sent_to: set[Endpoint]


class Router:
    """What stands between one host and the world.

    Args:
        public: Its outside address; with ``Kind.NONE`` that of the host itself.

    Attributes:
        carried: Datagrams that came in.
    """

    def __init__(self, kind: Kind, public: str) -> None:
        self.kind = kind
        self.public = ipaddress.IPv4Address(public).packed
        self._ways: dict[tuple[int, int], Way] = {}
        self._ports: dict[tuple[int, Endpoint, Endpoint | None], int] = {}
        self._next = FIRST_PORT
        self.carried = 0

    def out(self, packet: Packet) -> bool:
        """Send ``packet`` into the world, under the name that it has there; False: it goes nowhere."""
        if self.kind is Kind.NONE:
            return packet.source[0] == self.public
        target = packet.target
        if ipaddress.IPv4Address(target[0]) in _PRIVATE:
            return False
        inside = packet.source
        key = (packet.protocol, inside, target if self.kind is Kind.SYMMETRIC else None)
        if key not in self._ports:
            self._ports[key] = self._next
            self._next += 7  # not the neighbour: nobody is to find a port by counting
            assert self._next < LAST_PORT
        port = self._ports[key]
        self._ways.setdefault((packet.protocol, port), Way(inside, set())).sent_to.add(target)
        packet.readdress((self.public, port), source=True)
        return True

    def come_in(self, packet: Packet) -> bool:
        """Let ``packet`` in to whom it is for; False: it is for nobody, or uninvited."""
        if self.kind is Kind.NONE:
            return True
        way = self._ways.get((packet.protocol, packet.target[1]))
        if way is None or packet.source not in way.sent_to:
            return False
        packet.readdress(way.inside, source=False)
        return True


_PRIVATE = ipaddress.IPv4Network("10.0.0.0/8")


class World:
    """Routers, and the net between them. Each has a number, which stands for its host's wire."""

    def __init__(self) -> None:
        self.routers: dict[int, Router] = {}
        self.passed = self.dropped = 0

    def carry(self, data: bytes, wire: int) -> tuple[bytes, int] | None:
        """What comes out of which wire for ``data`` that came from ``wire``."""
        packet = Packet.parse(data)
        if packet is not None and self.routers[wire].out(packet):
            public = packet.target[0]
            there = next((number for number, router in self.routers.items() if router.public == public), None)
            if there is not None and there != wire and self.routers[there].come_in(packet):
                self.passed += 1
                self.routers[there].carried += packet.protocol == UDP
                return bytes(packet.data), there
        self.dropped += 1
        return None
