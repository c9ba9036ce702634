"""Several detectors as one: each looks at the same frame in the size that it wants, and what they find is merged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from msgspec import structs

from haechi.vision.detectors import Detector, DetectorSpec
from haechi.vision.detectors.boxes import overlap
from haechi.vision.result import Detection
from haechi.vision.runtime import Pixels

SAME_ABOVE = 0.5
"""Overlap beyond which what two detectors found with the same label is one thing. Each has suppressed its own."""
Views = tuple[Pixels, ...]
"""A frame as each detector wants it."""


class Together:
    """One or more detectors. Of one alone, what it finds and its hashes are its own."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)
        self.spec = merged_spec([one.spec for one in detectors])

    def views(self, scaled: Callable[[int, int], Pixels], width_px: int, height_px: int) -> Views:
        """What `detect` wants of a frame of this size, of which ``scaled`` gives a picture in another."""
        sizes = [one.input_size(width_px, height_px) for one in self._detectors]
        made = {size: scaled(*size) for size in dict.fromkeys(sizes)}
        return tuple(made[size] for size in sizes)

    def detect(self, frames: Sequence[Views]) -> list[tuple[Detection, ...]]:
        """The objects in each frame, best first."""
        found = [one.detect([views[row] for views in frames]) for row, one in enumerate(self._detectors)]
        if len(found) == 1:
            return found[0]
        return [merged([answers[number] for answers in found]) for number in range(len(frames))]


def merged(found: Sequence[Sequence[Detection]]) -> tuple[Detection, ...]:
    """What several detectors found in one frame, each thing once, best first; of equal ones the first detector's.

    Two boxes are one thing when they have the same label, come of different detectors, and overlap by more than
    `SAME_ABOVE`: the better one stays.
    """
    every = [(one, source) for source, detections in enumerate(found) for one in detections]
    every.sort(key=lambda pair: -pair[0].score)
    kept: list[tuple[Detection, int]] = []
    for one, source in every:
        others = [other for other, theirs in kept if theirs != source and other.label == one.label]
        if not others or float(overlap(_corners(one), np.stack([_corners(other) for other in others])).max()) <= (
            SAME_ABOVE
        ):
            kept.append((one, source))
    return tuple(one for one, _ in kept)


def merged_spec(specs: Sequence[DetectorSpec]) -> DetectorSpec:
    """What several detectors are together: one configuration, hashed over all of them and how they are merged."""
    if len(specs) == 1:
        return specs[0]
    labels = dict.fromkeys(label for spec in specs for label in spec.labels)
    return structs.replace(
        specs[0],
        name="+".join(spec.name for spec in specs),
        version="+".join(spec.version for spec in specs),
        licence=" AND ".join(dict.fromkeys(spec.licence for spec in specs)),
        model_hash=_hash([spec.model_hash for spec in specs]),
        config_hash=_hash([*(spec.config_hash for spec in specs), f"same above {SAME_ABOVE}"]),
        labels=tuple(labels),
    )


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _corners(one: Detection) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([one.x, one.y, one.x + one.w, one.y + one.h], np.float32)
