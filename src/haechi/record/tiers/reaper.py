"""Deletes what nobody needs any more, in every tier, as soon as the tier answers; the database says what that is.

Rows go first, files and objects after: a crash between leaves bytes without a row, never a row without bytes.
"""

from collections.abc import Mapping

import structlog
from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.record.tiers import ledger
from haechi.record.tiers.ledger import Doomed
from haechi.record.tiers.places import Place
from haechi.store.database import Database

log = structlog.get_logger(__name__)

EVERY_S = 5.0
AT_ONCE = 200
REST_NS = 30_000_000_000
"""A place that does not answer is left alone for so long."""


class ReaperStats(Struct):
    """Counters since the start."""

    deleted: int = 0
    failures: int = 0


class Reaper:
    """Takes the doomed away.

    Args:
        places: By volume; grows while tiers are claimed.
    """

    def __init__(self, places: Mapping[str, Place], database: Database, clock: Clock) -> None:
        self._places = places
        self._database = database
        self._clock = clock
        self._resting: dict[str, int] = {}
        self.stats = ReaperStats()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self.once():
                await self._clock.sleep(EVERY_S)

    async def once(self) -> int:
        """Delete what can be deleted now; how many."""
        count = 0
        for volume, place in list(self._places.items()):
            if self._clock.monotonic_ns() < self._resting.get(volume, 0):
                continue
            try:
                count += await self._empty(volume, place)
            except HaechiError as error:
                self.stats.failures += 1
                self._resting[volume] = self._clock.monotonic_ns() + REST_NS
                log.info("what is to be deleted waits for its tier", volume=volume, reason=error.message)
        return count

    async def _empty(self, volume: str, place: Place) -> int:
        found = await self._database.read(lambda c: ledger.condemned(c, volume, AT_ONCE))
        if not found:
            return 0
        await place.verify()
        for one in found:
            await self._delete(place, one)
        return len(found)

    async def _delete(self, place: Place, one: Doomed) -> None:
        if await self._database.read(lambda c: ledger.is_used(c, one)):
            log.error("not deleted: a recording is read from it", volume=one.volume, path=one.path)
        else:
            await place.remove(one.path)
            self.stats.deleted += 1
        await self._database.write(lambda c: ledger.deleted(c, one))
