"""Tiers and keys of an installation, from its settings."""

from collections.abc import Callable

from haechi.app.settings import Settings, TierSettings
from haechi.base.clock import Clock
from haechi.record.keys import KeyRing
from haechi.record.tiers.packing import duration_ns
from haechi.record.tiers.room import TierPlan, Tiers, TierWish
from haechi.record.volume import Volume
from haechi.store.database import Database


def key_ring(settings: Settings) -> KeyRing:
    """The ring of keys, there or not yet."""
    return KeyRing(settings.key_file)


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
