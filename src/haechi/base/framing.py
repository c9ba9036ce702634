"""Messages on a socket between us and a process of ours: each after its length, 4 bytes, big-endian. Pure."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from haechi.base.errors import PeerError

MOST_BYTES = 64 * 1024 * 1024
"""Longest message: several GOPs of a 4K camera."""
_HEAD = 4
_Message_co = TypeVar("_Message_co", covariant=True)


class _Decoder(Protocol[_Message_co]):
    def decode(self, buf: bytes, /) -> _Message_co: ...


def framed(body: bytes) -> bytes:
    """A message, ready to be written."""
    return len(body).to_bytes(_HEAD, "big") + body


def said_by_process(decoder: _Decoder[_Message_co], body: bytes) -> _Message_co:
    """A message of a process of ours, which has read what strangers sent and is not trusted.

    Raises:
        PeerError: ``worker-message``: it is none.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PeerError("the worker sent nonsense", offset=0, code="worker-message", reason=str(error)[:200]) from error


class Unpacker:
    """Cuts a byte stream into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; gives the bodies completed by them.

        Raises:
            PeerError: ``worker-message``: a message is longer than `MOST_BYTES`.
        """
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _HEAD:
            size = int.from_bytes(self._buffer[start : start + _HEAD], "big")
            if size > MOST_BYTES:
                raise PeerError("a message is too long", offset=self._offset + start, code="worker-message")
            if len(self._buffer) - start - _HEAD < size:
                break
            bodies.append(bytes(self._buffer[start + _HEAD : start + _HEAD + size]))
            start += _HEAD + size
        del self._buffer[:start]
        self._offset += start
        return bodies
