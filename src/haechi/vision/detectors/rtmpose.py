"""RTMPose-s: the joints of a person in a box (top-down, SimCC, 26 Halpe points; the first 17 are COCO's: nose, eyes,
ears, shoulders, elbows, wrists, hips, knees, ankles, left before right; then head, neck, hip, toes and heels)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.vision.detectors import DetectorSetup, config_hash
from haechi.vision.result import Detection
from haechi.vision.runtime import GraphSource, Pixels, open_runtime

POINTS = 26
WIDTH_PX, HEIGHT_PX = 192, 256
ROOM = 1.25
"""What is shown of the surroundings of a person, by the side of the box (as the network was trained)."""
_BINS_PER_PX = 2
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
"""RGB."""
Floats = NDArray[np.float32]
Joints = tuple[tuple[float, float, float], ...]
"""x, y and score of each point, in [0, 1] of the picture."""


class RtmPose:
    """A pass takes ``setup.batch`` people, of whichever pictures; the last one is filled up with black. One is right on
    a CPU: [measured] 15.8 ms for one, 15.2 ms for each of eight."""

    def __init__(self, setup: DetectorSetup) -> None:
        shape = (setup.batch, 3, HEIGHT_PX, WIDTH_PX)
        source = GraphSource(path=setup.file(".onnx"), shapes={"input": shape}, threads=setup.threads)
        self._runtime = open_runtime(setup.runtime, source)
        self._shape = shape
        facts = {"width": WIDTH_PX, "height": HEIGHT_PX, "room": ROOM}
        self.sha256 = config_hash(setup, f"{self._runtime.version} {setup.model_hash}", facts)

    def joints(self, people: Sequence[tuple[Pixels, Detection]]) -> list[Joints]:
        """The joints of each person in the picture with it."""
        found: list[Joints] = []
        batch = self._shape[0]
        for start in range(0, len(people), batch):
            group = people[start : start + batch]
            maps = [placed(person, picture.shape[1], picture.shape[0]) for picture, person in group]
            tensor = np.zeros(self._shape, np.float32)
            for row, (picture, _) in enumerate(group):
                crop = cv2.warpAffine(picture, maps[row], (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR)
                tensor[row] = ((crop[:, :, ::-1].astype(np.float32) - _MEAN) / _DEVIATION).transpose(2, 0, 1)
            across, down = self._runtime.run({"input": tensor})
            for row, (picture, _) in enumerate(group):
                found.append(_joints(across[row], down[row], maps[row], picture.shape[1], picture.shape[0]))
        return found


def placed(person: Detection, width_px: int, height_px: int) -> NDArray[np.float64]:
    """The affine map (2 x 3) from picture to crop, pixels: the box with its surroundings, in the network's shape."""
    w, h = person.w * width_px * ROOM, person.h * height_px * ROOM
    scale = min(WIDTH_PX / max(w, 1.0), HEIGHT_PX / max(h, 1.0))
    centre_x, centre_y = (person.x + person.w / 2) * width_px, (person.y + person.h / 2) * height_px
    return np.array(
        [[scale, 0.0, WIDTH_PX / 2 - scale * centre_x], [0.0, scale, HEIGHT_PX / 2 - scale * centre_y]], np.float64
    )


def simcc(across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Places (POINTS, 2) in the crop's pixels and scores (POINTS,), from scores of columns and rows, half pixels."""
    places: Floats = np.stack([across.argmax(1), down.argmax(1)], 1).astype(np.float32) / np.float32(_BINS_PER_PX)
    scores: Floats = np.minimum(across.max(1), down.max(1)).astype(np.float32)
    return places, scores


def _joints(across: Floats, down: Floats, to_crop: NDArray[np.float64], width_px: int, height_px: int) -> Joints:
    places, scores = simcc(across, down)
    scale, left, top = to_crop[0, 0], to_crop[0, 2], to_crop[1, 2]
    return tuple(
        (_share((x - left) / scale / width_px), _share((y - top) / scale / height_px), _share(score))
        for (x, y), score in zip(places, scores, strict=True)
    )


def _share(value: float) -> float:
    return float(min(1.0, max(0.0, value)))
