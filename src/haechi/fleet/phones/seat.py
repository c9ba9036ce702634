"""One end of a signalling connection: what waits to be sent there, and how much may come from there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.fleet.phones.messages import Said, encode

MOST_WAITING = 256
MOST_WAITING_BYTES = 1024 * 1024
BURST = 200
"""Messages at once: a browser finds its dozen candidates within a second, a phone does so for eight viewers."""
REFILL_NS = NS_PER_S // 20


class Closing(Struct, frozen=True):
    """Why a connection is ended; ``code`` is that of its WebSocket."""

    code: int
    reason: str


class Seat:
    """See the module. Pure; ``wake`` is called when there is something to send, or to close."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._full_at_ns = 0
        self.closing: Closing | None = None

    def offer(self, message: Said) -> None:
        """Take a message. Who does not read what waits is closed, and may come back."""
        if self.closing is not None:
            return
        text = encode(message)
        if len(self._waiting) >= MOST_WAITING or self._waiting_bytes + len(text) > MOST_WAITING_BYTES:
            self.close(Closing(1013, "page-too-slow"))
            return
        self._waiting.append(text)
        self._waiting_bytes += len(text)
        self._wake()

    def take(self) -> str | None:
        """The next message to send."""
        if not self._waiting:
            return None
        text = self._waiting.popleft()
        self._waiting_bytes -= len(text)
        return text.decode()

    def close(self, closing: Closing) -> None:
        """End it when what waits is sent."""
        if self.closing is None:
            self.closing = closing
            self._wake()

    def is_heard(self, now_ns: int) -> bool:
        """Whether one more message may come now; counts it."""
        self._full_at_ns = max(self._full_at_ns, now_ns) + REFILL_NS
        return self._full_at_ns - now_ns <= BURST * REFILL_NS
