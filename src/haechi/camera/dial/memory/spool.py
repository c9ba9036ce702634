"""The camera's memory on its disk: append-only files in a folder, bounded, the oldest first out. One thread calls it.

Whatever was written survives the end of the program, and what is older than a second that of the machine. A torn end is
cut off at the start; a file that nothing of is left is deleted.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import structlog

from haechi.base.errors import Invalid
from haechi.camera.dial.memory.segment import (
    SpoolUnit,
    key_of,
    params_record,
    records,
    records_of,
    run_record,
    unit_record,
)
from haechi.media.access_unit import EdgeRun
from haechi.media.reverse.edge import EdgeUnit, Role
from haechi.media.reverse.spans import Span, covers, size, union, within, without
from haechi.media.reverse.words import MOST_STOCK, Held, Params, Range, Stock

log = structlog.get_logger(__name__)

SEGMENTS = 32
"""Of so many files a full memory consists, about: what gives way at once is a small part of it."""
LEAST_SEGMENT_BYTES = 64 * 1024
MOST_SEGMENT_BYTES = 16 * 1024 * 1024
_SUFFIX = ".spool"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""The oldest file gives way then, whatever the limit."""


class Segment:
    """What is known of one file.

    Attributes:
        spans: Numbers ``first`` up to ``end`` of each track: without holes in a file.
        syncs: Numbers of its sync pictures.
        walls: The camera's wall clock at the first and the last unit of each track.
        held: What of it is on the server's disk.
    """

    def __init__(self, path: Path, run: EdgeRun) -> None:
        self.path = path
        self.run = run
        self.size = 0
        self.spans: dict[Role, Span] = {}
        self.syncs: list[int] = []
        self.walls: dict[Role, Span] = {}
        self.keys: set[bytes] = set()
        self.held: dict[Role, tuple[Span, ...]] = {}

    def note(self, role: Role, seq: int, wall_ns: int, *, is_sync: bool) -> None:
        """A unit is in it."""
        self.spans[role] = (self.spans.get(role, (seq, seq))[0], seq + 1)
        self.walls[role] = (self.walls.get(role, (wall_ns, wall_ns))[0], wall_ns)
        if is_sync and role == "main":
            self.syncs.append(seq)

    def takes(self, role: Role, seq: int) -> bool:
        """Whether a unit leaves no hole."""
        return role not in self.spans or self.spans[role][1] == seq

    def unacknowledged(self) -> int:
        """Units that are not on the server's disk."""
        return sum(size(without([span], self.held.get(role, ()))) for role, span in self.spans.items())


class Spool:
    """See the module. Blocking; not for the event loop.

    Attributes:
        lost: Units that gave way before they were acknowledged.
        size: Bytes on disk.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self.limit_bytes = limit_bytes
        self._segment_bytes = max(LEAST_SEGMENT_BYTES, min(limit_bytes // SEGMENTS, MOST_SEGMENT_BYTES))
        self._segments: list[Segment] = []
        self._number = 0
        self._file: BinaryIO | None = None
        self._is_dirty = False
        self._lock = -1
        self.lost = 0
        self.size = 0

    def open(self) -> None:
        """Take the folder, and read what is in it.

        Raises:
            Invalid: ``spool-unusable``: it cannot be written to, or another program uses it.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                self._adopt(path)
            self._make_room(0)
        except OSError as error:
            self.close()
            message = "the folder of the camera's memory cannot be used; another program may have it (--spool-dir)"
            raise Invalid(message, code="spool-unusable", folder=str(self._folder), reason=error.strerror) from error

    def close(self) -> None:
        """Let go."""
        self._end_file()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # -- writing -----------------------------------------------------------------------------------------------------
    def append(self, units: Sequence[EdgeUnit]) -> None:
        """Write units, in order. They survive the program when it returns, and the machine after `sync`.

        Raises:
            OSError: Not all of them could be written; the next ones begin a new file.
        """
        try:
            for unit in units:
                self._write(unit)
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            self._give_up_file()
            if error.errno in _NO_ROOM and self._segments:
                self._drop(self._segments[0])
            raise

    def sync(self) -> None:
        """Make durable what was written.

        Raises:
            OSError: That is not certain; the next units begin a new file.
        """
        if self._file is None or not self._is_dirty:
            return
        self._is_dirty = False
        try:
            os.fsync(self._file.fileno())
        except OSError:
            self._give_up_file()  # what a failed fsync left behind is not written to again
            raise

    def _write(self, unit: EdgeUnit) -> None:
        segment = self._segments[-1] if self._segments and self._file is not None else None
        if segment is None or self._is_over(segment, unit):
            segment = self._begin(unit.edge.run)
        key = key_of(unit.params)
        data = b"" if key in segment.keys else params_record(key, unit.params)
        data += unit_record(unit, key)
        self._put(segment, data)
        segment.keys.add(key)
        segment.note(unit.role, unit.edge.seq, unit.wall_ns, is_sync=unit.is_sync)

    def _is_over(self, segment: Segment, unit: EdgeUnit) -> bool:
        """Files end before a sync picture where that is possible, so that what gives way are whole groups."""
        if segment.run != unit.edge.run or not segment.takes(unit.role, unit.edge.seq):
            return True
        is_place = unit.is_sync and unit.role == "main"
        return segment.size >= (self._segment_bytes if is_place else 4 * self._segment_bytes)

    def _begin(self, run: EdgeRun) -> Segment:
        self._end_file()
        self._make_room(self._segment_bytes)
        self._number += 1
        segment = Segment(self._folder / f"{self._number:08d}{_SUFFIX}", run)
        self._file = segment.path.open("xb")
        self._segments.append(segment)
        self._put(segment, run_record(run))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return segment

    def _put(self, segment: Segment, data: bytes) -> None:
        assert self._file is not None
        if self.size + len(data) > self.limit_bytes:
            self._make_room(len(data))
        self._file.write(data)
        self._is_dirty = True
        segment.size += len(data)
        self.size += len(data)

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._is_dirty = False

    def _give_up_file(self) -> None:
        """The disk is full or broken: what is whole in the file stays."""
        file, self._file = self._file, None
        if file is None:
            return
        path = self._segments.pop().path
        try:
            file.close()
        except OSError as error:
            log.warning("the camera's memory cannot be written", error=error.strerror)
        self.size = sum(segment.size for segment in self._segments)
        self._adopt(path)

    def _make_room(self, more_bytes: int) -> None:
        """Delete the oldest files until so much more fits; never the one that is being written."""
        last = 1 if self._file is not None else 0
        while self.size + more_bytes > self.limit_bytes and len(self._segments) > last:
            self._drop(self._segments[0])

    def _drop(self, segment: Segment) -> None:
        self.lost += segment.unacknowledged()
        self._delete(segment)

    def _delete(self, segment: Segment) -> None:
        self._segments.remove(segment)
        self.size -= segment.size
        segment.path.unlink(missing_ok=True)

    # -- reading -----------------------------------------------------------------------------------------------------
    def _adopt(self, path: Path) -> None:
        """Take a file of an earlier time in, up to its last good record."""
        segment: Segment | None = None
        with path.open("r+b") as file:
            good = 0
            for end, record in records(file):
                if segment is None:
                    segment = Segment(path, record.run) if not isinstance(record, Params | SpoolUnit) else None
                elif isinstance(record, Params):
                    segment.keys.add(record.key)
                elif isinstance(record, SpoolUnit):
                    if record.key not in segment.keys or not segment.takes(record.role, record.seq):
                        break
                    segment.note(record.role, record.seq, record.wall_ns, is_sync=record.is_sync)
                good = end
            file.truncate(good)
        self._number = max(self._number, int(path.stem) if path.stem.isdecimal() else 0)
        if segment is None or not segment.spans:
            path.unlink()
            return
        segment.size = good
        self._segments.append(segment)
        self.size += good

    def stock(self) -> Stock:
        """What is there, the oldest first."""
        found: dict[tuple[EdgeRun, Role], list[Held]] = {}
        order: list[list[Held]] = []
        for segment in self._segments:
            for role, (first, end) in segment.spans.items():
                since_ns, until_ns = segment.walls[role]
                entries = found.get((segment.run, role), [])
                if entries and entries[-1].end == first:
                    last = entries[-1]
                    entries[-1] = Held(segment.run, role, last.first, end, last.since_ns, until_ns)
                else:
                    entries = found[segment.run, role] = [Held(segment.run, role, first, end, since_ns, until_ns)]
                    order.append(entries)
        held = tuple(entries[0] for entries in order[:MOST_STOCK])
        return Stock(held, self.size, self.limit_bytes, self.lost)

    def free(self, role: Role, run: EdgeRun, spans: Sequence[Span]) -> None:
        """The server has these on its disk: files that hold nothing else are deleted."""
        for segment in list(self._segments):
            if segment.run != run or role not in segment.spans:
                continue
            segment.held[role] = union(segment.held.get(role, ()), within(spans, *segment.spans[role]))
            is_written = self._file is not None and segment is self._segments[-1]
            if not is_written and not segment.unacknowledged():
                self._delete(segment)

    def read(self, run: EdgeRun, ranges: Sequence[Range]) -> Iterator[tuple[Params, SpoolUnit]]:
        """Units of a run as they were taken, each with its parameters; from the sync picture before a range on.

        Iterate it from the thread that does all else here too. What gives way meanwhile is left out.
        """
        wanted = {role: self._from_sync(run, role, ranges) for role in ("main", "audio")}
        for segment in list(self._segments):
            touches = segment.run == run and any(within(wanted[role], *span) for role, span in segment.spans.items())
            if not touches:
                continue
            params: dict[bytes, Params] = {}
            for record in records_of(segment.path):
                if isinstance(record, Params):
                    params[record.key] = record
                elif isinstance(record, SpoolUnit) and covers(wanted[record.role], record.seq, record.seq + 1):
                    yield params[record.key], record

    def _from_sync(self, run: EdgeRun, role: Role, ranges: Sequence[Range]) -> tuple[Span, ...]:
        spans = [(one.first, one.end) for one in ranges if one.role == role]
        if role == "audio":
            return union(spans)
        ours = [segment for segment in self._segments if segment.run == run and role in segment.spans]
        whole = union(segment.spans[role] for segment in ours)
        starts = [next((start for start, stop in whole if start <= first < stop), first) for first, _ in spans]
        syncs = [seq for segment in ours for seq in segment.syncs]
        return union(
            (max((seq for seq in syncs if start <= seq <= first), default=first), end)
            for start, (first, end) in zip(starts, spans, strict=True)
        )
