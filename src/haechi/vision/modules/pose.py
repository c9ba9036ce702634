"""The joints of each person, for clients of the result socket: people by a detector, then RTMPose on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from haechi.base.errors import NotFound
from haechi.vision.detectors import DetectorSetup, open_detector
from haechi.vision.detectors.rtmpose import HEIGHT_PX, WIDTH_PX, RtmPose
from haechi.vision.modules.contract import About
from haechi.vision.result import Detection
from haechi.vision.runtime import Pixels

MOST_PEOPLE = 20


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
        self._joints = RtmPose(joints)
        self._judge(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8), [Detection("person", 1.0, 0.0, 0.0, 1.0, 1.0)])

    def __call__(self, picture: Pixels, about: About) -> Iterable[Mapping[str, Any]]:
        """The people in a picture, best first."""
        size = self._people.input_size(about.width_px, about.height_px)
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        (found,) = self._people.detect([small])
        people = [one for one in found if one.label == "person"][:MOST_PEOPLE]
        return self._judge(picture, people)

    def _judge(self, picture: Pixels, people: Sequence[Detection]) -> list[dict[str, Any]]:
        joints = self._joints.joints([(picture, one) for one in people])
        return [
            {"label": "person", "score": one.score, "box": (one.x, one.y, one.w, one.h), "points": points}
            for one, points in zip(people, joints, strict=True)
        ]
