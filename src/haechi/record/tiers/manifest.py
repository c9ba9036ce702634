"""What an object says of itself, at its end: its recordings, as the index has them. Pure.

So footage can be listed again from a store alone, by reading the last bytes of each object. Behind the recordings
stands the manifest (JSON), behind that its SHA-256, its length and a mark. The manifest holds the SHA-256 of all bytes
before it, so that its own tells of the whole object. The layout is in docs/design/tiers.md and is frozen.
"""

import hashlib
import struct
from itertools import pairwise

import msgspec
from msgspec import Struct

from haechi.base.errors import DataLoss
from haechi.base.ids import StreamId

MARK = b"HAECHIOB"
VERSION = 1
MANIFEST_MOST_BYTES = 4 * 1024 * 1024
ENTRIES_MOST = 1000
VALUE_MOST = (1 << 63) - 1
TEXT_MOST = 300
_FOOTER = struct.Struct(">32sIB3x8s")
FOOTER_BYTES = _FOOTER.size
TAIL_BYTES = 64 * 1024
"""So much of an object's end holds nearly every manifest."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """One recording in an object; fields as in the index, where nothing else is said.

    Attributes:
        layout: Where its fragments lie, packed; sealed with the recording's data key where that is sealed.
        seal: Header with the wrapped data key, as it was when the object was made.
        edge_run, edge_seq: Left out where the camera numbers nothing, as in objects of before there were such numbers.
    """

    id: int
    run: int
    params: int
    start_ns: int
    end_ns: int
    first_seq: int
    last_seq: int
    init_bytes: int
    size_bytes: int
    base_bytes: int
    layout: bytes
    seal: bytes | None = None
    edge_run: int | None = None
    edge_seq: int | None = None

    @property
    def about(self) -> bytes:
        """What a sealed layout is bound to: nobody without the key can change it."""
        numbers = (self.run, self.params, self.start_ns, self.end_ns, self.first_seq, self.last_seq)
        edge = () if self.edge_run is None else (self.edge_run, self.edge_seq)
        return repr((*numbers, self.init_bytes, self.size_bytes, *edge)).encode()


class Manifest(Struct, frozen=True):
    """One object.

    Attributes:
        volume, path: Where it was made to lie.
        body_bytes: What comes before the manifest,
        body_sha256: and its hash.
    """

    volume: str
    path: str
    stream: StreamId
    body_bytes: int
    body_sha256: bytes
    recordings: tuple[Entry, ...]


class Found(Struct, frozen=True):
    """A manifest at the end of an object, and its hash."""

    manifest: Manifest
    digest: bytes


def encode(manifest: Manifest) -> tuple[bytes, bytes]:
    """What stands behind the recordings, and the hash that tells of the whole object."""
    text = msgspec.json.encode(manifest)
    digest = hashlib.sha256(text).digest()
    return text + _FOOTER.pack(digest, len(text), VERSION, MARK), digest


def reach(tail: bytes) -> int:
    """How many bytes at the end of an object hold its manifest, by its last bytes; 0: it has none."""
    if len(tail) < FOOTER_BYTES or not tail.endswith(MARK):
        return 0
    return FOOTER_BYTES + min(int(_FOOTER.unpack(tail[-FOOTER_BYTES:])[1]), MANIFEST_MOST_BYTES)


def decode(tail: bytes, size_bytes: int) -> Found | None:
    """The manifest of an object of ``size_bytes`` that ends with ``tail``, which reaches far enough; None: it has none.

    Raises:
        DataLoss: ``manifest-damaged``.
    """
    if not reach(tail):
        return None
    digest, length, version, _ = _FOOTER.unpack(tail[-FOOTER_BYTES:])
    if version != VERSION or length > min(MANIFEST_MOST_BYTES, size_bytes - FOOTER_BYTES, len(tail) - FOOTER_BYTES):
        raise _damaged("of a newer version, or too long")
    text = tail[-FOOTER_BYTES - length : -FOOTER_BYTES]
    if hashlib.sha256(text).digest() != digest:
        raise _damaged("other bytes than were written")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged("not readable") from error
    _check(manifest, size_bytes - FOOTER_BYTES - length)
    return Found(manifest, digest)


def _check(manifest: Manifest, body_bytes: int) -> None:
    """Refuse what no index could list."""
    entries = manifest.recordings
    if manifest.body_bytes != body_bytes or len(manifest.body_sha256) != hashlib.sha256().digest_size:
        raise _damaged("it speaks of another object")
    if not 1 <= len(entries) <= ENTRIES_MOST or max(len(manifest.path), len(manifest.stream)) > TEXT_MOST:
        raise _damaged("out of bounds")
    for one in entries:
        spans = one.start_ns < one.end_ns and one.first_seq <= one.last_seq and 0 < one.init_bytes < one.size_bytes
        edge = (one.edge_run or 0, one.edge_seq or 0)
        numbers = (one.id, one.run, one.params, one.start_ns, one.first_seq, one.base_bytes, *edge)
        tops = (*numbers, one.end_ns, one.last_seq, one.init_bytes, one.size_bytes)
        if not spans or min(numbers) < 0 or max(tops) > VALUE_MOST or one.base_bytes + one.size_bytes > body_bytes:
            raise _damaged("a recording that cannot be")
    for before, after in pairwise(entries):
        if before.base_bytes + before.size_bytes > after.base_bytes or before.end_ns > after.start_ns:
            raise _damaged("recordings that overlap")


def _damaged(reason: str) -> DataLoss:
    return DataLoss("what an object says of itself is damaged", code="manifest-damaged", reason=reason)
