"""Footage at rest that nobody reads without the key: AES-256-GCM, one data key for each recording. Pure.

A sealed recording is a header, then one block for each unit of writing: the init segment is block 0, the fragment with
number n is block n. So where a fragment lies follows from its number and its place in the plain recording, and any
range is read by opening the few blocks that it touches. The layout is in docs/design/tiers.md and is frozen.
"""

import hmac
import secrets
import struct
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from haechi.base.errors import DataLoss, Invalid
from haechi.base.ids import StreamId

MAGIC = b"HAECHISL"
VERSION = 1
HEADER_BYTES = 192
KEY_BYTES = 32
KEY_ID_BYTES = 16
TAG_BYTES = 16
BLOCK_EXTRA_BYTES = 4 + TAG_BYTES
"""What a block is longer than what it holds: its length in front, its authentication tag behind."""
MAX_BLOCK_BYTES = 1 << 30
MAX_BLOCKS = 1 << 32
MAX_FRAGMENTS = 1 << 17
STREAM_MOST_BYTES = 80

_WRAPPED_BYTES = 12 + KEY_BYTES + TAG_BYTES
_FIXED = struct.Struct(f">8sB3x{KEY_ID_BYTES}s{_WRAPPED_BYTES}sB")
_LENGTH = struct.Struct(">I")


Unlisted = Callable[[int], int]
"""How many plain bytes the block holds that begins at an offset of the sealed recording."""


class Header(Struct, frozen=True):
    """What stands before the blocks, and in the index row of the recording.

    Attributes:
        key_id: Which key of the ring the data key is wrapped with.
        wrapped: Nonce, wrapped data key and tag.
    """

    key_id: str
    wrapped: bytes
    stream: StreamId

    def encode(self) -> bytes:
        """The header's 192 bytes."""
        stream = self.stream.encode()
        if len(stream) > STREAM_MOST_BYTES or len(self.wrapped) != _WRAPPED_BYTES:
            raise Invalid("the stream's name is too long to be sealed", code="bad-stream-name", stream=self.stream)
        fixed = _FIXED.pack(MAGIC, VERSION, self.key_id.encode().ljust(KEY_ID_BYTES, b"\0"), self.wrapped, len(stream))
        return (fixed + stream).ljust(HEADER_BYTES, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> "Header":
        """Read a header; ``data`` may go on behind it.

        Raises:
            DataLoss: ``seal-broken``: this is none.
        """
        try:
            magic, version, key_id, wrapped, length = _FIXED.unpack_from(data)
            end = _FIXED.size + length
            stream = bytes(data[_FIXED.size : end]).decode()
            found = cls(key_id.rstrip(b"\0").decode("ascii"), wrapped, StreamId(stream))
        except (struct.error, UnicodeDecodeError) as error:
            raise _broken("the header of a sealed recording is damaged") from error
        if magic != MAGIC or version != VERSION or length > STREAM_MOST_BYTES:
            raise _broken("not a sealed recording, or of a newer version")
        if found.encode() != bytes(data[:HEADER_BYTES]):
            raise _broken("the header of a sealed recording is damaged")
        return found


class DataKey:
    """The key of one recording. Each block number is sealed once: the number is the nonce."""

    def __init__(self, key: bytes, stream: StreamId) -> None:
        self._cipher = AESGCM(key)
        self._bound = MAGIC + stream.encode()
        self._aside = hmac.digest(key, b"nonces of what is kept aside", "sha256")

    def seal(self, number: int, plain: bytes) -> bytes:
        """Block ``number`` with its length in front and its tag behind."""
        _check(number, len(plain))
        return _LENGTH.pack(len(plain)) + self._cipher.encrypt(_nonce(number), plain, self._bound)

    def open(self, number: int, block: bytes) -> bytes:
        """What block ``number`` holds.

        Raises:
            DataLoss: ``seal-broken``: not a bit of it may differ.
        """
        if len(block) < BLOCK_EXTRA_BYTES or length_of(block) != len(block) - BLOCK_EXTRA_BYTES:
            raise _broken("a block of a sealed recording is damaged", block=number)
        try:
            return self._cipher.decrypt(_nonce(number), memoryview(block)[4:], self._bound)
        except InvalidTag as error:
            raise _broken("a block of a sealed recording is damaged", block=number) from error

    def seal_aside(self, plain: bytes, about: bytes) -> bytes:
        """Something on the recording that is kept outside of it, bound to ``about``. Its nonce follows from both: the
        same gives the same bytes again, nothing else has its nonce, and no block has (theirs begin with zeros)."""
        said = len(about).to_bytes(8, "big") + about + plain
        nonce = b"\xff" + hmac.digest(self._aside, said, "sha256")[:11]
        return nonce + self._cipher.encrypt(nonce, plain, self._bound + about)

    def open_aside(self, sealed: bytes, about: bytes) -> bytes:
        """What `seal_aside` was given.

        Raises:
            DataLoss: ``seal-broken``: it, or what it is bound to, was changed.
        """
        if not sealed.startswith(b"\xff") or len(sealed) < 12 + TAG_BYTES:
            raise _broken("what belongs to a sealed recording is damaged")
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], self._bound + about)
        except InvalidTag as error:
            raise _broken("what belongs to a sealed recording is damaged") from error


class Block(Struct, frozen=True):
    """Where block ``number`` of a recording lies in the plain one."""

    number: int
    offset: int
    size: int

    @property
    def sealed_offset(self) -> int:
        """Where it begins in the sealed recording."""
        return sealed_offset(self.number, self.offset)

    @property
    def sealed_size(self) -> int:
        return self.size + BLOCK_EXTRA_BYTES


def sealed_offset(number: int, offset: int) -> int:
    """Where block ``number``, which begins at ``offset`` of the plain recording, begins in the sealed one."""
    return HEADER_BYTES + offset + number * BLOCK_EXTRA_BYTES


def blocks_of(
    init_bytes: int, pieces: Sequence[tuple[int, int, int]], size_bytes: int, length_at: Unlisted | None = None
) -> list[Block]:
    """The blocks of a recording, without a hole from its first byte to ``size_bytes``.

    Args:
        pieces: Number, offset and size of each listed fragment, in order.
        length_at: How long a block is that holds a fragment which was taken off the list. Without it, the first of the
            missing numbers is to hold all that lies between, the others nothing: so such recordings are sealed.

    Raises:
        DataLoss: ``seal-broken``: the layout contradicts itself.
    """
    found = [Block(0, 0, init_bytes)]
    for number, offset, size in pieces:
        _fill(found, offset, length_at, number - found[-1].number - 1)
        last = found[-1]
        if number != last.number + 1 or offset != last.offset + last.size:
            raise _broken("the layout of a sealed recording contradicts itself", block=number)
        found.append(Block(number, offset, size))
    _fill(found, size_bytes, length_at, None)
    return found


def _fill(found: list[Block], until: int, length_at: Unlisted | None, count: int | None) -> None:
    """Blocks for what no list speaks of: ``count`` of them, or as many as there are."""
    while count or (count is None and found[-1].offset + found[-1].size < until):
        last = found[-1]
        number, offset = last.number + 1, last.offset + last.size
        size = until - offset
        if length_at is not None and size:
            size = length_at(sealed_offset(number, offset))
        if not 0 <= size <= until - offset:
            raise _broken("the layout of a sealed recording contradicts itself", block=number)
        found.append(Block(number, offset, size))
        count = count - 1 if count is not None else None
        if len(found) > MAX_FRAGMENTS:
            raise _broken("too many blocks in a sealed recording", block=number)


def sealed_bytes(blocks: Sequence[Block]) -> int:
    """Length of the sealed recording."""
    last = blocks[-1]
    return last.sealed_offset + last.sealed_size


def length_of(block: bytes) -> int:
    """How many plain bytes a block holds, by its first four bytes."""
    return int(_LENGTH.unpack_from(block)[0])


def new_data_key() -> bytes:
    """A fresh key for one recording."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(key_id: str, wrapping_key: bytes, data_key: bytes, stream: StreamId) -> bytes:
    """A header whose data key only the holder of ``wrapping_key`` can read."""
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(wrapping_key).encrypt(nonce, data_key, _wrap_bound(key_id, stream))
    return Header(key_id, nonce + sealed, stream).encode()


def unwrap(header: Header, wrapping_key: bytes) -> bytes:
    """The data key of a recording.

    Raises:
        DataLoss: ``seal-broken``.
    """
    bound = _wrap_bound(header.key_id, header.stream)
    try:
        return AESGCM(wrapping_key).decrypt(header.wrapped[:12], header.wrapped[12:], bound)
    except InvalidTag as error:
        raise _broken("the key of a sealed recording is damaged, or wrapped with another key") from error


def _check(number: int, size: int) -> None:
    if not 0 <= number < MAX_BLOCKS or size > MAX_BLOCK_BYTES:
        raise Invalid("a block out of bounds", code="seal-limit", block=number, size_bytes=size)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _wrap_bound(key_id: str, stream: StreamId) -> bytes:
    return b"|".join((MAGIC, key_id.encode(), stream.encode()))


def _broken(message: str, **context: int) -> DataLoss:
    return DataLoss(message, code="seal-broken", **context)
