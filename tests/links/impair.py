"""What a bad network does to packets, without any network: what goes in when, what comes out when."""

import random
from collections import Counter
from dataclasses import dataclass, field

MOST_QUEUED_S = 0.25
"""A link of limited rate keeps so much waiting, and drops what comes beyond it, as routers do."""


@dataclass
class Impairment:
    """One direction of a link. Every value may be changed while it works.

    Attributes:
        loss, duplicate: Shares of packets.
        delay_s, jitter_s: Each packet takes from ``delay_s`` to ``delay_s + jitter_s``; so they may pass each other.
        rate_bps: None: no limit.
        is_open: False: everything disappears, and nobody is told.
        dropped: Packets that did not come out, by what they are (`kind_of`).
    """

    draw: random.Random
    loss: float = 0.0
    duplicate: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_bps: float | None = None
    is_open: bool = True
    dropped: Counter[tuple[int, int]] = field(default_factory=Counter)
    _free_s: float = 0.0
    _seen: set[bytes] = field(default_factory=set)
    _forgotten: set[bytes] = field(default_factory=set)

    def take(self, packet: bytes, now_s: float) -> list[float]:
        """When the packet comes out: not at all, once, or twice."""
        flow = flow_of(packet)
        self._seen.add(flow)
        queued_s = max(0.0, self._free_s - now_s) if self.rate_bps else 0.0
        is_lost = not self.is_open or flow in self._forgotten or self.draw.random() < self.loss
        if is_lost or queued_s > MOST_QUEUED_S:
            self.dropped[kind_of(packet)] += 1
            return []
        if self.rate_bps:
            self._free_s = now_s + queued_s + len(packet) * 8 / self.rate_bps
            queued_s = self._free_s - now_s
        copies = 1 + (self.draw.random() < self.duplicate)
        return [now_s + queued_s + self.delay_s + self.jitter_s * self.draw.random() for _ in range(copies)]

    def forget(self) -> None:
        """As a router that lost its table: nothing of what is open gets through any more; what begins anew does."""
        self._forgotten |= self._seen


def flow_of(packet: bytes) -> bytes:
    """Protocol, addresses and ports of an IPv4 packet, the same in both directions (RFC 791)."""
    ports = (packet[12:16] + packet[20:22], packet[16:20] + packet[22:24])
    return packet[9:10] + b"".join(sorted(ports))


def kind_of(packet: bytes) -> tuple[int, int]:
    """Protocol (6: TCP, 17: UDP) and port of destination."""
    return packet[9], packet[22] << 8 | packet[23]
