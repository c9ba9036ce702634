"""Keeps what a camera remembers of the time when it could not reach us: a second writer, for the past.

The recorder appends at the end of each stream; this writes into its gaps. The order is the recorder's: bytes, fsync,
names, then one transaction, and only then is anything said to be held. See docs/design/recording.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TypeVar

import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, HaechiError, Invalid, Unavailable
from haechi.base.ids import StreamId
from haechi.media.reverse.edge import EdgeId, EdgeRun, EdgeUnit
from haechi.record.backfill.held import Held
from haechi.record.backfill.listing import Site, grown_of, list_grown, site_of, sizes_of
from haechi.record.backfill.place import estimates, place
from haechi.record.backfill.scribe import Batch, Scribe
from haechi.record.backfill.track import Track
from haechi.record.disk.volume import Volume
from haechi.record.index import edges
from haechi.record.index.ranges import Range, joined
from haechi.record.index.spans import RecordIndex, Recording
from haechi.record.tables import volumes
from haechi.record.write.notes import Note
from haechi.record.write.recorder import Acknowledged, Recorder, RecorderSettings
from haechi.record.write.writer import Writer

log = structlog.get_logger(__name__)
T = TypeVar("T")

SWEPT_S = 60.0
"""After a start, until what the last run left behind is listed: before, nobody knows what is held."""
LIVE_S = 10.0
"""How long units wait for the first fragment that comes live to be listed: it says where their gap ends."""
TRIES = 3
IDLE_S = 30.0
"""Files that nothing was added to for so long are let go of."""

Placed = tuple[EdgeUnit, int]


class FillStats(Struct):
    """Counters since the start.

    Attributes:
        settled: Units that are not kept and need not come again: nothing was to be recorded then, or they were deleted
            since, or no file can hold them.
        refused: Calls that failed; what they brought is still wanted.
    """

    units: int = 0
    bytes: int = 0
    settled: int = 0
    refused: int = 0


class _Doubt(Struct, frozen=True):
    """A batch of which it is not known whether it is listed, and the recording that it goes on with."""

    batch: Batch
    known: Recording | None


class Backfill:
    """See the module. Implements `haechi.ingest.edge.EdgeStore`.

    Args:
        new_runs: Gives numbers that no run ever had, one for each stream (`haechi.ingest.runs.RunNumbers.next`).
        settings: Those of the recorder.
    """

    def __init__(
        self,
        recorder: Recorder,
        index: RecordIndex,
        volume: Volume,
        clock: Clock,
        new_runs: Callable[[list[StreamId], int], Awaitable[list[int]]],
        settings: RecorderSettings | None = None,
    ) -> None:
        self._recorder = recorder
        self._index = index
        self._volume = volume
        self._clock = clock
        self._new_runs = new_runs
        self._settings = settings or RecorderSettings()
        self._scribe = Scribe(volume, self._new_writer)
        self._tracks: dict[StreamId, Track] = {}
        self._held = Held()
        self._came: dict[StreamId, asyncio.Event] = {}
        self._turns: dict[StreamId, asyncio.Lock] = {}
        self._disk = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._doubt: _Doubt | None = None
        self.stats = FillStats()
        recorder.on_acknowledged(self._acknowledged)

    # What ingest asks

    def note_live(self, stream: StreamId, run: int, unit_seq: int, edge: EdgeId) -> None:
        """See `EdgeStore.note_live`."""
        self._recorder.notes.add(stream, Note(run, unit_seq, edge))

    async def held(self, stream: StreamId, edge_run: EdgeRun) -> list[Range]:
        """See `EdgeStore.held`. What is not wanted any more for another reason is among them.

        Raises:
            Unavailable: ``recorder-not-ready``: just after a start, or while the disk is away.
        """
        await self._swept()
        key = (stream, edge_run)
        known = self._held.get(key)
        if known is None:
            self._held.begin(key)
            self._held.read(key, await self._index.database.read(lambda c: edges.held(c, stream, edge_run)))
            known = self._held.get(key)
        return known or []

    async def store(self, stream: StreamId, units: Sequence[EdgeUnit], offset_ns: int) -> None:
        """See `EdgeStore.store`. Each call is an fsync and a transaction; files go on from one to the next.

        Raises:
            Invalid: ``bad-backfill``: they are not in order, or not of one edge run.
            Unavailable: Not now: the disk is full, away or failed, or what came live after them is not listed yet.
        """
        if not units:
            return
        _check(units)
        await self._swept()
        async with self._turns.setdefault(stream, asyncio.Lock()):
            try:
                await self._store(stream, units, offset_ns)
            except Unavailable:
                self.stats.refused += 1
                raise
            finally:
                self._rest_later()

    async def close(self) -> None:
        """Let go of all files."""
        if self._idle is not None:
            self._idle.cancel()
        async with self._disk:
            await asyncio.to_thread(self._end_files)

    # How it is done

    async def _store(self, stream: StreamId, units: Sequence[EdgeUnit], offset_ns: int) -> None:
        async with self._disk:
            await self._resolve()
        for _ in range(TRIES):
            there = await self.held(stream, units[0].edge.run)
            wanted = edges.missing([unit.edge.seq for unit in units], there)
            fresh = _within(units, wanted)
            if not fresh:
                return
            placed: list[Placed] = []
            if self._recorder.records(stream):
                for group in await self._groups(stream, fresh, wanted):
                    placed += await self._lay(stream, group, offset_ns)
            try:
                kept = await _whole(self._keep(stream, placed)) if placed else []
            except Conflict as error:
                log.info("there is no room any more where footage of the past was to go", reason=error.message)
            else:
                await self._settle(stream, _within(fresh, edges.missing([unit.edge.seq for unit in fresh], kept)))
                return
        raise Unavailable("footage of the past finds no room for now", code="backfill-collides", stream=stream)

    async def _groups(
        self, stream: StreamId, fresh: Sequence[EdgeUnit], wanted: Sequence[Range]
    ) -> list[list[EdgeUnit]]:
        """Units that lie between the same recordings, by their numbers, belong together."""
        run = fresh[0].edge.run
        found: dict[tuple[int | None, int | None], list[EdgeUnit]] = {}
        for first, end in wanted:
            look = partial(edges.neighbours, stream=stream, edge=EdgeId(run, first))
            before, after = await self._index.database.read(look)
            key = (None if before is None else before.id, None if after is None else after.id)
            found.setdefault(key, []).extend(_within(fresh, [(first, end)]))
        return [group for group in found.values() if group]

    async def _lay(self, stream: StreamId, units: Sequence[EdgeUnit], offset_ns: int) -> list[Placed]:
        """Give each unit a time; those that are not to be recorded get none and are left out."""
        times = estimates([(unit.wall_ns, unit.dts) for unit in units], offset_ns)
        ends, span = (units[0].edge, units[-1].edge), (min(times), max(times))
        site = await self._site(stream, partial(site_of, stream=stream, ends=ends, times=span))
        found = zip(units, place(times, site.between, site.rooms), strict=True)
        return [(unit, at) for unit, at in found if at is not None]

    async def _site(self, stream: StreamId, look: Callable[[Connection], Site]) -> Site:
        """Where they may go. A gap that lasts has no end yet: the first of what comes live shows it."""
        came = self._came.setdefault(stream, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(LIVE_S):
                while True:
                    came.clear()
                    site = await self._index.database.read(look)
                    if not site.is_open:
                        return site
                    await came.wait()
        message = "what came live after this footage is not recorded yet"
        raise Unavailable(message, code="live-not-recorded", stream=stream)

    async def _keep(self, stream: StreamId, placed: Sequence[Placed]) -> list[Range]:
        """Onto the disk, then into the index: the numbers of what is kept. One stream at a time.

        Raises:
            Conflict: Somebody was quicker. Nothing is kept.
            Unavailable: The disk does not take it, or the database does not answer. Nothing is kept.
        """
        async with self._disk:
            await self._resolve()
            track = await self._track(stream, placed[0][0].edge.run)
            try:
                batch = await self._write(track, placed)
            except HaechiError:
                self._end_tracks()
                with suppress(Unavailable):
                    await self._resolve()
                raise
        for change in batch.appended:
            for captured_ns, count in change.minutes:
                self._recorder.ledger.filled(stream, captured_ns, count)
            self.stats.units += change.fragment.units
            self.stats.bytes += change.fragment.size_bytes
        kept = joined((one.edge.seq, one.edge.seq + one.fragment.units) for one in batch.appended if one.edge)
        self._held.add((stream, track.edge_run), kept)
        return kept

    async def _write(self, track: Track, placed: Sequence[Placed]) -> Batch:
        known = track.known
        batch = await asyncio.to_thread(self._scribe.write, track.pieces(placed))
        self._doubt = _Doubt(batch, known)
        await self._demand_whole(batch)
        grown = grown_of(batch.appended, known)
        if grown:
            track.known = (await self._index.database.write(partial(list_grown, grown=grown)))[-1]
        self._doubt = None
        return batch

    async def _resolve(self) -> None:
        """What was written and is not listed is taken back.

        Raises:
            Unavailable: The database does not say which that is.
        """
        if self._doubt is None:
            return
        batch, known = self._doubt.batch, self._doubt.known
        listed = await self._index.database.read(lambda c: sizes_of(c, self._volume.id, batch.touched))
        if known is not None and listed.get(known.path) == known.size_bytes:
            del listed[known.path]
        await asyncio.to_thread(self._scribe.take_back, batch, spared=set(listed))
        self._held.forget()
        self._doubt = None

    async def _demand_whole(self, batch: Batch) -> None:
        refusal = batch.refusal()
        if refusal is None:
            return
        failure = batch.written.failure
        if failure:
            now_ns, known = self._clock.wall_ns(), volumes.c.id == self._volume.id
            row = volumes.update().where(known, volumes.c.failed_ns.is_(None))
            await self._index.database.write(lambda c: c.execute(row.values(failed_ns=now_ns, failure=failure[:200])))
            log.critical("recording disk failed: nothing is written to it any more", reason=failure)
        raise refusal

    async def _track(self, stream: StreamId, edge_run: EdgeRun) -> Track:
        track = self._tracks.get(stream)
        if track is None or track.edge_run != edge_run:
            number = (await self._new_runs([stream], self._clock.wall_ns()))[0]
            track = self._tracks[stream] = Track(stream, edge_run, number, self._settings.limits)
        return track

    async def _settle(self, stream: StreamId, gone: Sequence[EdgeUnit]) -> None:
        """Units that are not kept need not come again."""
        if not gone:
            return
        run, now_ns = gone[0].edge.run, self._clock.wall_ns()
        numbers = joined((unit.edge.seq, unit.edge.seq + 1) for unit in gone)
        await self._index.database.write(lambda c: edges.settle(c, stream, run, numbers, now_ns))
        self._held.add((stream, run), numbers)
        self.stats.settled += len(gone)
        log.info("units of the past are not kept: there is no gap that they belong in", stream=stream, units=len(gone))

    # Around it

    def _new_writer(self) -> Writer:
        wish = self._settings
        return Writer(self._volume, wish.reserve_bytes, self._recorder.spare, wish.sealed_with)

    async def _swept(self) -> None:
        try:
            async with asyncio.timeout(SWEPT_S):
                await self._recorder.swept.wait()
        except TimeoutError as error:
            message = "it is not known yet what the last run has recorded"
            raise Unavailable(message, code="recorder-not-ready") from error

    def _acknowledged(self, done: Iterable[Acknowledged]) -> None:
        for one in done:
            if one.edge is not None:
                end = one.edge.seq + one.last_seq - one.first_seq + 1
                self._held.add((one.stream, one.edge.run), [(one.edge.seq, end)])
            came = self._came.get(one.stream)
            if came is not None:
                came.set()

    def _end_files(self) -> None:
        self._end_tracks()
        self._scribe.close()

    def _end_tracks(self) -> None:
        for track in self._tracks.values():
            track.end_file()

    def _rest_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._rest)

    def _rest(self) -> None:
        if not self._disk.locked():
            self._end_files()


def _check(units: Sequence[EdgeUnit]) -> None:
    if any(a.edge.run != b.edge.run or a.edge.seq >= b.edge.seq for a, b in pairwise(units)):
        raise Invalid("units of the past are not in order, or not of one edge run", code="bad-backfill")


def _within(units: Sequence[EdgeUnit], ranges: Sequence[Range]) -> list[EdgeUnit]:
    """Those whose numbers are in one of the ranges, which are in order and apart."""
    found: list[EdgeUnit] = []
    left = list(reversed(ranges))
    for unit in units:
        while left and left[-1][1] <= unit.edge.seq:
            left.pop()
        if left and left[-1][0] <= unit.edge.seq:
            found.append(unit)
    return found


async def _whole(work: Coroutine[None, None, T]) -> T:
    """Await ``work``; when cancelled meanwhile, finish it first: nothing must be half there."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            log.info("footage of the past was not kept", reason=str(task.exception()))
        raise
