"""What a thing looks like, in a few hundred bytes: written, read, and compared. Pure."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from haechi.base.errors import Invalid
from haechi.vision.result import MOST_EMBEDDING_BYTES

Floats = NDArray[np.float32]
_SCALE = struct.Struct("<f")
_LEVELS = 127
_MOST_SCALE = float(np.finfo(np.float32).max) / 128


def packed(vector: Floats) -> bytes:
    """A vector (N,) as 8-bit numbers after their common scale (little-endian 32-bit float): N + 4 bytes. A vector of
    zeros, or one that is not finite, is empty: it says nothing."""
    most = float(np.abs(vector).max(initial=0.0))
    if not np.isfinite(most) or most == 0:
        return b""
    scale = np.float32(most / _LEVELS)
    if scale == 0:
        return b""
    data: bytes = np.rint(vector / scale).astype(np.int8).tobytes()
    return _SCALE.pack(float(scale)) + data


def unpacked(data: bytes) -> Floats:
    """The vector, within half a step of its scale.

    Raises:
        Invalid: ``bad-embedding``.
    """
    if not _SCALE.size < len(data) <= MOST_EMBEDDING_BYTES:
        raise Invalid("an embedding has a scale and some numbers", code="bad-embedding", size_bytes=len(data))
    (scale,) = _SCALE.unpack_from(data)
    if not np.isfinite(scale) or scale <= 0:
        raise Invalid("the scale of an embedding is above 0", code="bad-embedding")
    if scale > _MOST_SCALE:
        raise Invalid("an embedding is of numbers that a float can hold", code="bad-embedding")
    return np.frombuffer(data, np.int8, offset=_SCALE.size).astype(np.float32) * np.float32(scale)


def likeness(one: bytes, other: bytes) -> float | None:
    """Cosine of the angle between two embeddings, -1 to 1; None where one is missing or of another kind."""
    if len(one) <= _SCALE.size or len(one) != len(other):
        return None
    a = np.frombuffer(one, np.int8, offset=_SCALE.size).astype(np.int64)
    b = np.frombuffer(other, np.int8, offset=_SCALE.size).astype(np.int64)
    square = int(a @ a) * int(b @ b)
    return int(a @ b) / float(np.sqrt(square)) if square else None
