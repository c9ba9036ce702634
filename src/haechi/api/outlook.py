"""The forecast of the disks, kept for a minute: it looks at every recording, and pages ask for it every few seconds."""

import asyncio

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Unavailable
from haechi.record.retention.deletion import Retention
from haechi.record.retention.forecast import Forecast

KEPT_NS = 60 * NS_PER_S


class Outlook:
    """What retention foresees, as of at most a minute ago."""

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self._retention = retention
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[int, Forecast] | None = None

    async def forecast(self) -> Forecast:
        """The forecast.

        Raises:
            Unavailable: The recording disk does not answer.
        """
        async with self._turn:
            now_ns = self._clock.monotonic_ns()
            if self._kept is None or now_ns - self._kept[0] > KEPT_NS:
                try:
                    self._kept = (now_ns, await self._retention.forecast())
                except OSError as error:
                    message = "the recording disk does not answer"
                    raise Unavailable(message, code="volume-missing", reason=error.strerror or "") from error
            return self._kept[1]

    def forget(self) -> None:
        """Something changed: look again."""
        self._kept = None
