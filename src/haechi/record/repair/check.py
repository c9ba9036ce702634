"""Proves that what is listed is readable: by presence, by size, or by hash of every byte. Repairs on demand.

Goes a day of a camera at a time, so that a million recordings need no more memory than a thousand.
"""

import asyncio
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.errors import DataLoss
from haechi.base.ids import RecordingId
from haechi.bus.frames import GapCause
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.volume import Volume
from haechi.record.index import days, totals
from haechi.record.index.commits import insert_gap, set_layout
from haechi.record.index.layouts import pack, rows_of
from haechi.record.index.mend import lose_recording
from haechi.record.index.spans import RecordIndex, Recording, fragments_in, packed_of, recording_of
from haechi.record.playback.read import layout, units_in
from haechi.record.repair.adopt import adopt_now
from haechi.record.tables import recordings, volumes
from haechi.record.tiers.places import Folder
from haechi.record.tiers.vault import Vault
from haechi.store.database import is_sound

ISSUES_MOST = 1000
"""Issues that a report names; the others are counted."""
PAGE = 500
PROGRESS_EACH = 50


class CheckLevel(StrEnum):
    """How deep to look."""

    PRESENCE = "presence"
    SIZE = "size"
    HASH = "hash"


class Issue(Struct, frozen=True):
    """One thing that is not as it should be.

    Attributes:
        kind: ``missing``, ``short``, ``long`` (bytes that are not listed), ``damaged``, ``unlisted``; ``totals``: of a
            volume, what is said to lie there is not the sum of its rows.
    """

    kind: str
    path: str
    detail: str = ""
    recording: RecordingId | None = None
    fragment: int | None = None


class CheckReport(Struct, frozen=True):
    """What a check saw.

    Attributes:
        bytes: That were read and hashed.
        repaired: Issues that were put right: damaged footage is off the list and accounted for as a gap.
        unlisted: Files without a row.
        refused: Recordings without a file that stay on the list because they are too many for an accident (D8).
    """

    level: CheckLevel
    recordings: int
    files: int
    fragments: int
    bytes: int
    database_is_sound: bool
    issues: tuple[Issue, ...]
    issue_count: int
    repaired: int = 0
    refused: int = 0
    unlisted: int = 0

    @property
    def is_sound(self) -> bool:
        return self.database_is_sound and self.issue_count == 0

    @property
    def is_mended(self) -> bool:
        """After a repair: whether nothing is left that is wrong."""
        return self.database_is_sound and not self.refused


Progress = Callable[[int, int], None]


async def check(
    index: RecordIndex,
    volume: Volume,
    level: CheckLevel = CheckLevel.SIZE,
    *,
    repair: bool = False,
    progress: Progress = lambda done, total: None,
    keys: KeyRing | None = None,
) -> CheckReport:
    """Look at everything that is listed, and at every file.

    Args:
        repair: Put right what is wrong. The recorder must not run; `Volume.lock` sees to it.
        progress: Called from a thread with how many of how many recordings were looked at.
        keys: Open what is sealed.

    Raises:
        Unavailable: The volume is not there.
        Conflict: ``volume-in-use``: repairs need the recorder to be stopped.
    """
    return await asyncio.to_thread(_Check(index, volume, level, progress, keys).run, repair=repair)


class _Check:
    def __init__(
        self, index: RecordIndex, volume: Volume, level: CheckLevel, progress: Progress, keys: KeyRing | None
    ) -> None:
        self._index = index
        self._keys = keys
        self._database = index.database
        self._volume = volume
        self._vault = Vault(volume, index.database, keys)
        self._vault.add(Folder(volume), volume.name)
        self._level = level
        self._progress = progress
        self._issues: list[Issue] = []
        self._total = self._done = self._files = self._count = self._unlisted = self._repaired = 0
        self._fragments = self._bytes = 0

    def run(self, *, repair: bool) -> CheckReport:
        if repair:
            self._volume.lock()
        try:
            return self._run(repair=repair)
        finally:
            if repair:
                self._volume.unlock()

    def _run(self, *, repair: bool) -> CheckReport:
        self._total = self._count_recordings()
        on_disk, strays = days.on_disk(self._volume)
        for day in sorted(on_disk | self._database.read_now(days.days_listed)):
            self._check_day(day, repair=repair)
        self._note_unlisted(strays)
        self._check_totals(repair=repair)
        self._progress(self._done, max(self._total, self._done))
        missing = 0
        if repair:
            self._clear_failure()
            found = adopt_now(self._index, self._volume, self._keys)
            missing = found.missing
            self._repaired += found.delisted + self._unlisted
        return CheckReport(
            level=self._level,
            recordings=self._done,
            files=self._files,
            fragments=self._fragments,
            bytes=self._bytes,
            database_is_sound=is_sound(self._database),
            issues=tuple(self._issues),
            issue_count=self._count,
            repaired=self._repaired,
            refused=missing,
            unlisted=self._unlisted,
        )

    def _check_day(self, day: days.Day, *, repair: bool) -> None:
        """The recordings that begin on a day, and the files in its folder."""
        files = dict(self._volume.files(day.prefix))
        self._files += len(files)
        query = partial(_recordings_of, volume=self._volume.id, day=day)
        for recording in self._database.read_now(query):
            found = list(self._look(recording, files.pop(recording.path, None)))
            self._note(found)
            if repair and found:
                self._repair(recording, found)
            self._done += 1
            if self._done % PROGRESS_EACH == 0:
                self._progress(self._done, max(self._total, self._done))
        near = self._database.read_now(lambda c: days.listed_on(c, self._volume.id, day)) if files else {}
        self._note_unlisted([path for path in files if path not in near])

    def _note_unlisted(self, paths: list[str]) -> None:
        """Files without a row, as far as that is still so: the recorder may be at work meanwhile."""
        for start in range(0, len(paths), PAGE):
            page = paths[start : start + PAGE]
            query = sa.select(recordings.c.path).where(recordings.c.path.in_(page))
            listed = set(self._database.read_now(partial(_scalars, query=query)))
            unlisted = [path for path in sorted(page) if path not in listed]
            self._unlisted += len(unlisted)
            self._note([Issue("unlisted", path) for path in unlisted])

    def _check_totals(self, *, repair: bool) -> None:
        """The sums of what lies where are those of the rows."""
        if not self._database.read_now(totals.differing):
            return
        wrong = self._database.write_now(totals.differing)  # after all writes so far
        for volume, (said, true) in wrong.items():
            detail = f"{said.recordings} recordings, {said.bytes} bytes; listed are {true.recordings}, {true.bytes}"
            self._note([Issue("totals", volume, detail)])
        if repair and wrong:
            self._database.write_now(totals.count_again)
            self._repaired += len(wrong)

    def _note(self, found: list[Issue]) -> None:
        self._count += len(found)
        self._issues += found[: ISSUES_MOST - len(self._issues)]

    def _count_recordings(self) -> int:
        query = sa.select(sa.func.count()).select_from(recordings).where(recordings.c.volume == self._volume.id)
        return self._database.read_now(lambda c: int(c.execute(query).scalar_one()))

    def _look(self, recording: Recording, size: int | None) -> Iterator[Issue]:
        name = recording.path
        if size is None:
            size = self._size_now(recording)
        if size is None:
            if self._is_listed(recording):
                yield Issue("missing", name, "", recording.id)
            return
        if self._level is CheckLevel.PRESENCE:
            return
        try:
            wanted = self._vault.stored_bytes(recording)
        except DataLoss as error:
            yield Issue("damaged", name, error.message, recording.id)
            return
        if size < wanted:
            yield Issue("short", name, f"{size} of {wanted} bytes", recording.id)
            return
        if size > wanted and not recording.is_open:
            yield Issue("long", name, f"{size - wanted} bytes are not listed", recording.id)
        if self._level is CheckLevel.HASH:
            yield from self._hash(recording)

    def _size_now(self, recording: Recording) -> int | None:
        """Size of a file that came after the folders were listed."""
        try:
            return self._volume.path_of(recording.path).stat().st_size
        except FileNotFoundError:
            return None

    def _is_listed(self, recording: Recording) -> bool:
        """Whether it is listed at this moment: the recorder and retention may be at work meanwhile."""
        query = sa.select(recordings.c.id).where(recordings.c.id == recording.id, recordings.c.path == recording.path)
        return self._database.read_now(lambda c: c.execute(query).first() is not None)

    def _hash(self, recording: Recording) -> Iterator[Issue]:
        listed = self._database.read_now(lambda c: fragments_in(c, [recording.id]))
        try:
            layout(self._vault, recording)
        except DataLoss as error:
            yield Issue("damaged", recording.path, error.message, recording.id)
            return
        for piece in listed:
            self._fragments += 1
            self._bytes += piece.size_bytes
            try:
                seqs = [unit.ref.seq for unit in units_in(self._vault, recording, piece)]
            except DataLoss as error:
                yield Issue("damaged", recording.path, error.message, recording.id, piece.number)
                continue
            if len(seqs) != piece.units or seqs[0] != piece.first_seq:
                detail = "the index tells other units than the file"
                yield Issue("damaged", recording.path, detail, recording.id, piece.number)

    def _repair(self, recording: Recording, found: list[Issue]) -> None:
        """Damaged footage goes off the list; what is gone, too long or too short is left to adoption (and to D8)."""
        bad = {issue.fragment for issue in found if issue.kind == "damaged"}
        if None in bad:
            self._database.write_now(partial(lose_recording, recording=recording))
            self._volume.set_aside(recording.path)
        elif bad:
            self._database.write_now(lambda c: _drop(c, recording, bad))
        self._repaired += sum(issue.kind in ("damaged", "long") for issue in found)

    def _clear_failure(self) -> None:
        row = volumes.update().where(volumes.c.id == self._volume.id).values(failed_ns=None, failure="")
        self._database.write_now(lambda c: c.execute(row))
        self._volume.failure = ""


def _recordings_of(connection: Connection, volume: str, day: days.Day) -> list[Recording]:
    """Recordings of a camera that begin on a day."""
    found: list[Recording] = []
    for stream in days.streams_of(connection, day.camera):
        query = sa.select(recordings).where(
            recordings.c.stream == stream,
            recordings.c.start_ns >= day.start_ns,
            recordings.c.start_ns < day.start_ns + days.NS_PER_DAY,
            recordings.c.volume == volume,
        )
        found += map(recording_of, connection.execute(query.order_by(recordings.c.start_ns)))
    return found


def _scalars(connection: Connection, query: sa.Select[str]) -> list[str]:
    return [path for (path,) in connection.execute(query)]


def _drop(connection: Connection, recording: Recording, bad: set[int | None]) -> None:
    """Take damaged fragments off the list. What they showed becomes a gap, also in the middle of a recording."""
    listed = fragments_in(connection, [recording.id])
    good = [piece for piece in listed if piece.number not in bad]
    if not good:
        lose_recording(connection, recording)
        return
    for piece, after in zip(listed, [*listed[1:], None], strict=True):
        if piece.number in bad:
            end_ns = after.first_ns if after is not None else recording.end_ns
            insert_gap(connection, recording.stream, piece.first_ns, end_ns, GapCause.DISK_ERROR, "damaged on disk")
    kept = [row for row in rows_of(packed_of(connection, recording.id)) if row.number not in bad]
    set_layout(connection, recording.id, pack(kept))
    last = good[-1]
    connection.execute(
        recordings.update()
        .where(recordings.c.id == recording.id)
        .values(
            start_ns=good[0].first_ns,
            first_seq=good[0].first_seq,
            end_ns=next((piece.first_ns for piece in listed if piece.number > last.number), recording.end_ns),
            last_seq=last.first_seq + last.units - 1,
        )
    )
