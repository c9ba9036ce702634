"""Puts the units of a film onto the disk and into the index, and takes them away again.

The same fragments, files, fsyncs and rows as for a camera (`haechi.record.write`), except that nothing is paced and
nothing is dropped: the next units are taken when these are durable.
"""

import asyncio

import sqlalchemy as sa
from sqlalchemy import Connection

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Conflict, DataLoss, Invalid
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import GapCause
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, CodecParams, UnitRef
from haechi.media.container import FilmTime, FilmUnit, Role
from haechi.record.disk.volume import Volume
from haechi.record.index.commits import Closed, Listing, apply, delete_recordings
from haechi.record.index.pins import drop_pins, streams_of
from haechi.record.tables import gaps, hours, recordings
from haechi.record.tiers.ledger import forsake
from haechi.record.write.segmenter import Segmenter
from haechi.record.write.writer import CloseFile, Job, Writer, Written
from haechi.store.database import Database


class _Track:
    """One stream of the film."""

    def __init__(self, stream: StreamId, run: int) -> None:
        self.stream = stream
        self.run = run
        self.segmenter = Segmenter(stream)
        self.params: CodecParams | None = None
        self.number = -1
        self.seq = 0
        self.zero: int | None = None
        self.last_ns = 0

    def take_params(self, params: CodecParams | None) -> None:
        if params is not None and params != self.params:
            self.params = params
            self.number += 1


class Shelf:
    """Records one film.

    Args:
        start_ns: When its first picture was taken.
        most_ns: It may not be longer.
        runs: Number of the run, by role.
    """

    def __init__(
        self, database: Database, writer: Writer, camera: CameraId, start_ns: int, most_ns: int, runs: dict[Role, int]
    ) -> None:
        self._database = database
        self._writer = writer
        self._start_ns = start_ns
        self._most_ns = most_ns
        self._tracks = {role: _Track(stream_of(camera, role), run) for role, run in runs.items()}
        self._open: dict[str, Listing] = {}
        self._time = FilmTime()
        self._zero: int | None = None
        self.units = 0
        self.skipped = 0

    @property
    def end_ns(self) -> int:
        """Just after the newest unit."""
        return max((track.last_ns + 1 for track in self._tracks.values() if track.seq), default=self._start_ns)

    async def add(self, units: tuple[FilmUnit, ...]) -> None:
        """Record units; they are durable and listed when this returns, as far as their fragments are complete.

        Raises:
            Invalid: ``film-too-long``.
            Conflict: ``film-no-room``: the disk is full.
            DataLoss: ``film-not-written``: the disk failed.
            Unavailable: The database does not answer.
        """
        jobs: list[Job] = []
        for unit in units:
            jobs += self._take(unit)
        await self._write(jobs)

    async def finish(self) -> None:
        """Record what waits, and close the files. Raises the same."""
        jobs: list[Job] = []
        for track in self._tracks.values():
            jobs += [*track.segmenter.flush(), CloseFile(track.stream)]
        await self._write(jobs)

    def close(self) -> None:
        """Let go of the files."""
        self._writer.close()

    def _take(self, unit: FilmUnit) -> list[Job]:
        track = self._tracks.get(unit.role)
        if track is None:
            return []
        track.take_params(unit.video or unit.sound)
        pts, dts = self._time.place(unit.role, unit.pts, unit.dts)
        if track.params is None or (unit.role == "main" and not track.seq and not unit.is_sync):
            self.skipped += 1
            return []
        if self._zero is None:
            self._zero = dts
        if track.zero is None:
            track.zero = dts
        taken_ns = self._start_ns + (dts - self._zero) * NS_PER_S // TICKS_PER_S
        if taken_ns - self._start_ns > self._most_ns:
            hours_most = self._most_ns // (3600 * NS_PER_S)
            raise Invalid(f"the film is longer than {hours_most} h; cut it into parts", code="film-too-long")
        track.last_ns = max(taken_ns, track.last_ns + 1)
        ref = UnitRef(track.stream, track.run, track.seq)
        made = AccessUnit(ref, pts - track.zero, dts - track.zero, track.last_ns, unit.is_sync, track.number, unit.data)
        track.seq += 1
        self.units += 1
        return list(track.segmenter.feed(made, track.params))

    async def _write(self, jobs: list[Job]) -> None:
        """Write and list, whole, also when cancelled meanwhile: no file stays that the index does not know."""
        if not jobs:
            return
        task = asyncio.ensure_future(self._write_and_list(jobs))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    async def _write_and_list(self, jobs: list[Job]) -> None:
        written = await asyncio.to_thread(self._writer.write, jobs)
        known = dict(self._open)
        changes = written.changes
        self._open |= await self._database.write(lambda connection: apply(connection, changes, known))
        for change in changes:
            if isinstance(change, Closed):
                self._open.pop(change.path, None)
        _require_whole(written)


def _require_whole(written: Written) -> None:
    if not written.lost:
        return
    if any(one.cause is GapCause.PEER_ERROR for one in written.lost):
        raise Invalid("a part of the film cannot be written as footage", code="film-broken")
    if written.is_full:
        raise Conflict("the disk has no room for this film; delete something, then try again", code="film-no-room")
    raise DataLoss("the film cannot be written to the disk", code="film-not-written", reason=written.failure)


async def take_away(database: Database, volume: Volume, camera: CameraId, reason: str, now_ns: int) -> None:
    """Remove all that is recorded of a film, at once: off the list, then off the disk.

    Args:
        reason: What its footage is pinned for.

    Raises:
        Unavailable: The volume is not there, is not the right one, or failed; nothing was removed.
    """
    await asyncio.to_thread(volume.verify)
    streams = streams_of(camera)

    def forget(connection: Connection) -> list[str]:
        drop_pins(connection, reason)
        query = sa.select(recordings.c.id, recordings.c.volume, recordings.c.path)
        rows = connection.execute(query.where(recordings.c.stream.in_(streams))).all()
        forsake(connection, [row.id for row in rows], now_ns, spared=volume.id)
        delete_recordings(connection, [row.id for row in rows])
        for table in (gaps, hours):
            connection.execute(table.delete().where(table.c.stream.in_(streams)))
        return [row.path for row in rows if row.volume == volume.id]

    paths = await database.write(forget)

    def unlink() -> None:
        volume.verify()
        for path in paths:
            volume.remove(path)

    await asyncio.to_thread(unlink)
