"""Pictures one after the other over HTTP: multipart/x-mixed-replace, which everything shows that shows pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator

from haechi.base.clock import NS_PER_S, Clock
from haechi.bus.frames import Subscription
from haechi.media.access_unit import AccessUnit, Codec

BOUNDARY = "haechi-picture"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()


def part(jpeg: bytes, captured_ns: int | None = None) -> bytes:
    """One picture with its boundary and headers. X-Timestamp is what mjpg-streamer says, seconds and microseconds."""
    stamp = ""
    if captured_ns is not None:
        stamp = f"X-Timestamp: {captured_ns // NS_PER_S}.{captured_ns % NS_PER_S // 1000:06d}\r\n"
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n{stamp}\r\n"
    return b"".join((head.encode(), jpeg, b"\r\n"))


class Pace:
    """At most so many a second, evenly. ``fps`` 0: as they come."""

    def __init__(self, fps: float, clock: Clock) -> None:
        self._step_ns = round(NS_PER_S / fps) if fps else 0
        self._clock = clock
        self._due_ns = 0

    async def turn(self) -> None:
        """Wait until the next one is due. What a slow viewer missed is not made up for."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._due_ns:
            await self._clock.sleep((self._due_ns - now_ns) / NS_PER_S)
        self._due_ns = max(self._due_ns, self._clock.monotonic_ns() - self._step_ns // 2) + self._step_ns


async def newest(subscription: Subscription, pace: Pace) -> AsyncIterator[AccessUnit]:
    """The JPEG units of a camera, and always the newest: those that came while the viewer was busy are left out.

    Ends when the camera sends something else, or is deleted.
    """
    while await subscription.wait():
        await pace.turn()
        found: AccessUnit | None = None
        while (item := subscription.take()) is not None:
            if isinstance(item, AccessUnit):
                found = item
        if found is None:
            continue
        if subscription.params_of(found).codec is not Codec.MJPEG:
            return
        yield found
