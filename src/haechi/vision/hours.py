"""What moved in an hour of a stream, packed; pure.

A second in which something moved is one sample: the moment of its strongest picture, the share of it that moved, and
the cells that moved in any of its pictures. Beside the samples stands how many pictures were judged in each minute, so
that "nothing moved" can be told from "nobody looked".
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from haechi.base.errors import DataLoss
from haechi.vision.result import CELLS_BYTES

VERSION = 1
MINUTES = 60
SECONDS = 3600
MS_PER_S = 1000
LEVEL = 6
"""zlib's: higher ones gain 2 % here."""
_SAMPLE_BYTES = 4 + 1 + CELLS_BYTES
_HEAD_BYTES = MINUTES + 2
_BYTES_MOST = _HEAD_BYTES + SECONDS * _SAMPLE_BYTES


class Sample(Struct, frozen=True):
    """A second in which something moved.

    Attributes:
        at_ms: When most moved, within the hour.
        share: How much, 1 to 255 of the picture.
        cells: Cells that moved in the whole second; `MotionGate.cells`.
    """

    at_ms: int
    share: int
    cells: bytes

    def with_more(self, other: Sample) -> Sample:
        """Both in one: in the same second."""
        strongest = max(self, other, key=lambda one: one.share)
        cells = int.from_bytes(self.cells, "big") | int.from_bytes(other.cells, "big")
        return Sample(strongest.at_ms, strongest.share, cells.to_bytes(CELLS_BYTES, "big"))


class Hour(Struct):
    """An hour in the making.

    Attributes:
        judged: Pictures that were judged in each minute, 255 at most.
        samples: By second of the hour.
    """

    judged: bytearray = field(default_factory=lambda: bytearray(MINUTES))
    samples: dict[int, Sample] = field(default_factory=dict)

    def judge(self, at_ms: int) -> None:
        """A picture was looked at."""
        minute = at_ms // (60 * MS_PER_S)
        self.judged[minute] = min(self.judged[minute] + 1, 255)

    def add(self, sample: Sample) -> None:
        """Something moved."""
        second = sample.at_ms // MS_PER_S
        known = self.samples.get(second)
        self.samples[second] = sample if known is None else known.with_more(sample)

    def merge(self, other: Hour) -> None:
        """Take everything of another part of the same hour."""
        for minute, number in enumerate(other.judged):
            self.judged[minute] = min(self.judged[minute] + number, 255)
        for sample in other.samples.values():
            self.add(sample)


class Moves(Struct, frozen=True):
    """What a stored hour holds, as arrays of one row for each sample, in order.

    Attributes:
        judged: Shape (60,), uint8.
        at_ms: Within the hour; shape (n,), int64.
        share: Shape (n,), uint8, 1-255.
        cells: Bits as in `MotionGate.cells`; shape (n, 72), uint8.
    """

    judged: NDArray[np.uint8]
    at_ms: NDArray[np.int64]
    share: NDArray[np.uint8]
    cells: NDArray[np.uint8]


def pack(hour: Hour) -> bytes:
    """An hour as it is stored: columns, each row of cells as what differs from the row before, and all deflated."""
    ordered = [hour.samples[second] for second in sorted(hour.samples)]
    cells = np.frombuffer(b"".join(one.cells for one in ordered), np.uint8).reshape(-1, CELLS_BYTES)
    differing = cells.copy()
    differing[1:] ^= cells[:-1]
    payload = b"".join(
        (
            bytes(hour.judged),
            len(ordered).to_bytes(2, "big"),
            np.array([one.at_ms for one in ordered], ">u4").tobytes(),
            bytes(one.share for one in ordered),
            differing.tobytes(),
        )
    )
    return bytes([VERSION]) + zlib.compress(payload, LEVEL)


def unpack(body: bytes) -> Moves:
    """A stored hour.

    Raises:
        DataLoss: ``activity-damaged``.
    """
    payload = _inflated(body)
    count = int.from_bytes(payload[MINUTES:_HEAD_BYTES], "big")
    if len(payload) != _HEAD_BYTES + count * _SAMPLE_BYTES:
        raise _damaged("its length is wrong")
    at_ms = np.frombuffer(payload, ">u4", count, _HEAD_BYTES).astype(np.int64)
    if count and (np.any(np.diff(at_ms) < 0) or at_ms[-1] >= SECONDS * MS_PER_S):
        raise _damaged("its times are out of order")
    share = np.frombuffer(payload, np.uint8, count, _HEAD_BYTES + 4 * count)
    differing = np.frombuffer(payload, np.uint8, count * CELLS_BYTES, _HEAD_BYTES + 5 * count)
    cells = np.bitwise_xor.accumulate(differing.reshape(count, CELLS_BYTES), axis=0)
    return Moves(np.frombuffer(payload, np.uint8, MINUTES), at_ms, share, cells)


def hour_of(moves: Moves) -> Hour:
    """A stored hour, ready to be added to."""
    samples: Mapping[int, Sample] = {
        int(at_ms) // MS_PER_S: Sample(int(at_ms), int(share), cells.tobytes())
        for at_ms, share, cells in zip(moves.at_ms, moves.share, moves.cells, strict=True)
    }
    return Hour(bytearray(moves.judged.tobytes()), dict(samples))


def _inflated(body: bytes) -> bytes:
    if body[:1] != bytes([VERSION]):
        raise _damaged("its version is not known")
    machine = zlib.decompressobj()
    try:
        payload = machine.decompress(body[1:], _BYTES_MOST)
    except zlib.error as error:
        raise _damaged(str(error)) from error
    if not machine.eof or machine.unused_data or len(payload) < _HEAD_BYTES:
        raise _damaged("it is cut off, or longer than it may be")
    return payload


def _damaged(reason: str) -> DataLoss:
    return DataLoss("what moved in an hour cannot be read", code="activity-damaged", reason=reason)
