"""After the database was lost: lists again what lies in an object store, from what each object says of itself.

Only the last bytes of each object are read. Nothing is deleted, but for objects that hold nothing but what is listed
elsewhere and was read there and found the same: such are left when the database is lost in the middle of a move.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from haechi.base.clock import Clock
from haechi.base.errors import DataLoss, HaechiError, Unavailable
from haechi.base.ids import RecordingId, StreamId
from haechi.bus.frames import GapCause
from haechi.media.fmp4.reader import verify
from haechi.record.disk.keys import KeyRing
from haechi.record.index import days, mend
from haechi.record.index.commits import GapOpened, open_gap
from haechi.record.index.layouts import FragmentRow, rows_of
from haechi.record.index.spans import Recording, fragments_in, recordings_between
from haechi.record.repair.check import ISSUES_MOST, Issue
from haechi.record.repair.check_objects import days_of, unknown_in
from haechi.record.tables import layouts, recordings
from haechi.record.tiers import ledger
from haechi.record.tiers.ledger import Doomed
from haechi.record.tiers.manifest import TAIL_BYTES, Entry, Found, decode, reach
from haechi.record.tiers.objects import Objects
from haechi.record.tiers.places import packed_path
from haechi.record.tiers.tables import objects
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Objects whose ends are read at a time, and that are listed in one transaction."""


class AdoptedObjects(Struct):
    """What was found.

    Attributes:
        objects: That no row spoke of.
        adopted, recordings, bytes: Of them listed now (or, in a dry run, that would be).
        renumbered: Recordings whose number in the index belongs to another one by now.
        doubles: Objects that held only what is listed elsewhere; they are deleted.
        issues: What was left as it is, and why.
    """

    objects: int = 0
    adopted: int = 0
    recordings: int = 0
    bytes: int = 0
    renumbered: int = 0
    doubles: int = 0
    issues: list[Issue] = []
    issue_count: int = 0

    def note(self, path: str, reason: str) -> None:
        self.issue_count += 1
        if len(self.issues) < ISSUES_MOST:
            self.issues.append(Issue("unlisted", path, reason))


class _Piece(Struct, frozen=True):
    """A recording in an object, opened."""

    entry: Entry
    packed: bytes


class _Object(Struct, frozen=True):
    """An object that was read and can be listed."""

    path: str
    size_bytes: int
    found: Found
    pieces: tuple[_Piece, ...]

    @property
    def stream(self) -> StreamId:
        return self.found.manifest.stream


class ObjectsAdoption:
    """Brings the index and a store together.

    Args:
        vault: Reads what is listed elsewhere already.
        keys: Open what is sealed; what they do not open is left as it is.
        is_dry: Change nothing.

    Attributes:
        report: What was found so far.
    """

    def __init__(
        self, database: Database, place: Objects, vault: Vault, clock: Clock, keys: KeyRing, *, is_dry: bool = False
    ) -> None:
        self._database = database
        self._place = place
        self._vault = vault
        self._clock = clock
        self._keys = keys
        self._is_dry = is_dry
        self.report = AdoptedObjects()

    async def run(self, progress: Callable[[int, int], None] = lambda done, total: None) -> AdoptedObjects:
        """Look at everything once. May be cut short and run again.

        Args:
            progress: Called with how many of how many unknown objects were looked at.

        Raises:
            Unavailable: The store does not answer.
            Conflict: It is another installation's.
        """
        await self._place.verify()
        total = done = 0
        waiting: list[str] = []
        for day in await days_of(self._database, self._place):
            if count := len(await self._unknown(day)):
                waiting.append(day)
                total += count
                progress(done, total)
        for day in waiting:
            found = sorted((await self._unknown(day)).items())
            for start in range(0, len(found), AT_ONCE):
                await self._take(found[start : start + AT_ONCE])
                done += len(found[start : start + AT_ONCE])
                progress(done, max(total, done))
        if not self._is_dry:
            await self._database.write(_end_gaps)
        return self.report

    async def _unknown(self, day: str) -> dict[str, int]:
        return await unknown_in(self._database, self._place, day, await self._place.listing(day))

    async def _take(self, found: Sequence[tuple[str, int]]) -> None:
        self.report.objects += len(found)
        read = await asyncio.gather(*(self._read(path, size) for path, size in found))
        good = [one for one in read if one is not None]
        if self._is_dry:
            lists = partial(_would_list, found=good)
            listed = await self._database.read(lists)
        else:
            listed = await self._database.write(partial(_list, volume=self._place.id, found=good, clock=self._clock))
        for one, tally in zip(good, listed, strict=True):
            await self._count(one, tally)

    async def _count(self, one: _Object, tally: "_Tally") -> None:
        self.report.adopted += bool(tally.listed)
        self.report.recordings += tally.listed
        self.report.bytes += tally.bytes
        self.report.renumbered += tally.renumbered
        if tally.strange:
            self.report.note(one.path, f"{tally.strange} recordings overlap footage that is listed")
        elif not tally.listed:
            await self._double(one, tally.same)

    async def _double(self, one: _Object, same: Sequence[Recording]) -> None:
        """All of an object is listed elsewhere: it may go, when what is there is the same, byte for byte."""
        try:
            await asyncio.to_thread(self._compare, one, same)
        except HaechiError as error:
            self.report.note(one.path, f"is listed elsewhere, where it cannot be read: {error.message}")
            return
        self.report.doubles += 1
        if not self._is_dry:
            gone = Doomed(self._place.id, one.path)
            await self._database.write(lambda c: ledger.condemn(c, [gone], self._clock.wall_ns()))

    def _compare(self, one: _Object, same: Sequence[Recording]) -> None:
        wanted = {(row.first_seq, row.units, row.digest) for piece in one.pieces for row in rows_of(piece.packed)}
        for recording in same:
            for piece in self._database.read_now(partial(fragments_in, ids=[recording.id])):
                verify(self._vault.read(recording, piece.offset_bytes, piece.size_bytes), piece.digest)
                wanted.discard((piece.first_seq, piece.units, piece.digest))
        if wanted:
            raise DataLoss("what is listed there is not the same", code="fragment-hash")

    async def _read(self, path: str, size: int) -> _Object | None:
        """What an object says of itself; None: it says nothing that can be listed, which is noted."""
        try:
            tail = await self._place.fetch(path, max(size - TAIL_BYTES, 0), min(size, TAIL_BYTES))
            if len(tail) < (wanted := min(reach(tail), size)):
                tail = await self._place.fetch(path, size - wanted, wanted)
            found = decode(tail, size)
            if found is None or (found.manifest.path, found.manifest.volume) != (path, self._place.id):
                reason = "says nothing of itself" if found is None else "was made to lie elsewhere"
                self.report.note(path, reason)
                return None
            stream = found.manifest.stream
            pieces = tuple(self._opened(stream, one) for one in found.manifest.recordings)
        except DataLoss as error:
            self.report.note(path, error.message)
            return None
        except Unavailable as error:
            if error.code != "key-missing":
                raise
            self.report.note(path, error.message)
            return None
        return _Object(path, size, found, pieces)

    def _opened(self, stream: StreamId, entry: Entry) -> _Piece:
        """The layout of a recording, when it is what the entry says."""
        packed = entry.layout
        if entry.seal is not None:
            packed = self._keys.open(entry.seal).open_aside(entry.layout, entry.about)
        rows = rows_of(packed)
        if not rows or not _fits(entry, rows):
            raise DataLoss("what an object says of itself is damaged", code="manifest-damaged", stream=stream)
        return _Piece(entry, packed)


class _Tally(Struct):
    """What came of one object.

    Attributes:
        listed, bytes, renumbered: Recordings that are read from it now.
        same: Those that are listed elsewhere with all that the object has of them.
        strange: Recordings that overlap others.
    """

    listed: int = 0
    bytes: int = 0
    renumbered: int = 0
    same: list[Recording] = []
    strange: int = 0


def _fits(entry: Entry, rows: Sequence[FragmentRow]) -> bool:
    first, last = rows[0], rows[-1]
    bytes_fit = first.offset_bytes >= entry.init_bytes and last.offset_bytes + last.size_bytes <= entry.size_bytes
    units_fit = first.first_seq >= entry.first_seq and last.first_seq + last.units - 1 <= entry.last_seq
    return bytes_fit and units_fit and entry.start_ns <= first.first_ns and last.last_ns < entry.end_ns


def _sort(connection: Connection, one: _Object) -> tuple[list[_Piece], _Tally]:
    """Which of an object's recordings are to be listed."""
    free: list[_Piece] = []
    tally = _Tally(same=[])
    for piece in one.pieces:
        entry = piece.entry
        others = recordings_between(connection, one.stream, entry.start_ns, entry.end_ns)
        same = [other for other in others if _holds(other, entry)]
        if not others:
            free.append(piece)
        elif len(same) == len(others) == 1:
            tally.same += same
        else:
            tally.strange += 1
    tally.listed, tally.bytes = len(free), sum(piece.entry.size_bytes for piece in free)
    return free, tally


def _holds(other: Recording, entry: Entry) -> bool:
    units = other.first_seq <= entry.first_seq and entry.last_seq <= other.last_seq
    return other.run == entry.run and units


def _would_list(connection: Connection, found: Sequence[_Object]) -> list[_Tally]:
    return [_sort(connection, one)[1] for one in found]


def _list(connection: Connection, volume: str, found: Sequence[_Object], clock: Clock) -> list[_Tally]:
    """List recordings of objects, in one transaction."""
    tallies: list[_Tally] = []
    for one in found:
        free, tally = _sort(connection, one)
        for piece in free:
            tally.renumbered += _insert(connection, volume, one, piece)
        if free:
            row: dict[str, object] = {"volume": volume, "path": one.path, "stream": one.stream, "state": ledger.LISTED}
            row |= {"size_bytes": one.size_bytes, "sha256": one.found.digest, "since_ns": clock.wall_ns()}
            connection.execute(objects.insert().values(row))
            mend.fill_holes(connection, one.stream, free[0].entry.start_ns, free[-1].entry.end_ns)
        tallies.append(tally)
    return tallies


def _insert(connection: Connection, volume: str, one: _Object, piece: _Piece) -> bool:
    """List one recording, with the number that it had. True: another one has it by now."""
    entry = piece.entry
    values = {name: getattr(entry, name) for name in _SAME}
    values |= {"volume": volume, "stream": one.stream, "is_open": False}
    values["path"] = packed_path(one.path, entry.base_bytes)
    mend.trim_gaps(connection, one.stream, entry.start_ns, entry.end_ns)
    taken = connection.execute(sa.select(recordings.c.id).where(recordings.c.id == entry.id)).first() is not None
    if not taken and entry.id:
        values["id"] = entry.id
    key = connection.execute(recordings.insert().values(values)).inserted_primary_key
    assert key is not None
    connection.execute(layouts.insert().values(recording=RecordingId(int(key[0])), pieces=piece.packed))
    return taken


_SAME = tuple(name for name in Entry.__struct_fields__ if name not in ("id", "layout"))


def _end_gaps(connection: Connection) -> None:
    """Of streams that are not being written, nothing more was recorded; numbers go on after the highest."""
    open_ones = set(connection.execute(sa.select(recordings.c.stream).where(recordings.c.is_open)).scalars())
    for stream in days.streams_of(connection):
        if stream not in open_ones:
            open_gap(connection, GapOpened(stream, 0, GapCause.CRASHED))
    if connection.dialect.name == "postgresql":
        highest = "SELECT setval(pg_get_serial_sequence('recordings', 'id'), max(id)) FROM recordings"
        connection.execute(sa.text(highest))
