"""A small memory of pieces of objects: players, scans and clips ask for the same megabytes again and again."""

import threading
from collections import OrderedDict
from collections.abc import Callable

CHUNK_BYTES = 1024 * 1024
HELD_BYTES = 64 * 1024 * 1024
AHEAD_MOST = 8

Fetch = Callable[[int, int], bytes]
"""Exactly the bytes at an offset, of a length."""


class Chunks:
    """Reads through megabytes that it keeps for a while. Any thread may use it.

    What is read in a row is fetched in longer and longer pieces, up to 8 MiB at once: a request to a store far away
    takes as long for one megabyte as for eight.
    """

    def __init__(self, most_bytes: int = HELD_BYTES) -> None:
        self._most = most_bytes
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._next: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, name: str, offset: int, size: int, total: int, fetch: Fetch) -> bytes:
        """``size`` bytes at ``offset`` of the thing called ``name``, which is ``total`` bytes long."""
        found: list[bytes] = []
        number, last = offset // CHUNK_BYTES, (offset + size - 1) // CHUNK_BYTES
        while number <= last:
            data = self._get(name, number)
            if data is None:
                data = self._fetch(name, number, last, total, fetch)
            start = max(offset - number * CHUNK_BYTES, 0)
            found.append(data[start : offset + size - number * CHUNK_BYTES])
            number += 1
        return b"".join(found)

    def forget(self, name: str) -> None:
        """What is held of it may be wrong."""
        with self._lock:
            for key in [key for key in self._held if key[0] == name]:
                self._bytes -= len(self._held.pop(key))

    def _get(self, name: str, number: int) -> bytes | None:
        with self._lock:
            data = self._held.get((name, number))
            if data is not None:
                self._held.move_to_end((name, number))
            return data

    def _fetch(self, name: str, number: int, last: int, total: int, fetch: Fetch) -> bytes:
        with self._lock:
            expected, length = self._next.get(name, (0, 0))
            length = min(length * 2, AHEAD_MOST) if number == expected and length else 1
            count = max(length, min(last - number + 1, AHEAD_MOST))
            self._next[name] = (number + count, count)
            self._next.move_to_end(name)
            if len(self._next) > 1000:
                self._next.popitem(last=False)
        start = number * CHUNK_BYTES
        data = fetch(start, min(count * CHUNK_BYTES, total - start))
        with self._lock:
            for index in range(0, len(data), CHUNK_BYTES):
                self._keep((name, number + index // CHUNK_BYTES), data[index : index + CHUNK_BYTES])
        return data[:CHUNK_BYTES]

    def _keep(self, key: tuple[str, int], data: bytes) -> None:
        before = self._held.pop(key, None)
        self._bytes += len(data) - len(before or b"")
        self._held[key] = data
        while self._bytes > self._most:
            self._bytes -= len(self._held.popitem(last=False)[1])
