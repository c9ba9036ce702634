"""The tiers of an installation, run together: claims them, moves footage into them, deletes what is not needed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa
import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, NotFound
from haechi.base.supervise import Backoff, supervise
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume, make_folder
from haechi.record.tables import stored, volumes
from haechi.record.tiers.mover import Mover, MoverStats, Pace, Route
from haechi.record.tiers.objects import Limits, Objects, checked_url
from haechi.record.tiers.places import Folder, Place
from haechi.record.tiers.reaper import Reaper
from haechi.record.tiers.report import Held, TierReport, doomed_count, held, merged, waiting
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database

log = structlog.get_logger(__name__)

FIRST_NAME = "disk"
TIERS_MOST = 8
HEADROOM_BYTES = 512 * 1024 * 1024
"""So much is kept free in the last tier for what comes next: eight objects."""
TOLD_NS = 5 * NS_PER_S
TOLD_SHARE = 20
"""Looking takes at most a twentieth of the time."""
TIDY_S = 3600.0
SURELY_OVER_NS = 6 * 3600 * NS_PER_S
CLAIM_FIRST_S = 2.0
CLAIM_MOST_S = 60.0
WAIT_FOR_FIRST_S = 0.5


class TierWish(Struct, frozen=True):
    """One tier as a person wants it.

    Attributes:
        url: A folder, or ``s3://bucket/prefix``, ``gs://...``, ``az://...``.
        after_ns: Footage goes there when it is so old.
        min_free_bytes: For folders: so much stays free.
        max_bytes: For object stores: not more than this; None: no limit.
        options: Further settings of an object store, such as ``endpoint`` and ``region``; no secrets.
    """

    name: str
    url: str
    after_ns: int
    encrypt: bool = False
    min_free_bytes: int = 0
    max_bytes: int | None = None
    options: Mapping[str, str] = {}


class TierPlan(Struct, frozen=True):
    """All tiers after the first, in the order in which footage goes through them, and how hard to work."""

    wishes: tuple[TierWish, ...] = ()
    pace: Pace = Pace()
    limits: Limits = Limits()


class _Tier:
    """A tier at work. ``place`` has no id until it is claimed."""

    def __init__(self, wish: TierWish, rank: int, limits: Limits) -> None:
        self.wish = wish
        self.rank = rank
        self.place: Folder | Objects
        if "://" in wish.url:
            self.place = Objects(wish.url, wish.options, limits)
        else:
            self.place = Folder(Volume(Path(wish.url), wish.name, rank))
        self.mover: Mover | None = None
        self.failure = ""

    @property
    def kind(self) -> str:
        return "folder" if isinstance(self.place, Folder) else "objects"


class Tiers:
    """Everything beyond the volume that is recorded to.

    Args:
        first: The volume that is recorded to; the recorder claims it.
        first_free: How much is to stay free on it.

    Attributes:
        vault: Reads footage of all tiers.
    """

    def __init__(
        self,
        database: Database,
        first: Volume,
        clock: Clock,
        plan: TierPlan | None = None,
        keys: KeyRing | None = None,
        first_free: Callable[[], int] = lambda: 0,
    ) -> None:
        self._database = database
        self._first = first
        self._clock = clock
        self._keys = keys
        self._first_free = first_free
        self._plan = plan or TierPlan()
        _check(self._plan.wishes)
        self._tiers = [_Tier(wish, rank, self._plan.limits) for rank, wish in enumerate(self._plan.wishes, 1)]
        self._places: dict[str, Place] = {}
        self._told: tuple[int, list[TierReport]] | None = None
        self.reaper = Reaper(self._places, database, clock)
        self.vault = Vault(first, database, keys)
        for tier in self._tiers:
            self.vault.add(tier.place, tier.wish.name)

    async def run(self) -> None:
        """Until cancelled. A tier that is down holds up no other."""
        while not self._first.id:
            await self._clock.sleep(WAIT_FOR_FIRST_S)
        self._places[self._first.id] = Folder(self._first)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.reaper.run())
            for tier in self._tiers:
                group.create_task(
                    supervise(
                        f"tier {tier.wish.name}",
                        partial(self._keep, tier),
                        clock=self._clock,
                        backoff=Backoff(CLAIM_FIRST_S, CLAIM_MOST_S),
                        expected=(HaechiError, OSError),
                    )
                )

    @property
    def names(self) -> list[str]:
        """Of the tiers after the first, in their order."""
        return [tier.wish.name for tier in self._tiers]

    async def opened(self, name: str, *, takes: bool = False) -> Folder | Objects:
        """A tier, claimed; for checks and repairs. The first one has been claimed before.

        Args:
            takes: A person says that it is ours, whatever it says itself.

        Raises:
            NotFound: ``tier-not-found``.
            Unavailable: It does not answer.
            Conflict: It is another installation's.
        """
        tier = self._named(name)
        await self._claim(tier, takes=takes)
        return tier.place

    async def visited(self, name: str) -> Folder | Objects:
        """A tier to be looked at, whoever it belongs to; a store is not told of it.

        Raises:
            NotFound: ``tier-not-found``.
            Unavailable: It does not answer.
        """
        tier = self._named(name)
        if isinstance(tier.place, Objects):
            await tier.place.visit()
            return tier.place
        return await self.opened(name)

    def _named(self, name: str) -> _Tier:
        found = next((tier for tier in self._tiers if tier.wish.name == name), None)
        if found is None:
            names = ", ".join(self.names) or "none"
            raise NotFound("there is no tier of this name in the settings", code="tier-not-found", there_are=names)
        return found

    async def report(self) -> list[TierReport]:
        """How they are, the first one first: of a few seconds ago, or longer where a million wait and are counted."""
        now_ns = self._clock.monotonic_ns()
        if self._told is None or now_ns > self._told[0]:
            found = await self._report()
            took_ns = self._clock.monotonic_ns() - now_ns
            self._told = now_ns + max(TOLD_NS, TOLD_SHARE * took_ns), found
        return self._told[1]

    async def _report(self) -> list[TierReport]:
        lies = await self._database.read(held)
        mine = lies.get(self._first.id, Held())
        count = await self._database.read(lambda c: doomed_count(c, [self._first.id]))
        failure = await asyncio.to_thread(_trouble, self._first)
        found = [_report(FIRST_NAME, "folder", str(self._first.root), mine, doomed=count, failure=failure)]
        for tier in self._tiers:
            ids = await self._ids(tier)
            sources, horizon_ns = self._sources(tier), self._clock.wall_ns() - tier.wish.after_ns
            wait = await self._database.read(partial(waiting, sources=sources, horizon_ns=horizon_ns))
            count = await self._database.read(partial(doomed_count, volumes=ids))
            one = merged([lies[key] for key in ids if key in lies])
            found.append(_report_of(tier, one, wait, count))
        return found

    async def shortages(self) -> list[tuple[str, int]]:
        """Tiers that are full and have none behind them to move on to, and bytes that are missing there.

        While something is still to be deleted there, none is told: what was decided before has to show first.
        """
        found: list[tuple[str, int]] = []
        for tier in self._tiers:
            if not tier.place.id or (tier is not self._tiers[-1] and tier.kind == "folder"):
                continue
            try:
                missing = await asyncio.to_thread(self._missing, tier)
            except OSError as error:
                log.info("space of a tier is not known", tier=tier.wish.name, reason=str(error))
                continue
            count = await self._database.read(partial(doomed_count, volumes=[tier.place.id]))
            if missing > 0 and not count:
                found.append((tier.place.id, missing))
        return found

    # One tier

    async def _keep(self, tier: _Tier) -> None:
        try:
            await self._claim(tier)
        except HaechiError as error:
            tier.failure = error.message
            raise
        tier.failure = ""
        place = tier.place
        self._places[place.id] = place
        route = Route(
            place=place,
            name=tier.wish.name,
            sources=self._sources(tier),
            after_ns=tier.wish.after_ns,
            encrypt=tier.wish.encrypt,
            is_tight=partial(self._is_tight, tier),
            has_room=partial(self._has_room, tier),
        )
        stats = tier.mover.stats if tier.mover is not None else MoverStats()
        tier.mover = Mover(route, self.vault, self._database, self._clock, self._keys, self._plan.pace)
        tier.mover.stats = stats
        async with asyncio.TaskGroup() as group:
            group.create_task(tier.mover.run())
            if isinstance(place, Objects):
                group.create_task(self._tidy(place))

    async def _tidy(self, place: Objects) -> None:
        """Uploads of ours that were cut short: all of them at the start, later those that are surely over."""
        before_ns = self._clock.wall_ns()
        while True:
            try:
                await place.tidy(before_ns, self._clock.wall_ns())
            except HaechiError as error:
                log.info("uploads that were cut short are not taken back yet", reason=str(error))
            await self._clock.sleep(TIDY_S)
            before_ns = self._clock.wall_ns() - SURELY_OVER_NS

    async def _claim(self, tier: _Tier, *, takes: bool = False) -> None:
        place = tier.place
        if isinstance(place, Objects):
            await place.claim(self._database, self._clock, tier.wish.name, tier.rank, takes=takes)
            return
        await asyncio.to_thread(make_folder, place.volume.root, Path(place.volume.root.anchor))
        await place.volume.claim(self._database, self._clock)

    async def _ids(self, tier: _Tier) -> list[str]:
        query = sa.select(volumes.c.id).where(volumes.c.name == tier.wish.name)
        return await self._database.read(lambda c: list(c.execute(query).scalars()))

    def _sources(self, tier: _Tier) -> list[str]:
        """Folders before it, those that are claimed; the first one always is."""
        before = [one.place.id for one in self._tiers if one.rank < tier.rank and one.kind == "folder"]
        return [key for key in (self._first.id, *before) if key]

    def _is_tight(self, tier: _Tier) -> bool:
        """Whether a folder before it is about to run out of space: footage goes on early rather than being deleted."""
        for one in self._tiers:
            is_before = one.rank < tier.rank and isinstance(one.place, Folder) and one.place.id
            if is_before and _free(one.place) < one.wish.min_free_bytes * 3 // 2:
                return True
        return self._first.space().free_bytes < self._first_free() * 3 // 2

    def _has_room(self, tier: _Tier, size: int) -> bool:
        return self._missing(tier) + size <= self._headroom(tier)

    def _missing(self, tier: _Tier) -> int:
        """Bytes that would have to go so that there is room for the next objects; below 0: so much is left."""
        if isinstance(tier.place, Folder):
            return tier.wish.min_free_bytes + self._headroom(tier) - tier.place.volume.space().free_bytes
        if tier.wish.max_bytes is None:
            return -(1 << 62)
        query = sa.select(stored.c.bytes).where(stored.c.volume == tier.place.id)
        held_bytes = self._database.read_now(lambda c: c.execute(query).scalar()) or 0
        return held_bytes + self._headroom(tier) - tier.wish.max_bytes

    def _headroom(self, tier: _Tier) -> int:
        """What is kept free for what comes next; always more than one object."""
        if tier.wish.max_bytes is None:
            return HEADROOM_BYTES
        return min(HEADROOM_BYTES, max(tier.wish.max_bytes // 10, 2 * self._plan.pace.packing.target_bytes))


def _trouble(volume: Volume) -> str:
    """Why nothing can be recorded to a volume; empty: all is well, or nothing has been tried yet."""
    if volume.failure or volume.refusal or not volume.id:
        return volume.failure or volume.refusal
    try:
        volume.verify()
    except HaechiError as error:
        return error.message
    return ""


def _free(place: Folder | Objects) -> int:
    return place.volume.space().free_bytes if isinstance(place, Folder) else 1 << 62


def _check(wishes: Sequence[TierWish]) -> None:
    names = [wish.name for wish in wishes]
    if len(set(names)) != len(names) or FIRST_NAME in names or "" in names or len(names) > TIERS_MOST:
        raise Invalid("each tier needs a name of its own, other than disk; at most 8 of them", code="bad-tier")
    for before, wish in pairwise(wishes):
        if wish.after_ns < before.after_ns:
            message = "footage cannot go to a later tier sooner than to the one before it; see record.tiers, after"
            raise Invalid(message, code="bad-tier", tier=wish.name)
        if "://" in before.url:
            raise Invalid("nothing comes after an object store; make it the last tier", code="bad-tier", tier=wish.name)
    for wish in wishes:
        if "://" in wish.url:
            checked_url(wish.url)
        elif not wish.url.startswith("/"):
            raise Invalid("the folder of a tier is an absolute path", code="bad-tier-url", tier=wish.name)


def _report_of(tier: _Tier, lies: Held, wait: tuple[int, int | None], count: int) -> TierReport:
    stats = tier.mover.stats if tier.mover is not None else MoverStats()
    return TierReport(
        name=tier.wish.name,
        kind=tier.kind,
        url=tier.wish.url,
        recordings=lies.recordings,
        bytes=lies.bytes,
        oldest_ns=lies.oldest_ns,
        newest_ns=lies.newest_ns,
        waiting_bytes=wait[0],
        oldest_waiting_ns=wait[1],
        failure=tier.failure or stats.failure,
        since_ns=stats.since_ns,
        doomed=count,
        moved_bytes=stats.moved_bytes,
        failures=stats.failures,
    )


def _report(name: str, kind: str, url: str, lies: Held, *, doomed: int, failure: str) -> TierReport:
    return TierReport(
        name,
        kind,
        url,
        lies.recordings,
        lies.bytes,
        lies.oldest_ns,
        lies.newest_ns,
        doomed=doomed,
        failure=failure,
    )
