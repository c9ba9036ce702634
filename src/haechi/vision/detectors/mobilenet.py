"""MobileNetV3-small (torchvision, trained on ImageNet): what a thing in a box looks like, as 576 numbers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from haechi.vision.appearance import Floats, packed
from haechi.vision.detectors import DetectorSetup, config_hash
from haechi.vision.result import Detection
from haechi.vision.runtime import GraphSource, Pixels, open_runtime

SIZE_PX = 224
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
"""RGB."""
_INPUT = "input"


class MobileNet:
    """A pass takes ``setup.batch`` things, of whichever pictures; the last one is filled up with black. One is right on
    a CPU: [measured] 1.7 ms for one, as for each of eight."""

    def __init__(self, setup: DetectorSetup) -> None:
        self._shape = (setup.batch, 3, SIZE_PX, SIZE_PX)
        source = GraphSource(path=setup.file(".onnx"), shapes={_INPUT: self._shape}, threads=setup.threads)
        self._runtime = open_runtime(setup.runtime, source)
        self.sha256 = config_hash(setup, f"{self._runtime.version} {setup.model_hash}", {"size": SIZE_PX})

    def embeddings(self, things: Sequence[tuple[Pixels, Detection]]) -> list[bytes]:
        """What each thing looks like in the picture with it, as `haechi.vision.appearance.packed` writes it."""
        found: list[bytes] = []
        batch = self._shape[0]
        for start in range(0, len(things), batch):
            group = things[start : start + batch]
            tensor = np.zeros(self._shape, np.float32)
            for row, (picture, thing) in enumerate(group):
                tensor[row] = _tensor(picture, thing)
            (vectors,) = self._runtime.run({_INPUT: tensor})
            found.extend(packed(vectors[row]) for row in range(len(group)))
        return found


def _tensor(picture: Pixels, thing: Detection) -> Floats:
    """The box, squashed to the network's square: (3, 224, 224) RGB."""
    height, width = picture.shape[:2]
    left, top = min(int(thing.x * width), width - 1), min(int(thing.y * height), height - 1)
    right = max(left + 1, min(width, round((thing.x + thing.w) * width)))
    bottom = max(top + 1, min(height, round((thing.y + thing.h) * height)))
    crop = cv2.resize(picture[top:bottom, left:right], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    tensor: Floats = ((crop[:, :, ::-1].astype(np.float32) - _MEAN) / _DEVIATION).transpose(2, 0, 1)
    return tensor
