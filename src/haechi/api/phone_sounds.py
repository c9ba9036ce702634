"""A phone that listens for loud sounds says when it is loud: an event, where the phone is recorded.

The sound itself stays where it was: what comes here is a state, on or off. Whether the phone listens for it is switched
on the phone, by who holds it (CONTRACT S11).
"""

from __future__ import annotations

import asyncio
from collections import deque

from haechi.base.clock import Clock
from haechi.base.ids import CameraId
from haechi.events.reported.book import Book, Tell
from haechi.events.reported.moments import Moments
from haechi.events.reported.wishes import Wish
from haechi.fleet.onvif.events import DeviceEvent
from haechi.fleet.phones.messages import PhoneState

TOPIC = "Phone/LoudSound"
COOLDOWN_S = 10.0
TICK_S = 1.0
MOST_WAITING = 64
_WISH = Wish(enabled=True, kinds=("sound",), cooldown_s=COOLDOWN_S)


class LoudSounds:
    """What one connected phone says of how loud it is. `run` it as long as the phone is there."""

    def __init__(self, camera: CameraId, moments: Moments, tell: Tell, clock: Clock) -> None:
        self._clock = clock
        self._book = Book(camera, _WISH, moments, tell)
        self._waiting: deque[DeviceEvent] = deque(maxlen=MOST_WAITING)
        self._wake = asyncio.Event()
        self._is_loud = False

    def told(self, state: PhoneState, now_ns: int) -> None:
        """The phone told how it is (wall time)."""
        is_loud = state.loud is True
        if is_loud == self._is_loud:
            return
        self._is_loud = is_loud
        said = (("State", "true" if is_loud else "false"),)
        self._waiting.append(DeviceEvent(TOPIC, "Changed", now_ns, (), said))
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled: then nobody knows whether it is still loud."""
        try:
            while True:
                if self._book.is_resting:
                    await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._book.take(self._waiting.popleft())
                await self._book.settle(self._clock.wall_ns())
                await self._clock.sleep(TICK_S)
        finally:
            await self._book.lose(self._clock.wall_ns())
