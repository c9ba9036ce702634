"""Records every stream of the bus: write, fsync, index row, acknowledge, in this order and for all cameras together.

Invariants and reasons: docs/design/recording.md.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.ids import CameraId, StreamId, camera_of, is_for_viewers
from haechi.bus.frames import FrameBus, GapCause, Ledger, Subscription
from haechi.media.access_unit import AccessUnit
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index.commits import Appended, Change, Closed, Listing, apply
from haechi.record.index.policies import Policy
from haechi.record.index.spans import RecordIndex
from haechi.record.repair.adopt import Adoption
from haechi.record.repair.sweep import SETTLED_S, Sweep
from haechi.record.tables import volumes
from haechi.record.write.lane import Acknowledged, Lane, RecorderStats
from haechi.record.write.notes import EdgeNotes
from haechi.record.write.segmenter import Limits
from haechi.record.write.writer import CloseFile, Job, Writer, Written

log = structlog.get_logger(__name__)

__all__ = ["Acknowledged", "Recorder", "RecorderSettings"]

BATCH_JOBS = 256
UNCOMMITTED_MOST = 100_000
"""Index rows that may wait for the database (about 40 MB): more than half an hour of 100 cameras."""
POLICY_S = 5.0
COMMIT_RETRY_S = 1.0
SWEEP_RETRY_S = 60.0


class RecorderSettings(Struct, frozen=True):
    """How the recorder works.

    Attributes:
        enabled: Cameras without a setting of their own are recorded.
        reserve_bytes: Recording stops when less is free, so that the database can go on.
        gather_s: Units of all streams are taken from the bus together, this far apart: waking for each unit, and
            writing and committing each fragment by itself, would cost more than all else. Delays acknowledgement.
        settled_s: After a start, files without a row are looked at twice, this far apart.
        keys: Open what is sealed; None: nothing is.
        encrypt: Seal what is recorded with them.
    """

    enabled: bool = True
    reserve_bytes: int = 64 * 1024 * 1024
    gather_s: float = 0.25
    settled_s: float = SETTLED_S
    limits: Limits = Limits()
    keys: KeyRing | None = None
    encrypt: bool = False

    @property
    def sealed_with(self) -> KeyRing | None:
        return self.keys if self.encrypt else None


class Recorder:
    """Takes every unit of every stream, and gives none back until it is durable.

    Args:
        on_full: Called when the disk is full, so that retention can make room at once.
    """

    def __init__(
        self,
        bus: FrameBus,
        index: RecordIndex,
        volume: Volume,
        clock: Clock,
        settings: RecorderSettings | None = None,
        *,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self._bus = bus
        self._index = index
        self._volume = volume
        self._clock = clock
        self._settings = settings or RecorderSettings()
        self._on_full = on_full
        self._writer = self._new_writer()
        self._listeners: list[Callable[[list[Acknowledged]], None]] = []
        self._is_listening = False
        self._attached: deque[Subscription] = deque()
        self._came = asyncio.Event()
        self._has_units = asyncio.Event()
        self._lanes: list[Lane] = []
        self._jobs: deque[tuple[Job, Lane | None]] = deque()
        self._has_jobs = asyncio.Event()
        self._changes: list[Change] = []
        self._has_changes = asyncio.Event()
        self._has_room = asyncio.Event()
        self._open: dict[str, Listing] = {}
        self._policies: dict[CameraId, Policy] = {}
        self.defaults = Policy(enabled=self._settings.enabled)
        self._is_running = self._has_started = False
        self._begun: set[str] = set()
        self.stats = RecorderStats()
        self.notes = EdgeNotes()
        self.ready = asyncio.Event()
        """Set while units are being recorded: the volume is claimed, and what the last run left is listed."""
        self.swept = asyncio.Event()
        """Set when all of the volume has been compared with the index since the start."""

    def on_acknowledged(self, listener: Callable[[list[Acknowledged]], None]) -> None:
        """Call ``listener`` with every batch of fragments that became durable."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Record until cancelled; then write what waits, so that a planned stop loses nothing.

        Raises:
            Unavailable: The volume is missing or failed, or the database does not answer at the start.
            Conflict: The volume belongs to another installation.
        """
        self._is_running = True
        self._listen()
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="record-io") as disk:
                try:
                    await _whole(self._start())
                    self.ready.set()
                    await self._record(disk)
                finally:
                    self.ready.clear()
                    if self._has_started:
                        await self._stop(disk)
        finally:
            self._is_running = self._has_started = False
            self._detach()

    async def _start(self) -> None:
        """Index and disk agree about what the last run left; the rest of the volume is `_sweep`'s."""
        await self._volume.claim(self._index.database, self._clock)
        self._volume.lock()
        await asyncio.to_thread(Adoption(self._index, self._volume, keys=self._settings.keys).start)
        await self._refresh_policies()
        self._has_started = True

    async def _record(self, disk: ThreadPoolExecutor) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_batches(disk))
            group.create_task(self._commit_batches())
            group.create_task(self._watch_policies())
            group.create_task(self._gather())
            group.create_task(self._sweep())
            while True:
                while self._attached:
                    await self._attach(self._attached[0])
                    self._attached.popleft()
                    self._has_units.set()
                self._came.clear()
                await self._came.wait()

    async def _sweep(self) -> None:
        """Compare the whole volume with the index, once; what is begun meanwhile is none of its business."""
        while not self.swept.is_set():
            adoption = Adoption(self._index, self._volume, self._begun.__contains__, self._settings.keys)
            try:
                await Sweep(adoption, self._clock, self._settings.settled_s).run()
            except (HaechiError, OSError) as error:
                log.warning("the volume cannot be compared with its index for now", reason=str(error))
                await self._clock.sleep(SWEEP_RETRY_S)
            else:
                self.swept.set()
                self._begun.clear()

    def _new_writer(self) -> Writer:
        return Writer(self._volume, self._settings.reserve_bytes, self.spare, self._settings.sealed_with)

    def spare(self, path: str) -> None:
        """A file is about to be made: what looks for files without a row leaves it alone."""
        if not self.swept.is_set():
            self._begun.add(path)

    @property
    def ledger(self) -> Ledger:
        """Where what becomes of units is counted."""
        return self._bus.ledger

    def records(self, stream: StreamId) -> bool:
        """Whether a stream is to be recorded at present, as far as is known."""
        return self._policies.get(camera_of(stream), Policy()).records(stream, self.defaults)

    # Taking units

    def _listen(self) -> None:
        if self._is_listening:
            for stream in self._bus.streams():
                self._subscribe(stream)
            return
        self._is_listening = True
        self._bus.on_new_stream(self._subscribe)

    def _subscribe(self, stream: StreamId) -> None:
        if self._is_running and not is_for_viewers(stream):
            self._attached.append(self._bus.record(stream, self._has_units))
            self._came.set()

    async def _attach(self, subscription: Subscription) -> None:
        floor_ns = await self._index.newest_captured_ns(subscription.stream)
        notes = self.notes.of(subscription.stream)
        self._lanes.append(Lane(subscription, self._settings.limits, floor_ns, self.stats, notes))

    async def _gather(self) -> None:
        while True:
            await self._has_units.wait()
            if self._settings.gather_s:
                await self._clock.sleep(self._settings.gather_s)
            self._has_units.clear()
            for lane in list(self._lanes):
                self._follow(lane)

    def _follow(self, lane: Lane) -> None:
        is_wanted = self.records(lane.stream)
        while (job := lane.next_job(is_wanted=is_wanted)) is not None:
            self._put(job, lane)
        if lane.is_over:
            for piece in lane.segmenter.flush():
                self._put(piece, None)
            self._put(CloseFile(lane.stream), None)
            self._lanes.remove(lane)

    def _put(self, job: Job, lane: Lane | None) -> None:
        self._jobs.append((job, lane))
        self._has_jobs.set()

    # Onto the disk, then into the index

    async def _write_batches(self, disk: ThreadPoolExecutor) -> None:
        while True:
            await self._has_jobs.wait()
            while len(self._changes) > UNCOMMITTED_MOST:
                self._has_room.clear()
                await self._has_room.wait()
            await _whole(self._write_some(disk))

    async def _write_some(self, disk: ThreadPoolExecutor) -> None:
        batch = [self._jobs.popleft() for _ in range(min(len(self._jobs), BATCH_JOBS))]
        if not self._jobs:
            self._has_jobs.clear()
        jobs = [job for job, _ in batch]
        self._take_note(await asyncio.get_running_loop().run_in_executor(disk, self._writer.write, jobs))
        for _, lane in batch:
            if lane is not None:
                lane.in_flight -= 1
                if lane.waiting or lane.subscription.pending():
                    self._has_units.set()

    def _take_note(self, written: Written) -> None:
        self._changes += written.changes
        self.stats.batches += 1
        for lost in written.lost:
            self.stats.lost_units += lost.units
            self._bus.ledger.missing(lost.stream, lost.captured_ns, lost.units, lost.cause)
        self.stats.uncommitted = len(self._changes)
        if written.is_full and not self.stats.is_full:
            log.error("disk full: recording stands still until there is space", root=str(self._volume.root))
        if written.is_full:
            self._on_full()
        if written.failure and not self.stats.failure:
            log.critical("recording disk failed: nothing is written to it any more", reason=written.failure)
        self.stats.is_full, self.stats.failure = written.is_full, written.failure
        if written.changes:
            self._has_changes.set()

    async def _commit_batches(self) -> None:
        is_down = False
        while True:
            await self._has_changes.wait()
            try:
                await _whole(self._commit())
            except Unavailable as error:
                if not is_down:
                    log.warning("index rows wait for the database", reason=str(error))
                is_down = True
                await self._clock.sleep(COMMIT_RETRY_S)
            else:
                is_down = False

    async def _commit(self) -> None:
        changes, self._changes = self._changes, []
        known, failure, now_ns = dict(self._open), self.stats.failure, self._clock.wall_ns()

        def work(connection: Connection) -> dict[str, Listing]:
            if failure:
                row = volumes.update().where(volumes.c.id == self._volume.id, volumes.c.failed_ns.is_(None))
                connection.execute(row.values(failed_ns=now_ns, failure=failure[:200]))
            return apply(connection, changes, known)

        try:
            self._open |= await self._index.database.write(work)
        except Unavailable:
            self._changes = changes + self._changes
            raise
        if not self._changes:
            self._has_changes.clear()
        self._has_room.set()
        self._acknowledge(changes)

    def _acknowledge(self, changes: list[Change]) -> None:
        done: list[Acknowledged] = []
        for change in changes:
            if isinstance(change, Appended):
                row, piece = change.row, change.fragment
                recording = self._open[row.path].id
                seqs = (piece.first_seq, change.last_seq)
                done.append(Acknowledged(row.stream, row.run, *seqs, recording, piece.number, change.edge))
                for captured_ns, units in change.minutes:
                    self._bus.ledger.stored(row.stream, captured_ns, units)
                self.stats.acknowledged_units += piece.units
                self.stats.acknowledged_bytes += piece.size_bytes
            elif isinstance(change, Closed):
                self._open.pop(change.path, None)
        self.stats.fragments += len(done)
        self.stats.uncommitted = len(self._changes)
        if done:
            for listener in self._listeners:
                listener(done)

    # Around it

    async def _watch_policies(self) -> None:
        while True:
            await self._clock.sleep(POLICY_S)
            try:
                await self._refresh_policies()
            except Unavailable as error:
                log.debug("recording goes on with the settings as they were", reason=str(error))

    async def _refresh_policies(self) -> None:
        self._policies = await self._index.policies()
        for lane in self._lanes:
            for job in lane.switch_unseen(self._clock.wall_ns(), is_wanted=self.records(lane.stream)):
                self._put(job, None)

    async def _stop(self, disk: ThreadPoolExecutor) -> None:
        """Write all that was taken and all that waits in the queues, and say that recording ends now."""
        now_ns = self._clock.wall_ns()
        try:
            for subscription in self._attached:
                await self._attach(subscription)
            self._attached.clear()
            for lane in self._lanes:
                self._jobs.extend((job, None) for job in lane.last(now_ns, is_wanted=self.records(lane.stream)))
            while self._jobs:
                await self._write_some(disk)
            if self._changes:
                await self._commit()
        except Unavailable as error:
            log.warning("stopped without the database; the next start finds the files", reason=str(error))
        finally:
            self._writer.close()

    def _detach(self) -> None:
        """Let go of everything. What still waits, as the recorder never got to its start, is accounted for."""
        lost = 0
        for subscription in (*(lane.subscription for lane in self._lanes), *self._attached):
            subscription.close()
            while (item := subscription.take()) is not None:
                if isinstance(item, AccessUnit):
                    self._bus.ledger.missing(subscription.stream, item.captured_ns, 1, GapCause.NOT_RUNNING)
                    lost += 1
        if lost:
            self.stats.lost_units += lost
            log.warning("units could not be recorded: recording did not start", units=lost)
        self._lanes.clear()
        self._attached.clear()
        self._jobs.clear()
        self._changes.clear()
        self._open.clear()
        self._begun.clear()
        self.swept.clear()
        self._writer = self._new_writer()
        self._volume.unlock()


async def _whole(work: Coroutine[None, None, None]) -> None:
    """Await ``work``; when cancelled meanwhile, finish it first."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            log.warning("unfinished at the stop", reason=str(task.exception()))
        raise
