"""The brakes on guessing: a bucket of tries that refills slowly, one per key (an account, an address)."""

import ipaddress
from collections import OrderedDict

from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock


class Allowance(Struct, frozen=True):
    """``burst`` failures at once, then one more every ``refill_s`` seconds."""

    burst: int
    refill_s: float


MOST_KEYS = 20_000
_OVERFLOW = "(more)"


class Throttle:
    """Counts failures per key. Pure but for the clock; memory is bounded."""

    def __init__(self, allowance: Allowance, clock: Clock, *, most_keys: int = MOST_KEYS) -> None:
        self._allowance = allowance
        self._clock = clock
        self._most_keys = most_keys
        self._full_at_ns: OrderedDict[str, int] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Seconds until ``key`` may try again; 0 when it may now."""
        now_ns = self._clock.monotonic_ns()
        debt_ns = self._full_at_ns.get(self._key(key, now_ns), 0) - now_ns
        room_ns = (self._allowance.burst - 1) * self._step_ns
        return max(0, debt_ns - room_ns) / NS_PER_S

    def take(self, key: str) -> float:
        """Count a try of ``key`` and return 0, or return the seconds to wait and count nothing."""
        wait_s = self.wait_s(key)
        if wait_s > 0:
            return wait_s
        now_ns = self._clock.monotonic_ns()
        place = self._key(key, now_ns)
        self._full_at_ns[place] = max(self._full_at_ns.get(place, 0), now_ns) + self._step_ns
        self._full_at_ns.move_to_end(place)
        return 0.0

    def give_back(self, key: str) -> None:
        """The try was no failure after all."""
        now_ns = self._clock.monotonic_ns()
        place = self._key(key, now_ns)
        left_ns = self._full_at_ns.get(place, 0) - self._step_ns
        if left_ns <= now_ns:
            self._full_at_ns.pop(place, None)
        else:
            self._full_at_ns[place] = left_ns

    def __len__(self) -> int:
        return len(self._full_at_ns)

    @property
    def _step_ns(self) -> int:
        return int(self._allowance.refill_s * NS_PER_S)

    def _key(self, key: str, now_ns: int) -> str:
        """``key`` itself, or the shared bucket when the memory is full of keys that still owe something."""
        if key in self._full_at_ns or len(self._full_at_ns) < self._most_keys:
            return key
        for old in [old for old, full_ns in self._full_at_ns.items() if full_ns <= now_ns]:
            del self._full_at_ns[old]
        return key if len(self._full_at_ns) < self._most_keys else _OVERFLOW


def address_key(address: str) -> str:
    """What is throttled of an address: an IPv4 address as it is, an IPv6 one by its /64 network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
