"""How fast a camera gives out of its memory, so that what it takes now is never late for it; pure.

Bytes go out in windows; the other side says when it has read one. How long that took, beyond the time of an empty way,
is how long the link was busy with it; for 30 % of the time it may be. On a fast link the window grows, on a slow one it
shrinks to where a picture that is just taken waits for a fraction of a second at most.
"""

from __future__ import annotations

LINK_SHARE = 0.3
LEAST_WINDOW_BYTES = 8 * 1024
FIRST_WINDOW_BYTES = 16 * 1024
MOST_WINDOW_BYTES = 256 * 1024
QUICK_S = 0.05
SLOW_S = 0.2


class Share:
    """The pace towards one server.

    Args:
        bytes_per_s: No faster than this, however fast the link.

    Attributes:
        window_bytes: Send so much, then ask.
    """

    def __init__(self, bytes_per_s: int, share: float = LINK_SHARE) -> None:
        self._bytes_per_s = bytes_per_s
        self._share = share
        self._least_s: float | None = None
        self.window_bytes = FIRST_WINDOW_BYTES

    def read(self, sent_bytes: int, took_s: float) -> float:
        """The other side has read ``sent_bytes``, ``took_s`` after the first of them was sent; 0 bytes: an empty way.

        Returns:
            Seconds to rest before the next window.
        """
        self._least_s = took_s if self._least_s is None else min(self._least_s, took_s)
        busy_s = took_s - self._least_s
        if not sent_bytes:
            return 0.0
        if busy_s < QUICK_S:
            self.window_bytes = min(2 * self.window_bytes, MOST_WINDOW_BYTES)
        elif busy_s > SLOW_S:
            self.window_bytes = max(self.window_bytes // 2, LEAST_WINDOW_BYTES)
        return max(0.0, busy_s * (1 / self._share - 1), sent_bytes / self._bytes_per_s - took_s)
