"""What the vision stage says about a frame."""

from __future__ import annotations

from msgspec import Struct

from haechi.media.access_unit import UnitRef


class Detection(Struct, frozen=True):
    """An object in one frame.

    Attributes:
        x, y, w, h: Its box: left, top, width and height in [0, 1] of the picture, from the top left.
        track: Number of the track that it belongs to, unique within the stream; None before tracking.
    """

    label: str
    score: float
    x: float
    y: float
    w: float
    h: float
    track: int | None = None


MOST_DETECTIONS = 1000
MOST_LABEL = 40
MOST_SIDE_PX = 16_384
_HASH_CHARACTERS = 64
CELLS_BYTES = 72
"""32 x 18 bits: `haechi.vision.motion.MotionGate.cells`."""


class FrameResult(Struct, frozen=True):
    """Everything seen in one frame, and what it takes to see it again.

    Attributes:
        ref: The access unit that the frame was decoded from.
        width_px, height_px: Size of the decoded frame.
        motion: Share of the picture that moved, in [0, 1].
        model_hash, config_hash: Which weights, and everything else that decides the detections.
        unit_sha256: SHA-256 of the bytes of the unit as the decoder was given them (hex).
        gop_sha256: SHA-256 of the bytes of all units that the decoder was given from the sync unit to this one (hex).
        frame_sha256: SHA-256 of the decoded luma plane (hex): shows whether a decoder gave the same picture.
        sync_seq: ``seq`` of the sync unit at which the decoding of this frame began.
    """

    ref: UnitRef
    captured_ns: int
    detections: tuple[Detection, ...]
    width_px: int
    height_px: int
    motion: float
    model_hash: str
    config_hash: str
    unit_sha256: str
    gop_sha256: str
    frame_sha256: str
    sync_seq: int

    def is_sound(self) -> bool:
        """Whether all numbers are such as a worker may send: it is not trusted (CONTRACT S7)."""
        hashes = (self.model_hash, self.config_hash, self.unit_sha256, self.gop_sha256, self.frame_sha256)
        return (
            len(self.detections) <= MOST_DETECTIONS
            and all(len(one) <= _HASH_CHARACTERS for one in hashes)
            and 0 <= self.sync_seq <= self.ref.seq
            and 0 < self.width_px <= MOST_SIDE_PX
            and 0 < self.height_px <= MOST_SIDE_PX
            and 0 <= self.motion <= 1
            and all(_is_sound(found) for found in self.detections)
        )


class Moved(Struct, frozen=True):
    """How much of a frame moved, and where, whether or not the detector looked at it.

    Attributes:
        share: Share of the picture, in [0, 1].
        cells: As in `haechi.vision.motion.MotionGate.cells`; empty when nothing is known.
    """

    ref: UnitRef
    captured_ns: int
    share: float
    cells: bytes

    def is_sound(self) -> bool:
        """As for `FrameResult`."""
        return 0 <= self.share <= 1 and len(self.cells) in (0, CELLS_BYTES)


def _is_sound(found: Detection) -> bool:
    numbers = (found.score, found.x, found.y, found.w, found.h)
    return found.track is None and len(found.label) <= MOST_LABEL and all(0 <= number <= 1 for number in numbers)
