"""At the start: make the index and the disk agree again after whatever happened.

Fragments that are on disk but not listed are listed when they are whole, and cut off when they are torn; what is listed
but gone is taken off the list and becomes a gap. Rebuilds the whole index when the database was lost.
"""

import asyncio
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import DataLoss, PeerError
from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.fmp4.muxer import FTYP
from haechi.media.fmp4.reader import Scan, ScannedFragment, scan, verify
from haechi.record.commits import (
    GapOpened,
    RecordingRow,
    delete_recordings,
    insert_gap,
    insert_recording,
    open_gap,
    set_layout,
)
from haechi.record.index import RecordIndex, Recording, overlapping, packed_of, recording_of
from haechi.record.layouts import DIGEST_BYTES, FragmentRow, layout_of, pack, rows_of
from haechi.record.segmenter import STALL_NS
from haechi.record.tables import gaps, recordings
from haechi.record.volume import Volume

log = structlog.get_logger(__name__)

VERIFIED_AT_THE_END = 16
"""Fragments at the end of an unlisted file whose bytes are hashed: more than one batch can leave unsynced. The others
were synced long before; `haechi check` hashes all."""
BEGUN_BYTES = 4096
"""A file of ours that ends before this within its first boxes was only just begun: it holds no footage."""
MISSING_SHARE = 0.1
"""When more of the listed files are missing, it is not an accident of ours: nothing is taken off the list (D8)."""
MISSING_FEW = 10


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


async def adopt(index: RecordIndex, volume: Volume) -> AdoptReport:
    """Bring index and disk together; every stream that was not stopped on purpose gets a gap from its end on."""
    return await asyncio.to_thread(adopt_now, index, volume)


def adopt_now(index: RecordIndex, volume: Volume) -> AdoptReport:
    """Blocking `adopt`."""
    volume.verify()
    return _Adoption(index, volume).run()


class _Adoption:
    def __init__(self, index: RecordIndex, volume: Volume) -> None:
        self._database = index.database
        self._volume = volume
        self._report = AdoptReport()
        self._touched: set[StreamId] = set()

    def run(self) -> AdoptReport:
        listed = self._database.read_now(self._listed)
        unlisted: list[str] = []
        for path, size in self._volume.files():
            self._report.files += 1
            recording = listed.pop(path, None)
            if recording is None:
                unlisted.append(path)
            elif size != recording[1]:
                self._resize(recording[0], size)
        for path in sorted(unlisted):
            self._adopt(path)
        self._delist(listed)
        self._database.write_now(self._finish)
        if self._report != AdoptReport(files=self._report.files):
            log.info("footage brought together with its index", **{f: getattr(self._report, f) for f in _FIELDS})
        return self._report

    def _listed(self, connection: Connection) -> dict[str, tuple[RecordingId, int]]:
        query = sa.select(recordings.c.path, recordings.c.id, recordings.c.size_bytes)
        rows = connection.execute(query.where(recordings.c.volume == self._volume.id))
        return {row.path: (row.id, row.size_bytes) for row in rows}

    def _recording(self, recording: RecordingId) -> Recording:
        query = sa.select(recordings).where(recordings.c.id == recording)
        return recording_of(self._database.read_now(lambda c: c.execute(query).one()))

    def _resize(self, recording_id: RecordingId, size: int) -> None:
        """A listed file is longer than its index says (a crash before the commit), or shorter (damage)."""
        recording = self._recording(recording_id)
        path = self._volume.path_of(recording.path)
        if size < recording.size_bytes:
            kept = self._database.write_now(lambda c: cut_short(c, recording, size))
            if kept:
                _cut(path, kept)
            else:
                self._volume.remove(recording.path)
            self._report.delisted += 1
            self._touched.add(recording.stream)
            return
        with path.open("rb") as file:
            found = scan(file, recording.size_bytes)
            whole = [piece for piece in found.fragments if piece.units[0].seq > recording.last_seq]
            good = whole[: _count_good(file, whole)]
        end = good[-1].offset + good[-1].size if good else recording.size_bytes
        _cut(path, end)
        self._report.torn_files += end < size
        if good:
            self._database.write_now(lambda c: extend(c, recording, good))
            self._report.adopted_fragments += len(good)
            self._touched.add(recording.stream)

    def _adopt(self, path: str) -> None:
        """A file that no row speaks of."""
        full = self._volume.path_of(path)
        with full.open("rb") as file:
            try:
                found = scan(file)
            except PeerError as error:
                file.seek(0)
                if FTYP.startswith(file.read(len(FTYP))) and full.stat().st_size < BEGUN_BYTES:
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
            self._list(path, found, good)

    def _list(self, path: str, found: Scan, good: tuple[ScannedFragment, ...]) -> None:
        source = found.init.source
        assert source is not None
        start_ns, end_ns = good[0].units[0].captured_ns, good[-1].units[-1].captured_ns + 1
        query = sa.select(recordings).where(*overlapping(source.stream, start_ns, end_ns))
        others = [recording_of(row) for row in self._database.read_now(lambda c: c.execute(query).all())]
        if others:
            first, last = good[0].units[0].seq, good[-1].units[-1].seq
            if any(one.run == source.run and one.first_seq <= first and last <= one.last_seq for one in others):
                self._discard(path)
            else:
                self._set_aside(path, "overlaps footage that is listed")
            return
        full = self._volume.path_of(path)
        end = good[-1].offset + good[-1].size
        self._report.torn_files += full.stat().st_size > end
        _cut(full, end)
        row = RecordingRow(self._volume.id, source.stream, source.run, source.params, path, found.init.size)
        pieces = [fragment_row(piece) for piece in good]

        def work(connection: Connection) -> None:
            trim_gaps(connection, source.stream, start_ns, end_ns)
            insert_recording(connection, row, pieces, end_ns, good[-1].units[-1].seq)

        self._database.write_now(work)
        self._touched.add(source.stream)
        self._report.adopted_files += 1
        self._report.adopted_fragments += len(pieces)

    def _discard(self, path: str) -> None:
        """Nothing in this file was ever acknowledged, or all of it is listed elsewhere."""
        self._volume.remove(path)
        self._report.removed_files += 1

    def _set_aside(self, path: str, reason: str) -> None:
        log.warning("a file is set aside: it cannot be listed", path=path, reason=reason)
        self._volume.set_aside(path)
        self._report.set_aside += 1

    def _delist(self, missing: dict[str, tuple[RecordingId, int]]) -> None:
        total = len(missing) + self._report.files
        if len(missing) > max(MISSING_FEW, total * MISSING_SHARE):
            log.critical("many recordings have no file; nothing is forgotten: see haechi check", missing=len(missing))
            self._report.missing = len(missing)
            return
        for recording_id, _ in missing.values():
            recording = self._recording(recording_id)
            self._database.write_now(partial(lose_recording, recording=recording))
            self._report.delisted += 1

    def _finish(self, connection: Connection) -> None:
        connection.execute(recordings.update().where(recordings.c.is_open).values(is_open=False))
        for stream in self._touched:
            fill_holes(connection, stream)
        for stream in connection.execute(sa.select(recordings.c.stream).distinct()).scalars().all():
            open_gap(connection, GapOpened(StreamId(stream), 0, GapCause.CRASHED))


_FIELDS = AdoptReport.__struct_fields__


def fragment_row(piece: ScannedFragment) -> FragmentRow:
    """A fragment that was read from disk, as the index keeps it."""
    first, last = piece.units[0], piece.units[-1]
    return FragmentRow(
        number=piece.sequence,
        offset_bytes=piece.offset,
        size_bytes=piece.size,
        first_ns=first.captured_ns,
        last_ns=last.captured_ns,
        first_pts_ticks=first.sample.pts,
        first_dts_ticks=first.sample.dts,
        duration_ticks=last.sample.dts + last.sample.duration - first.sample.dts,
        first_seq=first.seq,
        units=len(piece.units),
        is_sync=first.sample.is_sync,
        digest=piece.digest[:DIGEST_BYTES],
    )


def extend(connection: Connection, recording: Recording, pieces: Iterable[ScannedFragment]) -> None:
    """List fragments that follow those that are listed."""
    rows = [fragment_row(piece) for piece in pieces]
    last = rows[-1]
    trim_gaps(connection, recording.stream, rows[0].first_ns, last.last_ns + 1)
    layout = layout_of(packed_of(connection, recording.id))
    for row in rows:
        layout = layout.append(row)
    set_layout(connection, recording.id, layout.packed)
    connection.execute(
        recordings.update()
        .where(recordings.c.id == recording.id)
        .values(
            end_ns=last.last_ns + 1,
            last_seq=last.first_seq + last.units - 1,
            size_bytes=last.offset_bytes + last.size_bytes,
        )
    )


def cut_short(connection: Connection, recording: Recording, size: int) -> int:
    """A listed file lost its end: list only what it still holds, and account for the rest. Bytes that are kept."""
    rows = rows_of(packed_of(connection, recording.id))
    kept = [row for row in rows if row.offset_bytes + row.size_bytes <= size]
    if not kept:
        lose_recording(connection, recording)
        return 0
    lost, size_bytes = rows[len(kept)], kept[-1].offset_bytes + kept[-1].size_bytes
    set_layout(connection, recording.id, pack(kept))
    connection.execute(
        recordings.update()
        .where(recordings.c.id == recording.id)
        .values(end_ns=lost.first_ns, last_seq=lost.first_seq - 1, size_bytes=size_bytes)
    )
    detail = "the file lost its end"
    insert_gap(connection, recording.stream, lost.first_ns, recording.end_ns, GapCause.DISK_ERROR, detail)
    return size_bytes


def lose_recording(connection: Connection, recording: Recording) -> None:
    """A recording is gone: take it off the list, and account for it."""
    delete_recordings(connection, [recording.id])
    detail = "the file is gone or cannot be read"
    insert_gap(connection, recording.stream, recording.start_ns, recording.end_ns, GapCause.DISK_ERROR, detail)


def trim_gaps(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    """There is footage from ``start_ns`` to ``end_ns`` after all: no gap may say otherwise."""
    ends = sa.func.coalesce(gaps.c.end_ns, end_ns + 1)
    query = sa.select(gaps).where(gaps.c.stream == stream, gaps.c.start_ns < end_ns, ends > start_ns)
    for gap in connection.execute(query).all():
        connection.execute(gaps.delete().where(gaps.c.id == gap.id))
        if gap.start_ns < start_ns:
            insert_gap(connection, stream, gap.start_ns, start_ns, GapCause(gap.cause), gap.detail)
        if gap.end_ns is None or gap.end_ns > end_ns:
            row = {"stream": stream, "start_ns": end_ns, "end_ns": gap.end_ns, "cause": gap.cause}
            connection.execute(gaps.insert().values(row | {"detail": gap.detail}))


def fill_holes(connection: Connection, stream: StreamId) -> None:
    """Between two recordings either nothing is missing, or a gap says so, and never both."""
    query = sa.select(recordings).where(recordings.c.stream == stream).order_by(recordings.c.start_ns)
    last: Recording | None = None
    for row in connection.execute(query).all():
        recording = recording_of(row)
        if last is not None and last.end_ns < recording.start_ns:
            if _follows(last, recording):
                joined = recordings.update().where(recordings.c.id == last.id)
                connection.execute(joined.values(end_ns=recording.start_ns))
                trim_gaps(connection, stream, last.end_ns, recording.start_ns)
            else:
                _explain(connection, stream, last.end_ns, recording.start_ns)
        last = recording


def _follows(last: Recording, recording: Recording) -> bool:
    """Whether no unit is missing between the two, and the last one before shows the time until the next."""
    is_next = last.run == recording.run and last.last_seq + 1 == recording.first_seq
    return is_next and recording.start_ns - last.end_ns < STALL_NS


def _explain(connection: Connection, stream: StreamId, start_ns: int, end_ns: int) -> None:
    """A gap for whatever of the hole no gap speaks of."""
    ends = sa.func.coalesce(gaps.c.end_ns, end_ns)
    query = sa.select(gaps.c.start_ns, ends).where(gaps.c.stream == stream, gaps.c.start_ns < end_ns, ends > start_ns)
    for gap_start_ns, gap_end_ns in connection.execute(query.order_by(gaps.c.start_ns)).all():
        if gap_start_ns > start_ns:
            insert_gap(connection, stream, start_ns, gap_start_ns, GapCause.CRASHED, "index rebuilt")
        start_ns = max(start_ns, gap_end_ns)
    if start_ns < end_ns:
        insert_gap(connection, stream, start_ns, end_ns, GapCause.CRASHED, "index rebuilt")


def _count_good(file: BinaryIO, pieces: Iterable[ScannedFragment]) -> int:
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
