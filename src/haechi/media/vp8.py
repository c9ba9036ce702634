"""The head of a VP8 frame (RFC 6386 section 9.1): whether decoding can begin there, and how large the picture is."""

from __future__ import annotations

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, VideoParams

_START_CODE = b"\x9d\x01\x2a"
_HEAD_BYTES = 10
_SIZE_BITS = 0x3FFF
LEVEL = 10
"""VP8 knows no levels; what reads names of codecs wants a number (VP Codec ISO Media File Format Binding)."""


def is_key_frame(frame: bytes) -> bool:
    """Whether decoding can begin with this frame."""
    return bool(frame) and not frame[0] & 1


def parse_key_frame(frame: bytes) -> VideoParams:
    """What a key frame says of the pictures from it on.

    Raises:
        PeerError: ``vp8-malformed``.
    """
    if len(frame) < _HEAD_BYTES or not is_key_frame(frame) or frame[3:6] != _START_CODE:
        raise PeerError("not a VP8 key frame", offset=0, code="vp8-malformed")
    width = int.from_bytes(frame[6:8], "little") & _SIZE_BITS
    height = int.from_bytes(frame[8:10], "little") & _SIZE_BITS
    profile = frame[0] >> 1 & 7
    if not width or not height or profile > 3:
        raise PeerError("a VP8 key frame without a size, or of an unknown profile", offset=6, code="vp8-malformed")
    return VideoParams(Codec.VP8, width, height, (), f"vp08.{profile:02}.{LEVEL}.08")
