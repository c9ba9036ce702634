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
