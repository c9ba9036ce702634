"""YOLOX-tiny (trained on Human-Art by OpenMMLab): people only, good for small ones and in crowds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from haechi.vision.detectors import DetectorSetup, DetectorSpec, config_hash
from haechi.vision.detectors.boxes import Floats, detections
from haechi.vision.result import Detection
from haechi.vision.runtime import GraphSource, Pixels, open_runtime

SIZE_PX = 416
PAD = 114
_PERSON = 0


class YoloX:
    """Keeps the shape of the picture, puts it to the top left of a grey square. Suppression is in the network, which
    fixes one picture per pass."""

    def __init__(self, setup: DetectorSetup) -> None:
        self._runtime = open_runtime(setup.runtime, GraphSource(path=setup.file(".onnx"), threads=setup.threads))
        self._min_score = setup.min_score
        self.spec = DetectorSpec(
            name=setup.name,
            version=setup.version,
            licence=setup.licence,
            runtime=self._runtime.version,
            model_hash=setup.model_hash,
            config_hash=config_hash(setup, self._runtime.version, {"size": SIZE_PX, "pad": PAD}),
            labels=("person",),
            size_px=SIZE_PX,
        )

    def input_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """The largest size of the same shape that fits the square."""
        scale = min(SIZE_PX / width_px, SIZE_PX / height_px)
        return max(1, int(width_px * scale)), max(1, int(height_px * scale))

    def detect(self, pictures: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """One pass for each picture."""
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Pixels) -> tuple[Detection, ...]:
        height, width = picture.shape[:2]
        square = np.full((SIZE_PX, SIZE_PX, 3), PAD, np.uint8)
        square[:height, :width] = picture
        tensor = np.ascontiguousarray(square.transpose(2, 0, 1)[None], dtype=np.float32)
        rows, labels = self._runtime.run({"input": tensor})
        found: Floats = rows[0][(labels[0] == _PERSON) & (rows[0][:, 4] >= self._min_score)]
        corners: Floats = np.divide(
            found[:, :4], np.array([width, height, width, height], np.float32), dtype=np.float32
        )
        return detections(corners, found[:, 4], ["person"] * len(found))
