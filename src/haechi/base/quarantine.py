"""Units that kill decode workers. Two kills, and the bytes are never given to one again (CONTRACT S7). Pure."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

KILLS = 2
MOST_SUSPECTS = 10_000


class Quarantine:
    """Remembers units by the SHA-256 of their bytes; the oldest suspect is forgotten first."""

    def __init__(self) -> None:
        self._kills: OrderedDict[bytes, int] = OrderedDict()

    def strike(self, data: bytes) -> bool:
        """A worker died while it decoded ``data``. Gives whether the unit is now held."""
        key = hashlib.sha256(data).digest()
        self._kills[key] = self._kills.pop(key, 0) + 1
        while len(self._kills) > MOST_SUSPECTS:
            self._kills.popitem(last=False)
        return self._kills[key] >= KILLS

    def holds(self, data: bytes) -> bool:
        """Whether a worker must not see ``data``. Costs nothing while there is no suspect."""
        return bool(self._kills) and self._kills.get(hashlib.sha256(data).digest(), 0) >= KILLS

    def held(self) -> int:
        """How many units are held."""
        return sum(kills >= KILLS for kills in self._kills.values())
