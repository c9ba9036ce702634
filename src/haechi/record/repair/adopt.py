"""At the start: make the index and the disk agree again after whatever happened.

Fragments that are on disk but not listed are listed when they are whole, and cut off when they are torn; what is listed
but gone is taken off the list and becomes a gap. Rebuilds the whole index when the database was lost.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import DataLoss, PeerError, Unavailable
from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.fmp4.muxer import FTYP
from haechi.media.fmp4.reader import Scan, ScannedFragment, scan, verify
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.plain_file import SEALED_NAME, PlainFile
from haechi.record.disk.seal import BLOCK_EXTRA_BYTES, HEADER_BYTES
from haechi.record.disk.volume import Volume
from haechi.record.index import days, mend
from haechi.record.index.commits import GapOpened, RecordingRow, insert_recording, open_gap
from haechi.record.index.spans import RecordIndex, Recording, recording_of, recordings_between
from haechi.record.tables import recordings
from haechi.record.tiers.tables import doomed

log = structlog.get_logger(__name__)

VERIFIED_AT_THE_END = 16
"""Fragments at the end of an unlisted file whose bytes are hashed: more than one batch can leave unsynced. The others
were synced long before; `haechi check` hashes all."""
BEGUN_BYTES = 4096
"""A file of ours that ends before this within its first boxes was only just begun: it holds no footage."""
MISSING_SHARE = 0.1
"""When more of the listed files are missing, it is not an accident of ours: nothing is taken off the list (D8)."""
MISSING_FEW = 10
MISSING_MOST = 100_000
"""So many that are gone are taken off the list by one start; the next goes on."""


class AdoptReport(Struct):
    """What a start found.

    Attributes:
        missing: Listed recordings without a file that were *not* taken off the list because they are too many.
    """

    files: int = 0
    adopted_files: int = 0
    adopted_fragments: int = 0
    torn_files: int = 0
    removed_files: int = 0
    set_aside: int = 0
    delisted: int = 0
    missing: int = 0


async def adopt(index: RecordIndex, volume: Volume, keys: KeyRing | None = None) -> AdoptReport:
    """Bring index and disk together; every stream that was not stopped on purpose gets a gap from its end on."""
    return await asyncio.to_thread(adopt_now, index, volume, keys)


def adopt_now(
    index: RecordIndex,
    volume: Volume,
    keys: KeyRing | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> AdoptReport:
    """Blocking `adopt`. Nothing else may be at work on the volume.

    Args:
        progress: Called with how many of how many days of a camera were looked at.
    """
    adoption = Adoption(index, volume, keys=keys)
    adoption.start()
    adoption.take(adoption.strays())
    found = adoption.each_day()
    for number, day in enumerate(found, 1):
        adoption.take(adoption.look(day))
        progress(number, len(found))
    adoption.finish()
    return adoption.report


class Adoption:
    """The steps. Each is blocking, and leaves index and disk sound.

    Args:
        is_ours: Tells paths of files that the recorder has begun since the start: they are not looked at.
        keys: Open what is sealed. What they do not open is left as it is.

    Attributes:
        report: What was found so far.
    """

    def __init__(
        self,
        index: RecordIndex,
        volume: Volume,
        is_ours: Callable[[str], bool] = lambda path: False,
        keys: KeyRing | None = None,
    ) -> None:
        self._keys = keys
        self._database = index.database
        self._volume = volume
        self._is_ours = is_ours
        self._touched: dict[StreamId, tuple[int, int]] = {}
        self._adopted: set[StreamId] = set()
        self._missing: list[tuple[RecordingId, str]] = []
        self._missing_count = 0
        self.report = AdoptReport()

    def start(self) -> None:
        """What must be done before anything is recorded, and no more: what was being written when the last run ended
        is brought up to date, and every stream has a gap from its end on."""
        self._volume.verify()
        for recording in self._database.read_now(lambda c: _open_recordings(c, self._volume.id)):
            self._renew(recording)
        newest_ns = self._database.read_now(lambda c: days.newest_end_ns(c, self._volume.id))
        if newest_ns is None:
            self.take(days.newest_files(self._volume))
        else:
            for day, hour in days.hours_since(self._volume, newest_ns):
                listed = self._database.read_now(partial(days.listed_on, volume=self._volume.id, day=day, hour=hour))
                files = self._volume.files(f"{day.prefix}{hour:02d}/")
                self.take(sorted(path for path, _ in files if path not in listed))
        self._fill()
        self._database.write_now(_end_all)

    def each_day(self) -> list[days.Day]:
        """Every day that is on disk or in the index, the oldest first."""
        found, _ = days.on_disk(self._volume)
        return sorted(found | self._database.read_now(days.days_listed))

    def strays(self) -> list[str]:
        """Files that are not where we put ours."""
        return days.on_disk(self._volume)[1]

    def look(self, day: days.Day) -> list[str]:
        """Compare a day: files that are longer or shorter than listed are put right. The paths of unlisted ones."""
        self._volume.verify()
        files = dict(self._volume.files(day.prefix))
        listed = self._database.read_now(lambda c: days.listed_on(c, self._volume.id, day))
        self.report.files += len(files)
        unlisted: list[str] = []
        for path, size in files.items():
            known = listed.pop(path, None)
            if self._is_ours(path):
                continue
            if known is None:
                unlisted.append(path)
            elif not _may_be_whole(path, size, known.size_bytes) and not known.is_open:
                self._renew(self._recording(known.id))
        for path, known in listed.items():
            if not known.is_open and not self._is_ours(path):
                self._missing_count += 1
                self._missing += [(known.id, path)] * (len(self._missing) < MISSING_MOST)
        self._fill()
        return sorted(unlisted)

    def take(self, paths: Iterable[str]) -> None:
        """List or remove files that are not listed; what is listed by now, or about to be deleted, is left alone."""
        for path in paths:
            if self._is_ours(path) or self._database.read_now(partial(_is_doomed, self._volume.id, path)):
                continue
            try:
                self._adopt(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.error("a file cannot be read", path=path, reason=str(error))
            except Unavailable as error:
                _unless_locked(error, path)
        self._fill()

    def finish(self) -> None:
        """After every day: what is listed but gone is taken off the list, unless it is too much (D8)."""
        self._volume.verify()
        self._database.write_now(lambda c: _end(c, self._adopted))
        total = self._missing_count + self.report.files
        if self._missing_count > max(MISSING_FEW, total * MISSING_SHARE):
            count = self._missing_count
            log.critical("many recordings have no file; nothing is forgotten: see haechi check", missing=count)
            self.report.missing = count
        else:
            for recording, path in self._missing:
                if not self._volume.path_of(path).exists():
                    lose = partial(_lose, recording=recording, path=path, volume=self._volume.id)
                    self.report.delisted += self._database.write_now(lose)
        if self.report != AdoptReport(files=self.report.files):
            log.info("footage brought together with its index", **{f: getattr(self.report, f) for f in _FIELDS})

    def _fill(self) -> None:
        touched, self._touched = self._touched, {}
        for stream, (start_ns, end_ns) in touched.items():
            self._database.write_now(partial(mend.fill_holes, stream=stream, start_ns=start_ns, end_ns=end_ns))

    def _touch(self, stream: StreamId, start_ns: int, end_ns: int) -> None:
        self._adopted.add(stream)
        known = self._touched.get(stream, (start_ns, end_ns))
        self._touched[stream] = (min(known[0], start_ns), max(known[1], end_ns))

    def _renew(self, recording: Recording) -> None:
        """A file whose size is not that of its row; or one that was open."""
        try:
            with PlainFile(self._volume.path_of(recording.path), self._keys) as file:
                if file.stored_bytes != file.stored_end(recording.size_bytes) or file.size != recording.size_bytes:
                    self._resize(recording, file)
        except FileNotFoundError:
            return
        except Unavailable as error:
            _unless_locked(error, recording.path)

    def _recording(self, recording: RecordingId) -> Recording:
        query = sa.select(recordings).where(recordings.c.id == recording)
        return recording_of(self._database.read_now(lambda c: c.execute(query).one()))

    def _resize(self, recording: Recording, file: PlainFile) -> None:
        """A listed file is longer than its index says (a crash before the commit), or shorter (damage)."""
        path = self._volume.path_of(recording.path)
        if file.size < recording.size_bytes:
            kept = self._database.write_now(lambda c: mend.cut_short(c, recording, file.size))
            if kept:
                _cut(path, file.stored_end(kept))
            else:
                self._volume.remove(recording.path)
            self.report.delisted += 1
            self._touch(recording.stream, recording.start_ns, recording.end_ns)
            return
        found = scan(file, recording.size_bytes)
        whole = [piece for piece in found.fragments if piece.units[0].seq > recording.last_seq]
        good = whole[: _count_good(file, whole)]
        end = file.stored_end(good[-1].offset + good[-1].size if good else recording.size_bytes)
        _cut(path, end)
        self.report.torn_files += end < file.stored_bytes
        if good:
            self._database.write_now(lambda c: mend.extend(c, recording, good))
            self.report.adopted_fragments += len(good)
            self._touch(recording.stream, recording.start_ns, good[-1].units[-1].captured_ns + 1)

    def _adopt(self, path: str) -> None:
        """A file that no row speaks of."""
        full = self._volume.path_of(path)
        try:
            file = PlainFile(full, self._keys)
        except DataLoss as error:
            self._set_aside(path, error.message)
            return
        with file:
            try:
                found = scan(file)
            except PeerError as error:
                file.seek(0)
                if FTYP.startswith(file.read(len(FTYP))) and file.stored_bytes < BEGUN_BYTES:
                    self._discard(path)
                else:
                    self._set_aside(path, error.message)
                return
            before = max(len(found.fragments) - VERIFIED_AT_THE_END, 0)
            good = found.fragments[: before + _count_good(file, found.fragments[before:])]
            if not good:
                self._discard(path)
            elif found.init.source is None:
                self._set_aside(path, "no source box")
            else:
                self._list(path, found, good, file)

    def _list(self, path: str, found: Scan, good: tuple[ScannedFragment, ...], file: PlainFile) -> None:
        source = found.init.source
        assert source is not None
        start_ns, end_ns = good[0].units[0].captured_ns, good[-1].units[-1].captured_ns + 1
        others = self._database.read_now(lambda c: recordings_between(c, source.stream, start_ns, end_ns))
        if any(one.path == path and one.volume == self._volume.id for one in others):
            return
        if others:
            first, last = good[0].units[0].seq, good[-1].units[-1].seq
            if any(one.run == source.run and one.first_seq <= first and last <= one.last_seq for one in others):
                self._discard(path)
            else:
                self._set_aside(path, "overlaps footage that is listed")
            return
        end = file.stored_end(good[-1].offset + good[-1].size)
        self.report.torn_files += file.stored_bytes > end
        _cut(self._volume.path_of(path), end)
        row = RecordingRow(
            self._volume.id, source.stream, source.run, source.params, path, found.init.size, file.seal, source.edge
        )
        pieces = [mend.fragment_row(piece) for piece in good]

        def work(connection: Connection) -> None:
            mend.trim_gaps(connection, source.stream, start_ns, end_ns)
            insert_recording(connection, row, pieces, end_ns, good[-1].units[-1].seq)

        self._database.write_now(work)
        self._touch(source.stream, start_ns, end_ns)
        self.report.adopted_files += 1
        self.report.adopted_fragments += len(pieces)

    def _discard(self, path: str) -> None:
        """Nothing in this file was ever acknowledged, or all of it is listed elsewhere."""
        self._volume.remove(path)
        self.report.removed_files += 1

    def _set_aside(self, path: str, reason: str) -> None:
        log.warning("a file is set aside: it cannot be listed", path=path, reason=reason)
        self._volume.set_aside(path)
        self.report.set_aside += 1


_FIELDS = AdoptReport.__struct_fields__


def _open_recordings(connection: Connection, volume: str) -> list[Recording]:
    found = [recording_of(row) for row in connection.execute(sa.select(recordings).where(recordings.c.is_open))]
    return [one for one in found if one.volume == volume]


def _end_all(connection: Connection) -> None:
    """Nothing is being written; nothing more was recorded of any stream."""
    connection.execute(recordings.update().where(recordings.c.is_open).values(is_open=False))
    _end(connection, days.streams_of(connection))


def _end(connection: Connection, streams: Iterable[StreamId]) -> None:
    """A gap begins at the end of each stream that is not being written."""
    being_written = set(connection.execute(sa.select(recordings.c.stream).where(recordings.c.is_open)).scalars())
    for stream in streams:
        if stream not in being_written:
            open_gap(connection, GapOpened(stream, 0, GapCause.CRASHED))


def _is_doomed(volume: str, path: str, connection: Connection) -> bool:
    """Whether somebody is about to delete it."""
    query = sa.select(doomed.c.path).where(doomed.c.volume == volume, doomed.c.path == path)
    return connection.execute(query).first() is not None


def _lose(connection: Connection, recording: RecordingId, path: str, volume: str) -> int:
    """Take a recording off the list whose file is gone, if it is still said to be there."""
    same = (recordings.c.id == recording, recordings.c.path == path, recordings.c.volume == volume)
    row = connection.execute(sa.select(recordings).where(*same)).first()
    if row is None:
        return 0
    mend.lose_recording(connection, recording_of(row))
    return 1


def _may_be_whole(path: str, size: int, plain_bytes: int) -> bool:
    """Whether a file has the size that it should have. Of a sealed one this is what can be told without opening it."""
    if not path.endswith(SEALED_NAME):
        return size == plain_bytes
    extra = size - plain_bytes - HEADER_BYTES
    return extra >= 2 * BLOCK_EXTRA_BYTES and extra % BLOCK_EXTRA_BYTES == 0


def _unless_locked(error: Unavailable, path: str) -> None:
    """A file whose key is not there is left as it is; what else is not available is told.

    Raises:
        Unavailable: The database.
    """
    if error.code != "key-missing":
        raise error
    log.error("a sealed file cannot be opened: its key is not in the ring", path=path)


def _count_good(file: PlainFile, pieces: Iterable[ScannedFragment]) -> int:
    """How many of ``pieces``, from the first on, hold the bytes that were written."""
    count = 0
    for piece in pieces:
        file.seek(piece.offset)
        try:
            verify(file.read(piece.size), piece.digest)
        except DataLoss:
            break
        count += 1
    return count


def _cut(path: Path, size: int) -> None:
    """Cut a torn tail off."""
    if path.stat().st_size <= size:
        return
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(handle, size)
        os.fsync(handle)
    finally:
        os.close(handle)
