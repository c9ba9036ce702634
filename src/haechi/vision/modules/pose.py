"""The joints of each person: people by YOLOX, then RTMPose on each (top-down, SimCC, 26 Halpe points; the first 17 are
COCO's: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, left before right)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.base.errors import NotFound
from haechi.vision.detectors import DetectorSetup, open_detector
from haechi.vision.modules.contract import About
from haechi.vision.result import Detection
from haechi.vision.runtime import GraphSource, Pixels, open_runtime

POINTS = 26
WIDTH_PX, HEIGHT_PX = 192, 256
MOST_PEOPLE = 20
ROOM = 1.25
"""What is shown of the surroundings of a person, by the side of the box (as the network was trained)."""
_BINS_PER_PX = 2
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
"""RGB."""
Floats = NDArray[np.float32]


class Pose:
    """See the module.

    Args:
        models: A detector of people, and one of kind ``rtmpose``.
    """

    def __init__(self, models: Sequence[DetectorSetup]) -> None:
        people = next((one for one in models if one.kind != "rtmpose"), None)
        joints = next((one for one in models if one.kind == "rtmpose"), None)
        if people is None or joints is None:
            raise NotFound("pose needs a detector of people and RTMPose", code="model-missing")
        self._people = open_detector(people)
        self._joints = open_runtime(joints.runtime, GraphSource(path=joints.file(".onnx"), threads=joints.threads))
        self._judge(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8), [Detection("person", 1.0, 0.0, 0.0, 1.0, 1.0)])

    def __call__(self, picture: Pixels, about: About) -> Iterable[Mapping[str, Any]]:
        """The people in a picture, best first."""
        size = self._people.input_size(about.width_px, about.height_px)
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        (found,) = self._people.detect([small])
        people = [one for one in found if one.label == "person"][:MOST_PEOPLE]
        return self._judge(picture, people)

    def _judge(self, picture: Pixels, people: Sequence[Detection]) -> list[dict[str, Any]]:
        return [
            {
                "label": "person",
                "score": one.score,
                "box": (one.x, one.y, one.w, one.h),
                "points": self._one(picture, one),
            }
            for one in people
        ]

    def _one(self, picture: Pixels, person: Detection) -> list[tuple[float, float, float]]:
        height, width = picture.shape[:2]
        to_crop = placed(person, width, height)
        crop = cv2.warpAffine(picture, to_crop, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR)
        tensor = (crop[:, :, ::-1].astype(np.float32) - _MEAN) / _DEVIATION
        across, down = self._joints.run({"input": np.ascontiguousarray(tensor.transpose(2, 0, 1)[None])})
        places, scores = simcc(across[0], down[0])
        scale, left, top = to_crop[0, 0], to_crop[0, 2], to_crop[1, 2]
        return [
            (float((x - left) / scale / width), float((y - top) / scale / height), float(score))
            for (x, y), score in zip(places, scores, strict=True)
        ]


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
