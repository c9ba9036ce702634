"""The joints of the people in a frame."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from haechi.vision.detectors.rtmpose import RtmPose
from haechi.vision.programme import POSE
from haechi.vision.result import Detection, Step
from haechi.vision.runtime import Pixels
from haechi.vision.steps.sight import Sight

LEAST_SCORE = 0.4
MOST_PEOPLE = 20
"""Per frame, the best ones: a crowd must not hold the other cameras up."""


class PoseStep:
    """People of all frames go through the network in one row."""

    name = POSE
    deadline_s = 1.0

    def __init__(self, network: RtmPose) -> None:
        self._network = network

    def wants(self, sight: Sight) -> bool:
        """All frames that are looked at."""
        return True

    def look(self, sights: Sequence[Sight]) -> str:
        """Gives each person their joints."""
        asked: list[tuple[Sight, int]] = []
        people: list[tuple[Pixels, Detection]] = []
        for sight in sights:
            for row in rows_of(sight.result.detections):
                picture = sight.picture()
                if picture is not None:
                    asked.append((sight, row))
                    people.append((picture, sight.result.detections[row]))
        points: dict[int, dict[int, Detection]] = {id(sight): {} for sight in sights}
        for (sight, row), joints in zip(asked, self._network.joints(people), strict=True):
            points[id(sight)][row] = structs.replace(sight.result.detections[row], points=joints)
        for sight in sights:
            found = points[id(sight)]
            after = [found.get(row, one) for row, one in enumerate(sight.result.detections)]
            sight.saw(after, Step(POSE, self._network.sha256))
        return ""

    def forget(self, key: str) -> None:
        """Nothing is kept."""


def rows_of(detections: Sequence[Detection]) -> list[int]:
    """The people whose joints are looked for."""
    rows = [n for n, one in enumerate(detections) if one.label == "person" and one.score >= LEAST_SCORE]
    return rows[:MOST_PEOPLE]
