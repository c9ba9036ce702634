"""What the process that reads a webcam says to us: length-prefixed messages over one socket."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from haechi.base.errors import PeerError

LARGEST_BYTES = 32 * 1024 * 1024


class Plan(Struct, frozen=True):
    """What to open, handed over as JSON.

    Attributes:
        format, url: As libav names the device.
        options: For libav; made by us, never typed by anybody.
        width_px, height_px, fps: What our encoder makes of what is not coded; 0: as the camera has it.
    """

    format: str
    url: str
    options: dict[str, str]
    width_px: int = 0
    height_px: int = 0
    fps: int = 0
    kbps: int = 2000


class Opened(Struct, frozen=True, tag=True):
    """The device is open. ``codec``: ``h264`` or ``mjpeg``. ``encodes``: it is we who code."""

    codec: str
    encodes: bool


class Coded(Struct, frozen=True, tag=True):
    """One coded picture, at ``ticks`` of 90 kHz."""

    ticks: int
    data: bytes


class Failed(Struct, frozen=True, tag=True):
    """It is over, and why: a code, and what the system said."""

    code: str
    reason: str


Word = Opened | Coded | Failed
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Word)


def pack(word: Word) -> bytes:
    """A message with its length before it."""
    body = _encoder.encode(word)
    return len(body).to_bytes(4, "big") + body


class Words:
    """Messages out of a byte stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Word]:
        """Add bytes; give each message that they complete.

        Raises:
            PeerError: It is no message of ours (``webcam-malformed``).
        """
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > LARGEST_BYTES:
                raise PeerError("a picture of a webcam is too large", offset=0, code="webcam-malformed", bytes=size)
            if len(self._buffer) < 4 + size:
                return
            body = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            try:
                word: Word = _decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise PeerError(
                    "a word of a webcam's process makes no sense", offset=0, code="webcam-malformed"
                ) from error
            yield word
