"""Tiers of an installation, from its settings."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from haechi.app.keys import key_ring
from haechi.app.settings import Settings, TierSettings
from haechi.base.clock import Clock, SystemClock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, camera_of
from haechi.fleet.cameras import CameraRegistry
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.days import streams_of
from haechi.record.index.spans import RecordIndex
from haechi.record.repair.adopt import adopt_now
from haechi.record.repair.adopt_objects import AdoptedObjects, ObjectsAdoption
from haechi.record.repair.check import CheckLevel, CheckReport, Issue, Progress, check
from haechi.record.repair.check_objects import ObjectsReport, check_objects
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.packing import duration_ns
from haechi.record.tiers.places import Folder
from haechi.record.tiers.room import TierPlan, Tiers, TierWish
from haechi.store.database import Database


def tiers_over(
    settings: Settings, database: Database, volume: Volume, clock: Clock, first_free: Callable[[], int] = lambda: 0
) -> Tiers:
    """All tiers after the volume that is recorded to.

    Args:
        first_free: How much is to stay free on that volume now.

    Raises:
        Invalid: ``bad-tier``, ``bad-tier-url``: what is wrong with which of them.
    """
    plan = TierPlan(tuple(_wish(one) for one in settings.record.tiers))
    return Tiers(database, volume, clock, plan, key_ring(settings), first_free)


def unseen(done: int, total: int) -> None:
    """For work that nobody watches."""


class TierCheck(Struct, frozen=True):
    """What a check of one tier saw; ``failure``: why it could not be looked at."""

    name: str
    report: CheckReport | ObjectsReport | None
    failure: str = ""

    @property
    def is_sound(self) -> bool:
        return self.report is not None and self.report.is_sound


class Adopted(Struct, frozen=True):
    """What was listed again of a tier.

    Attributes:
        issues: What was left as it is, and why; the first of ``issue_count``.
    """

    name: str
    recordings: int
    issues: tuple[Issue, ...] = ()
    issue_count: int = 0


class TierCare:
    """Looks into tiers after the first, and lists again what is there. Nothing may be recording."""

    def __init__(self, tiers: Tiers, index: RecordIndex, clock: Clock, keys: KeyRing) -> None:
        self._tiers = tiers
        self._index = index
        self._clock = clock
        self._keys = keys

    async def check(self, name: str, level: CheckLevel, progress: Progress = unseen) -> TierCheck:
        """Look at a tier; nothing is changed."""
        try:
            place = await self._tiers.opened(name)
            if isinstance(place, Folder):
                report: CheckReport | ObjectsReport = await check(
                    self._index, place.volume, level, progress=progress, keys=self._keys
                )
            else:
                report = await check_objects(self._index.database, place, level, progress)
        except HaechiError as error:
            return TierCheck(name, None, error.message)
        return TierCheck(name, report)

    async def adopt(self, name: str, progress: Progress = unseen, *, takes: bool = False) -> Adopted:
        """List again what lies in a tier and is not listed.

        Args:
            takes: A person says that the tier is this installation's, whatever it says itself. Then it is from now on.

        Raises:
            NotFound: There is no tier of this name.
            Unavailable: It does not answer.
            Conflict: It is another's, or footage of this tier is listed in another place.
        """
        place = await self._tiers.opened(name, takes=takes)
        if not isinstance(place, Folder):
            return self._told(name, await self._adoption(place).run(progress))
        place.volume.lock()
        try:
            report = await asyncio.to_thread(adopt_now, self._index, place.volume, self._keys, progress)
        finally:
            place.volume.unlock()
        return Adopted(name, report.adopted_files, (), report.missing + report.set_aside)

    async def look(self, name: str, progress: Progress = unseen) -> Adopted:
        """What `adopt` would do; nothing is changed."""
        place = await self._tiers.visited(name)
        if not isinstance(place, Folder):
            return self._told(name, await self._adoption(place, is_dry=True).run(progress))
        level = CheckLevel.PRESENCE
        report = await check(self._index, place.volume, level, progress=progress, keys=self._keys)
        return Adopted(name, report.unlisted)

    def _adoption(self, place: Objects, *, is_dry: bool = False) -> ObjectsAdoption:
        vault = self._tiers.vault
        return ObjectsAdoption(self._index.database, place, vault, self._clock, self._keys, is_dry=is_dry)

    def _told(self, name: str, found: AdoptedObjects) -> Adopted:
        return Adopted(name, found.recordings, tuple(found.issues), found.issue_count)


async def strangers(index: RecordIndex) -> list[CameraId]:
    """Cameras of which there is footage, and that are not set up: the database was lost, or they were removed."""
    known = {one.id for one in await CameraRegistry(index.database, SystemClock()).list()}
    streams = await index.database.read(streams_of)
    return sorted({camera_of(stream) for stream in streams} - known)


def _wish(one: TierSettings) -> TierWish:
    options = {"endpoint": one.endpoint, "region": one.region}
    return TierWish(
        name=one.name,
        url=one.url,
        after_ns=duration_ns(one.after),
        encrypt=one.encrypt,
        min_free_bytes=one.min_free_bytes,
        max_bytes=one.max_bytes,
        options={name: value for name, value in options.items() if value},
    )
