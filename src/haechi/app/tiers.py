"""Tiers of an installation, from its settings."""

from collections.abc import Callable

from msgspec import Struct

from haechi.app.keys import key_ring
from haechi.app.settings import Settings, TierSettings
from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import RecordIndex
from haechi.record.repair.check import CheckLevel, CheckReport, check
from haechi.record.repair.check_objects import ObjectsReport, check_objects
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


class TierCheck(Struct, frozen=True):
    """What a check of one tier saw; ``failure``: why it could not be looked at."""

    name: str
    report: CheckReport | ObjectsReport | None
    failure: str = ""

    @property
    def is_sound(self) -> bool:
        return self.report is not None and self.report.is_sound


async def check_tiers(tiers: Tiers, index: RecordIndex, level: CheckLevel, keys: KeyRing) -> list[TierCheck]:
    """Look at all tiers after the first. Nothing is repaired there."""
    found: list[TierCheck] = []
    for name in tiers.names:
        try:
            place = await tiers.opened(name)
            if isinstance(place, Folder):
                report: CheckReport | ObjectsReport = await check(index, place.volume, level, keys=keys)
            else:
                report = await check_objects(index.database, place, level)
        except HaechiError as error:
            found.append(TierCheck(name, None, error.message))
        else:
            found.append(TierCheck(name, report))
    return found


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
