"""PicoDet-S (PaddleDetection), 80 classes, as published for PaddlePaddle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from haechi.vision.detectors import DetectorSetup, DetectorSpec, config_hash
from haechi.vision.detectors.boxes import Floats, detections, suppress
from haechi.vision.detectors.labels import COCO
from haechi.vision.result import Detection
from haechi.vision.runtime import GraphSource, Pixels, open_runtime

SIZE_PX = 416
SUPPRESS_ABOVE = 0.6
MOST_CANDIDATES = 1000
MOST_DETECTIONS = 100
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_TABLE: Floats = ((np.arange(256, dtype=np.float32)[None] / np.float32(255)) - _MEAN[:, None]) / _DEVIATION[:, None]
"""What each of the 256 values of each channel (RGB) becomes."""
_BOXES, _SCORES = "tmp_17", "concat_4.tmp_0"
"""Inputs of the network's own suppression. It is left out: it would give a different number of rows for each picture,
and ours takes microseconds."""


class PicoDet:
    """Squashes the picture to 416 x 416. The second input, ``scale_factor``, is one: boxes come in input pixels."""

    def __init__(self, setup: DetectorSetup) -> None:
        source = GraphSource(
            path=setup.file(".pdmodel"),
            outputs=(_BOXES, _SCORES),
            shapes={"image": (setup.batch, 3, SIZE_PX, SIZE_PX), "scale_factor": (1, 2)},
            threads=setup.threads,
        )
        self._runtime = open_runtime(setup.runtime, source)
        self._batch = setup.batch
        self._min_score = setup.min_score
        facts = {"size": SIZE_PX, "suppress_above": SUPPRESS_ABOVE, "candidates": MOST_CANDIDATES}
        self.spec = DetectorSpec(
            name=setup.name,
            version=setup.version,
            licence=setup.licence,
            runtime=self._runtime.version,
            model_hash=setup.model_hash,
            config_hash=config_hash(setup, self._runtime.version, facts),
            labels=COCO,
            size_px=SIZE_PX,
        )

    def input_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Always the square."""
        return SIZE_PX, SIZE_PX

    def detect(self, pictures: Sequence[Pixels]) -> list[tuple[Detection, ...]]:
        """Passes of ``batch`` pictures; the last one is filled up with black."""
        found: list[tuple[Detection, ...]] = []
        for start in range(0, len(pictures), self._batch):
            group = pictures[start : start + self._batch]
            tensor = np.zeros((self._batch, 3, SIZE_PX, SIZE_PX), np.float32)
            for row, picture in enumerate(group):
                _fill(tensor[row], picture)
            boxes, scores = self._runtime.run({"image": tensor, "scale_factor": np.ones((1, 2), np.float32)})
            found.extend(self._read(boxes[row], scores[row]) for row in range(len(group)))
        return found

    def _read(self, boxes: Floats, scores: Floats) -> tuple[Detection, ...]:
        """One picture: ``boxes`` (3598, 4) in input pixels, ``scores`` (80, 3598)."""
        classes, places = np.nonzero(scores >= self._min_score)
        values = scores[classes, places]
        order = np.argsort(-values, kind="stable")[:MOST_CANDIDATES]
        classes, places, values = classes[order], places[order], values[order]
        corners = boxes[places] / np.float32(SIZE_PX)
        apart = corners + classes[:, None].astype(np.float32) * 4  # boxes of different classes never overlap
        kept = suppress(apart, values, SUPPRESS_ABOVE)[:MOST_DETECTIONS]
        return detections(corners[kept], values[kept], [COCO[index] for index in classes[kept]])


def _fill(tensor: Floats, picture: Pixels) -> None:
    """(416, 416, 3) BGR 0-255 into (3, 416, 416) RGB, normalised as the network was trained, by table."""
    for channel in range(3):
        np.take(_TABLE[channel], picture[:, :, 2 - channel], out=tensor[channel], mode="clip")
