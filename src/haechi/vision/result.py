"""What the vision stage says about a frame."""

from __future__ import annotations

from msgspec import Struct

from haechi.media.access_unit import UnitRef


class Detection(Struct, frozen=True):
    """An object in one frame.

    Attributes:
        x, y, w, h: Its box: left, top, width and height in [0, 1] of the picture, from the top left.
        track: Number of the track that it belongs to, unique within the stream; None before tracking.
        points: Its joints (x, y, score), each in [0, 1] of the picture; none where nobody looked for them.
        embedding: What it looks like, as `haechi.vision.appearance.packed` writes it; empty where nobody looked.
        by: Which module of others saw it, a little earlier; empty: the house itself, in this frame.
    """

    label: str
    score: float
    x: float
    y: float
    w: float
    h: float
    track: int | None = None
    points: tuple[tuple[float, float, float], ...] = ()
    embedding: bytes = b""
    by: str = ""


class Score(Struct, frozen=True):
    """How far something holds over a stretch of time, as a module says.

    Attributes:
        name: What is scored, in the module's words.
        value: In [0, 1].
        t0_ns, t1_ns: From when to when, ns since 1970; the same where it is of one picture.
        reasons: Why, for people; most important first.
        refs: Units that show it.
        module: Which module said so; set by who runs it.
    """

    name: str
    value: float
    t0_ns: int
    t1_ns: int
    reasons: tuple[str, ...] = ()
    refs: tuple[UnitRef, ...] = ()
    module: str = ""

    def is_sound(self) -> bool:
        """As for `FrameResult`."""
        return (
            max(len(self.name), len(self.module)) <= MOST_LABEL
            and 0 <= self.value <= 1
            and 0 <= self.t0_ns <= self.t1_ns <= MOST_NS
            and len(self.reasons) <= MOST_REASONS
            and all(len(one) <= MOST_REASON for one in self.reasons)
            and len(self.refs) <= MOST_REFS
        )


class Step(Struct, frozen=True, array_like=True):
    """What was done with a frame besides detecting: by which module, and the SHA-256 (hex) of all that decides it."""

    module: str
    sha256: str


MOST_DETECTIONS = 1000
MOST_LABEL = 40
MOST_POINTS = 133
"""Of one object: a whole body with hands and face has no more."""
MOST_EMBEDDING_BYTES = 4096
MOST_SCORES = 64
MOST_REASONS = 16
MOST_REASON = 200
MOST_REFS = 256
MOST_STEPS = 16
MOST_NS = (1 << 63) - 1
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
        scores: What modules say of the time up to this frame.
        steps: What was done with the frame after detecting, in order.
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
    scores: tuple[Score, ...] = ()
    steps: tuple[Step, ...] = ()

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
            and len(self.scores) <= MOST_SCORES
            and all(score.is_sound() for score in self.scores)
            and len(self.steps) <= MOST_STEPS
            and all(len(one.module) <= MOST_LABEL and len(one.sha256) <= _HASH_CHARACTERS for one in self.steps)
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
    return (
        found.track is None
        and not found.by
        and len(found.label) <= MOST_LABEL
        and all(0 <= number <= 1 for number in numbers)
        and len(found.points) <= MOST_POINTS
        and all(0 <= number <= 1 for point in found.points for number in point)
        and len(found.embedding) <= MOST_EMBEDDING_BYTES
    )
