"""Messages of the result socket: a header of 24 bytes, then a body. Documented in docs/ref/result-socket.md.

Big-endian: version (1 byte), type (1), flags (2), length of the body (4), stream (4), run (4), seq (8). A type that is
not known is skipped by its length, so that either side may learn new ones first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from struct import Struct as Layout

from msgspec import Struct

from haechi.base.errors import PeerError

VERSION = 1
_LAYOUT = Layout("!BBHIIIQ")
_unpack = _LAYOUT.unpack_from
HEAD_BYTES = _LAYOUT.size
MOST_BODY_BYTES = 64 * 1024
MOST_PACKETS_BYTES = 1024 * 1024
"""Of one message with RTP packets; a picture may be spread over several."""
MOST_STREAM, MOST_RUN, MOST_SEQ = 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


class Kind(IntEnum):
    """What a message is. From the client: ``HELLO``, ``ANNOUNCE``, ``PACKETS``, ``REQUEST``, ``END``."""

    HELLO = 1
    WELCOME = 2
    ANNOUNCE = 3
    ACCEPTED = 4
    PACKETS = 5
    REQUEST = 6
    GRANTED = 7
    RESULT = 8
    FLOW = 9
    ERROR = 10
    PING = 11
    PONG = 12
    END = 13
    ENDED = 14
    BYE = 15
    BOUND = 16


_KINDS = {int(kind): kind for kind in Kind}


class Frame(Struct, frozen=True, gc=False):
    """One message.

    Attributes:
        stream: Number of a stream, as the client gave it in ``ANNOUNCE``; 0: of the connection as a whole.
        run, seq: With ``stream`` the `UnitRef` that the message is about; 0 where it is about none.
    """

    kind: Kind
    body: bytes = b""
    stream: int = 0
    run: int = 0
    seq: int = 0
    flags: int = 0

    def serialise(self) -> bytes:
        """The message as it goes on the wire."""
        size = len(self.body)
        return _LAYOUT.pack(VERSION, self.kind, self.flags, size, self.stream, self.run, self.seq) + self.body


class Limits(Struct, frozen=True):
    """Longest bodies: of most types, and of some."""

    most: int = MOST_BODY_BYTES
    of: Mapping[int, int] = {}


STRANGER_LIMITS = Limits(2048, {})
"""Before the client has said who it is."""
SERVER_LIMITS = Limits(MOST_BODY_BYTES, {Kind.PACKETS: MOST_PACKETS_BYTES})
CLIENT_LIMITS = Limits(MOST_PACKETS_BYTES, {})


class Deframer:
    """Cuts a byte stream into messages, whatever its chunks.

    Attributes:
        limits: In force from the next message on.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._need = HEAD_BYTES
        self._skip = 0
        self._offset = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add ``data`` and yield each message completed by it, in order; iterate to the end.

        Raises:
            PeerError: ``push-version``, ``push-too-long``: the deframer is of no further use.
        """
        if not data:
            return
        if not self._held_bytes and not self._skip:
            self._judge_version(data[0], 0)
        elif not (data := self._with_held(data)):
            return
        position, total = 0, len(data)
        while True:
            if self._skip:
                step = min(self._skip, total - position)
                self._skip -= step
                position += step
            if total - position < HEAD_BYTES:
                self._need = HEAD_BYTES
                break
            version, kind, flags, size, stream, run, seq = _unpack(data, position)
            if version != VERSION or size > self.limits.most or kind in self.limits.of:
                self._judge(version, kind, size, position)
            known = _KINDS.get(kind)
            if known is None:
                self._skip, position = size, position + HEAD_BYTES
                continue
            end = position + HEAD_BYTES + size
            if end > total:
                self._need = HEAD_BYTES + size
                break
            frame = Frame(known, data[position + HEAD_BYTES : end], stream, run, seq, flags)
            position = end
            yield frame
        self._hold(data, position)

    def _with_held(self, data: bytes) -> bytes:
        """What is held and ``data``; nothing while they cannot complete a message."""
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self._need and not self._skip:
            return b""
        joined = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return joined

    def _hold(self, data: bytes, position: int) -> None:
        self._offset += position
        if position < len(data):
            self._held.append(data[position:])
            self._held_bytes = len(data) - position

    def _judge(self, version: int, kind: int, size: int, position: int) -> None:
        self._judge_version(version, position)
        limit = self.limits.of.get(kind, self.limits.most)
        if size > limit:
            message = "a message is longer than it may be"
            raise PeerError(message, offset=self._offset + position, code="push-too-long", bytes=size, limit=limit)

    def _judge_version(self, version: int, position: int) -> None:
        """Another protocol shows by its first byte, and may send no more than that until it is answered."""
        if version != VERSION:
            message = "this is not the result socket's protocol, or another version of it"
            raise PeerError(message, offset=self._offset + position, code="push-version", version=version)
