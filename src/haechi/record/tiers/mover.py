"""Moves recordings into one tier: hand over, read back and compare, list, and only then let go of what was before.

It may be killed between any two of these steps, and the store may be down, slow, full or lying: docs/design/tiers.md.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import structlog
from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import DataLoss, HaechiError, Invalid, Unavailable
from haechi.base.ids import RecordingId
from haechi.base.supervise import Backoff
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.seal import sealed_bytes
from haechi.record.index.spans import Recording
from haechi.record.tiers import ledger
from haechi.record.tiers.ledger import Job
from haechi.record.tiers.objects import PART_BYTES, PARTS_AT_ONCE
from haechi.record.tiers.packing import SINGLY, Packing, groups, sized
from haechi.record.tiers.parcels import Parcel, digest_in
from haechi.record.tiers.places import Folder, Place, TierFull
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database

log = structlog.get_logger(__name__)


LEARNS_AFTER_S = 10.0
"""An upload that failed sooner does not tell how fast the line is."""
ON_ITS_WAY_BYTES = PART_BYTES * PARTS_AT_ONCE
"""So much of what was read for an upload may not have been sent."""


class WrongBytes(Unavailable):
    """A store gave back other bytes than it was given. It is asked again, with the bytes given again."""

    default_code = "tier-wrong-bytes"


class Route(Struct, frozen=True):
    """Where to, from where, and when.

    Attributes:
        sources: Volumes that recordings come from.
        after_ns: Age from which they go.
        encrypt: Seal what is not sealed yet.
        is_tight: Whether space is short at a source: then age does not matter.
        has_room: Whether so many bytes more may be put there.
    """

    place: Place
    name: str
    sources: Sequence[str]
    after_ns: int
    encrypt: bool
    is_tight: Callable[[], bool]
    has_room: Callable[[int], bool]


class MoverStats(Struct):
    """Counters since the start.

    Attributes:
        failure: Why it stands still now; empty: it does not.
        since_ns: When that began; 0: it did not.
    """

    moved_recordings: int = 0
    moved_bytes: int = 0
    failures: int = 0
    wrong_bytes: int = 0
    damaged: int = 0
    failure: str = ""
    since_ns: int = 0


class Pace(Struct, frozen=True):
    """How hard it works.

    Attributes:
        at_once: Objects on their way at a time.
        verify: Read back and compare before the local copy goes. Only a benchmark turns it off.
        first_s, most_s: Waits after failures.
    """

    packing: Packing = Packing()
    at_once: int = 2
    idle_s: float = 10.0
    first_s: float = 1.0
    most_s: float = 60.0
    verify: bool = True


class Mover:
    """Moves what is due into one tier, until cancelled."""

    def __init__(
        self,
        route: Route,
        vault: Vault,
        database: Database,
        clock: Clock,
        keys: KeyRing | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.route = route
        self._vault = vault
        self._database = database
        self._clock = clock
        self._keys = keys
        self._pace = pace or Pace()
        self._packing = SINGLY if isinstance(route.place, Folder) else self._pace.packing
        self._bytes_per_s = 0.0
        self._damaged: set[RecordingId] = set()
        self.stats = MoverStats()

    async def run(self) -> None:
        """Round after round; after a failure, wait longer and longer."""
        wait = Backoff(self._pace.first_s, self._pace.most_s)
        while True:
            try:
                moved = await self.round()
            except ExceptionGroup as group:
                await self._failed(group, wait)
            else:
                wait.reset()
                if not moved:
                    await self._clock.sleep(self._pace.idle_s)

    async def round(self) -> int:
        """Finish what was begun, then move what is due. How many recordings.

        Raises:
            ExceptionGroup: The tier does not answer, is full, or gave back other bytes; nothing is lost.
        """
        before = self.stats.moved_recordings
        try:
            await self.route.place.verify()
            jobs = await self._database.read(lambda c: ledger.unfinished(c, self.route.place.id))
            jobs = jobs or await self._plan()
        except HaechiError as error:
            raise ExceptionGroup("a tier", [error]) from error
        queue = iter(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.at_once):
                group.create_task(self._work(queue))
        self._back()
        return self.stats.moved_recordings - before

    async def _work(self, queue: Iterator[Job]) -> None:
        for job in queue:
            await self._finish(job)
            self._back()

    # One object

    async def _finish(self, job: Job) -> None:
        """From whatever state it is in to ``listed``, or to nothing when its recordings are gone."""
        if job.state == ledger.PLANNED and (not job.is_whole or not job.items or self._is_too_large(job)):
            await self._database.write(lambda c: ledger.abandon(c, job, self._clock.wall_ns()))
            return
        if job.state == ledger.PLANNED:
            try:
                job = await self._hand_over(job)
            except DataLoss as error:
                await self._give_up(job, error)
                return
            done = job
            await self._database.write(lambda c: ledger.uploaded(c, done, self._clock.wall_ns()))
        if self._pace.verify:
            await self._read_back(job)
        await self._list(job)

    def _is_too_large(self, job: Job) -> bool:
        """Whether the line is so slow that its recordings had better go in several objects."""
        return len(job.items) > 1 and job.size_bytes > 2 * sized(self._packing, self._bytes_per_s).target_bytes

    async def _hand_over(self, job: Job) -> Job:
        """Put it there. What is there already from a try that was cut short is only hashed here."""
        began_ns = self._clock.monotonic_ns()
        is_object = not isinstance(self.route.place, Folder)
        there = await self.route.place.size_of(job.path)
        if there is not None and there >= job.size_bytes:
            parcel = Parcel(job, self._vault, self._database, self._keys)
            async for _ in parcel.chunks(is_object=is_object):
                pass
            if parcel.size_bytes == there:
                return structs.replace(job, size_bytes=there, sha256=parcel.digest)
        parcel = Parcel(job, self._vault, self._database, self._keys)
        try:
            await self.route.place.put(job.path, parcel.chunks(is_object=is_object))
        except Unavailable:
            took_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
            if took_s > LEARNS_AFTER_S:  # it was the line; one that refuses at once says nothing of its speed
                self._bytes_per_s = max(parcel.size_bytes - ON_ITS_WAY_BYTES, 1) / took_s
            raise
        took_s = max((self._clock.monotonic_ns() - began_ns) / NS_PER_S, 0.001)
        self._bytes_per_s = max(job.size_bytes / took_s, self._bytes_per_s / 2)
        return structs.replace(job, size_bytes=parcel.size_bytes, sha256=parcel.digest)

    async def _read_back(self, job: Job) -> None:
        try:
            digest, _ = await digest_in(self.route.place, job.path, job.size_bytes)
        except DataLoss as error:
            await self._again(job)
            raise WrongBytes("a tier does not hold what it was given", tier=self.route.name) from error
        if digest != job.sha256:
            await self._again(job)
            raise WrongBytes("a tier gave back other bytes than it was given", tier=self.route.name)

    async def _again(self, job: Job) -> None:
        self.stats.wrong_bytes += 1
        await self._database.write(lambda c: ledger.again(c, job, self._clock.wall_ns()))
        await self.route.place.remove(job.path)

    async def _list(self, job: Job) -> None:
        is_object = not isinstance(self.route.place, Folder)
        now_ns = self._clock.wall_ns()
        moved = await self._database.write(lambda c: ledger.listed(c, job, now_ns, is_object=is_object))
        self.stats.moved_recordings += len(moved)
        self.stats.moved_bytes += sum(one.size_bytes for one in moved)

    async def _give_up(self, job: Job, error: DataLoss) -> None:
        """A source cannot be read: deleted meanwhile, or damaged. The others go with the next object."""
        now = await self._database.read(lambda c: ledger.refresh(c, job))
        if now is not None and now.is_whole:
            self._leave(error)
        await self._database.write(lambda c: ledger.abandon(c, job, self._clock.wall_ns()))

    def _leave(self, error: DataLoss) -> None:
        recording = error.context.get("recording")
        if not isinstance(recording, int):
            raise error
        self._damaged.add(RecordingId(recording))
        self.stats.damaged += 1
        log.error("a damaged recording stays where it is; see haechi check", recording=recording, code=error.code)

    # What is due

    async def _plan(self) -> list[Job]:
        is_tight = await asyncio.to_thread(self.route.is_tight)
        due_ns = self._clock.wall_ns() - self.route.after_ns
        horizon_ns = self._clock.wall_ns() if is_tight else due_ns
        found = await self._database.read(lambda c: ledger.candidates(c, self.route.sources, horizon_ns))
        found = [one for one in found if one.id not in self._damaged]
        packing = self._packing if self._packing is SINGLY else sized(self._packing, self._bytes_per_s)
        jobs: list[Job] = []
        for group in groups(found, packing, due_ns, is_tight=is_tight):
            try:
                parts = await asyncio.to_thread(self._parts, group)
            except DataLoss as error:
                self._leave(error)
                continue
            total = sum(taken for _, taken, _ in parts) + sum(job.size_bytes for job in jobs)
            if not await asyncio.to_thread(self.route.has_room, total):
                if not jobs:
                    raise TierFull("a tier is full", tier=self.route.name)
                break
            path = group[0].path if isinstance(self.route.place, Folder) else ledger.object_name(group[0])
            work = partial(
                ledger.plan, volume=self.route.place.id, path=path, parts=parts, now_ns=self._clock.wall_ns()
            )
            job = await self._database.write(work)
            if job is not None:
                jobs.append(job)
            if len(jobs) >= self._pace.at_once * 4:
                break
        return jobs

    def _parts(self, group: list[Recording]) -> list[tuple[Recording, int, bytes | None]]:
        found: list[tuple[Recording, int, bytes | None]] = []
        for recording in group:
            if not self.route.encrypt and recording.seal is None:
                found.append((recording, recording.size_bytes, None))
                continue
            if self._keys is None:
                raise Invalid("a tier that encrypts needs a key ring", code="key-missing", tier=self.route.name)
            seal = self._keys.seal(recording.stream).header if recording.seal is None else None
            found.append((recording, sealed_bytes(self._vault.blocks(recording)), seal))
        return found

    # How it goes

    async def _failed(self, group: ExceptionGroup[Exception], wait: Backoff) -> None:
        known, rest = group.split(HaechiError)
        if rest is not None:
            raise rest
        error: Exception = known or group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        self.stats.failures += 1
        if not self.stats.failure:
            self.stats.since_ns = self._clock.wall_ns()
            log.warning("a tier stands still; footage waits where it is", tier=self.route.name, reason=str(error))
        self.stats.failure = error.message if isinstance(error, HaechiError) else str(error)
        await self._clock.sleep(wait.next_s())

    def _back(self) -> None:
        if self.stats.failure:
            log.info("a tier is back", tier=self.route.name)
            self.stats.failure, self.stats.since_ns = "", 0
