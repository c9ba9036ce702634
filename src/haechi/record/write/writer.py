"""The blocking half of the recorder: fragments onto the disk, in the order that makes them durable.

Write, then fdatasync of the file, and for a new file fsync of every folder that got a name; only then may the index say
so. One call writes a whole batch of all cameras.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from haechi.base.errors import HaechiError, Invalid
from haechi.base.ids import StreamId
from haechi.bus.frames import GapCause
from haechi.bus.ledger import MINUTE_NS
from haechi.media.access_unit import AccessUnit
from haechi.media.fmp4.muxer import end_of, fragment, init_segment
from haechi.media.fmp4.stamps import Source, digest_of
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.plain_file import SEALED_NAME
from haechi.record.disk.seal import DataKey
from haechi.record.disk.volume import Volume, is_full, make_folder, relative_path, sync_folder
from haechi.record.index.commits import Appended, Change, Closed, GapOpened, RecordingRow
from haechi.record.index.layouts import DIGEST_BYTES, FragmentRow
from haechi.record.write.segmenter import Piece

SAME_MILLISECOND = 10
"""Files of one run that begin in one millisecond: a camera that changes its parameters with every unit."""


class CloseFile(Struct, frozen=True):
    """Nothing more of this stream will come, or a gap begins: close its file."""

    stream: StreamId


Job = Piece | GapOpened | CloseFile


class Lost(Struct, frozen=True):
    """Units that could not be written, and why."""

    stream: StreamId
    captured_ns: int
    units: int
    cause: GapCause


class Written(Struct, frozen=True):
    """What a batch did.

    Attributes:
        changes: For the index, in order. They are true: the disk holds what they say.
        lost: What could not be written; gaps tell of it, too.
        is_full: The disk is full.
        failure: Why the volume must not be used any more; empty when all is well.
    """

    changes: tuple[Change, ...]
    lost: tuple[Lost, ...] = ()
    is_full: bool = False
    failure: str = ""


class _File:
    """One file that is being written.

    Attributes:
        size, synced: Bytes of the file, whole fragments only.
        plain_bytes: What they hold when they are not sealed; offsets in the index count these.
        number: Of the newest fragment; the init segment is 0.
    """

    def __init__(self, handle: int, row: RecordingRow, path: Path, key: DataKey | None) -> None:
        self.handle = handle
        self.row = row
        self.path = path
        self.size = 0
        self.synced = 0
        self.plain_bytes = 0
        self.number = -1
        self._key = key

    def append(self, data: bytes) -> None:
        """Write a fragment, or the init segment, behind what is there; on failure the file is as long as before.

        A sealed file is of no further use after a failure: no block number may be sealed twice with one key.
        """
        stored = data
        if self._key is not None:
            header = self.row.seal or b""
            stored = (header if self.number < 0 else b"") + self._key.seal(self.number + 1, data)
        self._write(stored)
        self.plain_bytes += len(data)
        self.number += 1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        position = self.size
        try:
            while view:
                count = os.pwrite(self.handle, view, position)
                position += count
                view = view[count:]
        except OSError:
            with suppress(OSError):  # what could not be cut off is written over, or cut off at the next start
                os.ftruncate(self.handle, self.size)
            raise
        self.size = position

    def abandon(self) -> None:
        """Cut off what was never made durable, and close."""
        with suppress(OSError):
            os.ftruncate(self.handle, self.synced)
        with suppress(OSError):
            os.close(self.handle)


class Writer:
    """Writes batches. Used by one thread at a time.

    Args:
        reserve_bytes: The disk counts as full when less is free: the database and the log need room, too.
        on_begin: Told the path of each file before it is there.
        keys: Seals what is written with them; None: it is written plain.
    """

    def __init__(
        self,
        volume: Volume,
        reserve_bytes: int,
        on_begin: Callable[[str], None] = lambda path: None,
        keys: KeyRing | None = None,
    ) -> None:
        self._keys = keys
        self._on_begin = on_begin
        self._volume = volume
        self._reserve_bytes = reserve_bytes
        self._files: dict[StreamId, _File] = {}
        self._changes: list[Change] = []
        self._dirty: dict[StreamId, list[Appended]] = {}
        self._fresh: set[Path] = set()
        self._lost: list[Lost] = []
        self._is_full = False

    def write(self, jobs: Sequence[Job]) -> Written:
        """Put a batch onto the disk. Blocking; what comes back may be told to the index."""
        self._changes, self._dirty, self._fresh, self._lost = [], {}, set(), []
        self._is_full = not self._has_room()
        for job in jobs:
            match job:
                case Piece():
                    self._write(job)
                case CloseFile():
                    self._close(job.stream)
                case GapOpened():
                    self._close(job.stream)
                    self._changes.append(job)
        self._sync()
        return Written(tuple(self._changes), tuple(self._lost), self._is_full, self._volume.failure)

    def sizes(self) -> dict[str, int]:
        """Paths of the files that are open, and how long each is on the disk."""
        return {file.row.path: file.size for file in self._files.values()}

    def close(self) -> None:
        """Close all files; what was not synced is cut off."""
        for file in self._files.values():
            file.abandon()
        self._files.clear()

    def _has_room(self) -> bool:
        try:
            return self._volume.space().free_bytes >= self._reserve_bytes
        except OSError:
            return True

    def _write(self, piece: Piece) -> None:
        if self._volume.failure:
            self._lose(piece, GapCause.DISK_ERROR, self._volume.failure)
            return
        if self._is_full:
            self._lose(piece, GapCause.DISK_FULL, "")
            return
        try:
            self._append(piece)
        except Invalid as error:
            self._lose(piece, GapCause.PEER_ERROR, error.message)
        except HaechiError as error:
            self._lose(piece, GapCause.DISK_ERROR, error.message)
        except OSError as error:
            self._is_full = is_full(error)
            if error.errno == errno.EIO:
                self._volume.failure = "write: " + os.strerror(errno.EIO)
            cause = GapCause.DISK_FULL if self._is_full else GapCause.DISK_ERROR
            self._lose(piece, cause, os.strerror(error.errno or 0))

    def _append(self, piece: Piece) -> None:
        end_dts = end_of(piece.units, piece.params) if piece.end_dts is None else piece.end_dts
        file = self._files.get(piece.stream)
        number = 1 if piece.opens_file or file is None else file.number + 1
        data = fragment(piece.units, piece.params, number, end_dts=end_dts)
        if file is None or piece.opens_file:
            self._close(piece.stream)
            file = self._open(piece)
        offset = file.plain_bytes
        file.append(data)
        first, last = piece.units[0], piece.units[-1]
        row = FragmentRow(
            number=number,
            offset_bytes=offset,
            size_bytes=len(data),
            first_ns=first.captured_ns,
            last_ns=last.captured_ns,
            first_pts_ticks=first.pts,
            first_dts_ticks=first.dts,
            duration_ticks=end_dts - first.dts,
            first_seq=first.ref.seq,
            units=len(piece.units),
            is_sync=first.is_sync,
            digest=digest_of(data)[:DIGEST_BYTES],
        )
        minutes = _by_minute(piece.units)
        change = Appended(file.row, row, piece.end_ns, last.ref.seq, piece.hole, minutes, piece.edge)
        self._changes.append(change)
        self._dirty.setdefault(piece.stream, []).append(change)

    def _open(self, piece: Piece) -> _File:
        first = piece.units[0]
        init = init_segment(piece.params, Source(piece.stream, first.ref.run, first.params, piece.edge))
        self._volume.verify()
        wanted = relative_path(piece.stream, first.ref.run, first.captured_ns)
        sealed = self._keys.seal(piece.stream) if self._keys is not None else None
        handle, relative = self._create(wanted if sealed is None else wanted.removesuffix(".mp4") + SEALED_NAME)
        path = self._volume.path_of(relative)
        seal, key = (sealed.header, sealed.key) if sealed is not None else (None, None)
        row = RecordingRow(
            self._volume.id, piece.stream, first.ref.run, first.params, relative, len(init), seal, piece.edge
        )
        file = _File(handle, row, path, key)
        try:
            file.append(init)
        except OSError:
            file.abandon()
            path.unlink(missing_ok=True)
            raise
        self._files[piece.stream] = file
        self._fresh.add(path.parent)
        return file

    def _create(self, wanted: str) -> tuple[int, str]:
        """Make a file. Its folder may vanish just before: whoever deletes the last file in one takes it away."""
        try:
            return self._create_once(wanted)
        except FileNotFoundError:
            return self._create_once(wanted)

    def _create_once(self, wanted: str) -> tuple[int, str]:
        folder = self._volume.path_of(wanted).parent
        make_folder(folder, self._volume.root)
        ending = SEALED_NAME if wanted.endswith(SEALED_NAME) else ".mp4"
        stem = wanted.removesuffix(ending)
        for count in range(SAME_MILLISECOND):
            relative = f"{stem}.{count}{ending}" if count else wanted
            self._on_begin(relative)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                return os.open(self._volume.path_of(relative), flags, 0o640), relative
            except FileExistsError:
                continue
        raise Invalid("too many recordings begin in one millisecond", code="too-many-recordings")

    def _close(self, stream: StreamId) -> None:
        """Close the file of a stream; what was written in this batch is synced first."""
        file = self._files.get(stream)
        if file is None:
            return
        self._sync_file(stream, file)
        if self._files.pop(stream, None) is None:
            return
        try:
            os.close(file.handle)
        except OSError as error:
            self._volume.failure = self._volume.failure or "close: " + os.strerror(error.errno or 0)
        if file.number:
            self._changes.append(Closed(file.row.path))
        else:
            with suppress(OSError):  # the next start removes it
                file.path.unlink(missing_ok=True)

    def _sync(self) -> None:
        for stream in list(self._dirty):
            file = self._files.get(stream)
            if file is not None:
                self._sync_file(stream, file)

    def _sync_file(self, stream: StreamId, file: _File) -> None:
        appended = self._dirty.pop(stream, [])
        if not appended:
            return
        try:
            if self._volume.failure:
                raise OSError(errno.EIO, self._volume.failure)
            os.fdatasync(file.handle)
            self._sync_folders()
        except OSError as error:
            self._forget(stream, file, appended, error)
        else:
            file.synced = file.size

    def _sync_folders(self) -> None:
        for folder in list(self._fresh):
            sync_folder(folder)
            self._fresh.discard(folder)

    def _forget(self, stream: StreamId, file: _File, appended: list[Appended], error: OSError) -> None:
        """What was written cannot be trusted to be there: never list it, never sync this file again."""
        if is_full(error):
            self._is_full = True
        else:
            self._volume.failure = self._volume.failure or "fsync: " + os.strerror(error.errno or 0)
        cause = GapCause.DISK_FULL if is_full(error) else GapCause.DISK_ERROR
        self._changes = [change for change in self._changes if change not in appended]
        self._changes.append(Closed(file.row.path))
        detail = os.strerror(error.errno or 0)
        self._changes.append(GapOpened(stream, appended[0].fragment.first_ns, cause, detail, is_loss=True))
        self._lost += [Lost(stream, at_ns, units, cause) for change in appended for at_ns, units in change.minutes]
        self._files.pop(stream, None)
        file.abandon()

    def _lose(self, piece: Piece, cause: GapCause, detail: str) -> None:
        self._close(piece.stream)
        self._lost += [Lost(piece.stream, at_ns, units, cause) for at_ns, units in _by_minute(piece.units)]
        self._changes.append(GapOpened(piece.stream, piece.start_ns, cause, detail, is_loss=True))


def _by_minute(units: Sequence[AccessUnit]) -> tuple[tuple[int, int], ...]:
    """When units were captured, for their account: a time in each minute, and how many."""
    first_ns, last_ns = units[0].captured_ns, units[-1].captured_ns
    if first_ns // MINUTE_NS == last_ns // MINUTE_NS:
        return ((first_ns, len(units)),)
    counts = Counter(unit.captured_ns // MINUTE_NS for unit in units)
    return tuple((minute * MINUTE_NS, count) for minute, count in counts.items())
