"""What becomes a file or an object, byte for byte: recordings in a row, each compared with the index as it is read."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import sqlalchemy as sa
from msgspec import structs

from haechi.base.errors import DataLoss
from haechi.media.fmp4.reader import verify
from haechi.record.disk.keys import KeyRing
from haechi.record.disk.seal import sealed_bytes
from haechi.record.index.spans import Recording, fragments_in
from haechi.record.tables import layouts
from haechi.record.tiers.ledger import Item, Job
from haechi.record.tiers.manifest import Entry, Manifest, decode, encode, reach
from haechi.record.tiers.places import Place
from haechi.record.tiers.vault import Vault
from haechi.store.database import Database

PIECE_BYTES = 8 * 1024 * 1024


class Parcel:
    """The content of one job, read once.

    Attributes:
        size_bytes: Of what was read so far; all of it once `chunks` has ended.
        digest: Tells of all bytes then: the hash of the manifest, or of the bytes where there is none.
    """

    def __init__(self, job: Job, vault: Vault, database: Database, keys: KeyRing | None) -> None:
        self._job = job
        self._vault = vault
        self._database = database
        self._keys = keys
        self.size_bytes = 0
        self.digest = b""

    async def chunks(self, *, is_object: bool) -> AsyncIterator[bytes]:
        """All bytes in order; an object ends with its manifest.

        Raises:
            DataLoss: A source is gone, or damaged.
        """
        hashed = hashlib.sha256()
        for item in self._job.items:
            for step in await asyncio.to_thread(self._source, item):
                if data := await asyncio.to_thread(step):
                    hashed.update(data)
                    self.size_bytes += len(data)
                    yield data
        self.digest = hashed.digest()
        if is_object:
            manifest = await asyncio.to_thread(self._manifest, self.size_bytes, self.digest)
            text, self.digest = encode(manifest)
            self.size_bytes += len(text)
            yield text

    def _manifest(self, body_bytes: int, body_sha256: bytes) -> Manifest:
        job, entries = self._job, tuple(map(self._entry, self._job.items))
        return Manifest(job.volume, job.path, job.items[0].recording.stream, body_bytes, body_sha256, entries)

    def _entry(self, item: Item) -> Entry:
        one = item.recording
        packed = self._layout(one)
        seal = item.seal or one.seal
        times = (one.start_ns, one.end_ns, one.first_seq, one.last_seq)
        sizes = (one.init_bytes, one.size_bytes, item.base_bytes)
        entry = Entry(one.id, one.run, one.params, *times, *sizes, packed, seal, one.edge_run, one.edge_seq)
        if seal is None or self._keys is None:
            return entry
        return structs.replace(entry, layout=self._keys.open(seal, one.id).seal_aside(packed, entry.about))

    def _layout(self, recording: Recording) -> bytes:
        query = sa.select(layouts.c.pieces).where(layouts.c.recording == recording.id)
        packed = self._database.read_now(lambda c: c.execute(query).scalar())
        if packed is None:
            raise DataLoss("the recording was deleted meanwhile", code="recording-missing", recording=recording.id)
        return bytes(packed)

    def _source(self, item: Item) -> list[Callable[[], bytes]]:
        """The steps in which a recording is read; each is compared with the index before it is passed on."""
        recording = item.recording
        listed = self._database.read_now(lambda c: fragments_in(c, [recording.id]))
        digests = {piece.number: piece.digest for piece in listed}
        blocks = self._vault.blocks(recording)
        if item.seal is not None and self._keys is not None:
            key, seal = self._keys.open(item.seal, recording.id), item.seal
            steps: list[Callable[[], bytes]] = [lambda: seal]
            for block in blocks:
                read = partial(self._piece, recording, block.offset, block.size, digests.get(block.number))
                steps.append(partial(_sealing, key.seal, block.number, read))
            return steps
        if recording.seal is not None:
            total = sealed_bytes(blocks)
            checked = [
                partial(_only_checked, partial(self._piece, recording, block.offset, block.size, digests[block.number]))
                for block in blocks
                if block.number in digests
            ]
            copied = [
                partial(self._vault.stored, recording, at, min(PIECE_BYTES, total - at))
                for at in range(0, total, PIECE_BYTES)
            ]
            return [*checked, *copied]
        return [
            partial(self._piece, recording, block.offset, block.size, digests.get(block.number)) for block in blocks
        ]

    def _piece(self, recording: Recording, offset: int, size: int, digest: bytes | None) -> bytes:
        data = self._vault.read(recording, offset, size)
        if digest is not None:
            try:
                verify(data, digest)
            except DataLoss as error:
                raise DataLoss(error.message, code=error.code, recording=recording.id) from error
        return data


async def digest_in(place: Place, path: str, size: int) -> tuple[bytes, int]:
    """What tells of all bytes of a file or an object, as they lie there, and how many requests it took to read them.

    The hash of the manifest, if all that it says of the bytes before it is true; without one, that of all bytes.

    Raises:
        DataLoss: It is shorter than ``size``.
    """
    last = min(size, PIECE_BYTES)
    tail = await place.fetch(path, size - last, last)
    try:
        found = decode(tail, size)
    except DataLoss:
        found = None
    hashed, requests = hashlib.sha256(), 1
    for offset in range(0, size - last, PIECE_BYTES):
        data = await place.fetch(path, offset, min(PIECE_BYTES, size - last - offset))
        await asyncio.to_thread(hashed.update, data)
        requests += 1
    await asyncio.to_thread(hashed.update, tail if found is None else tail[: last - reach(tail)])
    if found is None:
        return hashed.digest(), requests
    return found.digest if hashed.digest() == found.manifest.body_sha256 else b"", requests


def _sealing(seal: Callable[[int, bytes], bytes], number: int, read: Callable[[], bytes]) -> bytes:
    return seal(number, read())


def _only_checked(read: Callable[[], bytes]) -> bytes:
    """A sealed recording goes as it is; here it is made sure that it can be opened and is what was recorded."""
    read()
    return b""
