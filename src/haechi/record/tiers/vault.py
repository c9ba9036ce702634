"""The one way to read footage, wherever it lies and whether it is sealed or not. Offsets are those of the recording."""

import asyncio
import io
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import sqlalchemy as sa
from msgspec import Struct

from haechi.base.errors import DataLoss, Unavailable
from haechi.base.ids import RecordingId
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.seal import Block, DataKey, Unlisted, blocks_of, length_of, sealed_bytes
from haechi.record.disk.volume import Volume
from haechi.record.index.spans import Recording, fragments_in, recording_of
from haechi.record.tables import recordings, volumes
from haechi.record.tiers.chunks import Chunks
from haechi.record.tiers.places import Folder, Place
from haechi.store.database import Database

STREAM_BYTES = 512 * 1024
THREADS = 16
"""For streams from object stores only: one that hangs must not hold up what is read from disk."""
LAYOUTS_HELD = 256


class Sealed(Struct, frozen=True):
    """How to open a sealed recording."""

    key: DataKey
    blocks: tuple[Block, ...]


class Vault:
    """Reads recordings of all tiers. Blocking, except for `stream`; any thread may use it.

    Args:
        first: The volume that is recorded to.
        database: Tells which tier a volume is, and the layouts of sealed recordings.
    """

    def __init__(self, first: Volume, database: Database | None = None, keys: KeyRing | None = None) -> None:
        self._first = Folder(first)
        self._database = database
        self._keys = keys
        self._tiers: dict[str, Place] = {"": self._first}
        self._places: dict[str, Place] = {}
        self._chunks = Chunks()
        self._sealed: OrderedDict[tuple[RecordingId, int], Sealed] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tier-read")

    def add(self, place: Place, tier: str) -> None:
        """Read recordings of a tier from there, whether it is claimed yet or not: it may be down just now."""
        self._tiers[tier] = place
        self._places = {}

    def read(self, recording: Recording, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes.

        Raises:
            DataLoss: They are not there (any more), or the seal is broken.
            Unavailable: Their tier does not answer, or the key is not there.
        """
        if not 0 <= offset <= offset + size <= recording.size_bytes:
            raise DataLoss("the recording is shorter than it was", code="recording-truncated", recording=recording.id)
        if size == 0:
            return b""
        try:
            return self._read(recording, offset, size)
        except DataLoss as error:
            moved = self._moved(recording) if error.code == "recording-missing" else None
            if moved is None:
                raise _named(error, recording) from error
        return self._read(moved, offset, size)

    def open(self, recording: Recording) -> BinaryIO:
        """The recording as a file, from its first byte to its last listed one."""
        raw = _Raw(recording.size_bytes, partial(self.read, recording))
        return cast(BinaryIO, io.BufferedReader(raw, buffer_size=128 * 1024))

    async def stream(self, recording: Recording, start: int, end: int) -> AsyncGenerator[bytes]:
        """Bytes ``start`` to ``end`` (exclusive) in order; the next piece is read while one is sent."""
        loop = asyncio.get_running_loop()
        pool = None if self.local_path(recording) else self._threads
        steps = [(at, min(STREAM_BYTES, end - at)) for at in range(start, end, STREAM_BYTES)]
        ahead: asyncio.Future[bytes] | None = None
        try:
            for number, (at, size) in enumerate(steps):
                data = await (ahead or loop.run_in_executor(pool, self.read, recording, at, size))
                ahead = None
                if number + 1 < len(steps):
                    ahead = loop.run_in_executor(pool, self.read, recording, *steps[number + 1])
                yield data
        finally:
            if ahead is not None:
                ahead.add_done_callback(_drop)

    def local_path(self, recording: Recording) -> Path | None:
        """The file, where the recording is a plain one in a folder of this machine (and begins at its first byte)."""
        place = self._place(recording)
        if recording.seal is not None or recording.base_bytes or not isinstance(place, Folder):
            return None
        return place.volume.path_of(recording.path)

    def forget(self, recording: Recording) -> None:
        """What was read of it is wrong: read it again from where it lies."""
        self._chunks.forget(recording.path)
        with self._lock:
            self._sealed.pop((recording.id, recording.size_bytes), None)

    def blocks(self, recording: Recording) -> tuple[Block, ...]:
        """What a recording consists of, without a hole: its init segment, its fragments, and what is listed no more."""
        if recording.seal is not None:
            return self._how(recording).blocks
        try:
            return tuple(blocks_of(recording.init_bytes, self._pieces(recording), recording.size_bytes))
        except DataLoss as error:
            raise _named(error, recording) from error

    def stored(self, recording: Recording, offset: int, size: int) -> bytes:
        """Bytes as they lie there, sealed where they are; past what is held in memory."""
        try:
            return self._place(recording).read(recording.path, recording.base_bytes + offset, size)
        except DataLoss as error:
            raise _named(error, recording) from error

    def stored_bytes(self, recording: Recording) -> int:
        """How many bytes it takes where it lies; no key is needed to tell."""
        if recording.seal is None:
            return recording.size_bytes
        pieces = self._pieces(recording)
        return sealed_bytes(blocks_of(recording.init_bytes, pieces, recording.size_bytes, self._lengths(recording)))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, recording: Recording, offset: int, size: int) -> bytes:
        if recording.seal is None:
            return self._stored(recording, offset, size, recording.size_bytes)
        return self._opened(recording, offset, size)

    def _moved(self, recording: Recording) -> Recording | None:
        """Where a recording is now, when it was moved to another tier since the caller looked it up."""
        if self._database is None:
            return None
        query = sa.select(recordings).where(recordings.c.id == recording.id)
        row = self._database.read_now(lambda c: c.execute(query).first())
        now = recording_of(row) if row is not None else recording
        return now if (now.volume, now.path) != (recording.volume, recording.path) else None

    def _place(self, recording: Recording) -> Place:
        found = self._places.get(recording.volume)
        if found is None:
            found = self._tiers.get(self._tier_of(recording.volume))
            if found is None:
                message = "this footage is in a tier that is not in the settings any more"
                raise Unavailable(message, code="tier-unknown", recording=recording.id)
            self._places = {**self._places, recording.volume: found}
        return found

    def _tier_of(self, volume: str) -> str:
        """Name of the tier that a volume is; empty: the one that is recorded to."""
        if self._database is None:
            return ""
        query = sa.select(volumes.c.name).where(volumes.c.id == volume)
        return self._database.read_now(lambda c: c.execute(query).scalar()) or ""

    def _stored(self, recording: Recording, offset: int, size: int, total: int) -> bytes:
        """Bytes as they lie there: plain, or sealed."""
        place = self._place(recording)

        def fetch(at: int, length: int) -> bytes:
            return place.read(recording.path, recording.base_bytes + at, length)

        if isinstance(place, Folder):
            return fetch(offset, size)
        return self._chunks.read(recording.path, offset, size, total, fetch)

    def _opened(self, recording: Recording, offset: int, size: int) -> bytes:
        sealed = self._how(recording)
        total = sealed_bytes(sealed.blocks)
        wanted = [one for one in sealed.blocks if one.offset < offset + size and one.offset + one.size > offset]
        start, end = wanted[0].sealed_offset, wanted[-1].sealed_offset + wanted[-1].sealed_size
        data = self._stored(recording, start, end - start, total)
        plain = b"".join(
            sealed.key.open(one.number, data[one.sealed_offset - start : one.sealed_offset - start + one.sealed_size])
            for one in wanted
        )
        skip = offset - wanted[0].offset
        return plain[skip : skip + size]

    def _how(self, recording: Recording) -> Sealed:
        slot = recording.id, recording.size_bytes
        with self._lock:
            held = self._sealed.get(slot)
            if held is not None:
                self._sealed.move_to_end(slot)
                return held
        if self._keys is None or self._database is None or recording.seal is None:
            raise Unavailable("there is no key ring to open sealed footage with", code="key-missing")
        key = self._keys.open(recording.seal, recording.id)
        pieces = self._pieces(recording)
        blocks = blocks_of(recording.init_bytes, pieces, recording.size_bytes, self._lengths(recording))
        found = Sealed(key, tuple(blocks))
        with self._lock:
            self._sealed[slot] = found
            while len(self._sealed) > LAYOUTS_HELD:
                self._sealed.popitem(last=False)
        return found

    def _pieces(self, recording: Recording) -> list[tuple[int, int, int]]:
        if self._database is None:
            return []
        listed = self._database.read_now(lambda c: fragments_in(c, [recording.id]))
        return [(one.number, one.offset_bytes, one.size_bytes) for one in listed]

    def _lengths(self, recording: Recording) -> Unlisted:
        """How long a block is that no list speaks of: fragments that were damaged and taken off the list."""
        return lambda at: length_of(self._place(recording).read(recording.path, recording.base_bytes + at, 4))


class _Raw(io.RawIOBase):
    """A recording as a raw file."""

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read = read
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        start = (0, self._position, self._size)[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        size = max(0, min(len(buffer), self._size - self._position))
        buffer[:size] = self._read(self._position, size)
        self._position += size
        return size


def _named(error: DataLoss, recording: Recording) -> DataLoss:
    facts = {key: value for key, value in error.context.items() if key != "path"}
    return DataLoss(error.message, code=error.code, **facts | {"recording": recording.id})


def _drop(done: "asyncio.Future[bytes]") -> None:
    """Somebody stopped listening: what was read ahead for them is of no use, whatever became of it."""
    if not done.cancelled():
        done.exception()
