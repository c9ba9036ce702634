"""The joints of a person in a photograph, and the arithmetic around the network."""

import numpy as np
import pytest

from haechi.base.errors import NotFound
from haechi.vision.detectors.rtmpose import HEIGHT_PX, POINTS, WIDTH_PX, placed, simcc
from haechi.vision.modules.contract import About, read_findings
from haechi.vision.modules.pose import Pose
from haechi.vision.result import Detection
from haechi.vision.settings import VisionSettings, detector_setup
from tests.vision.scenes import models, shop, shop_with

NOSE, LEFT_EYE, RIGHT_EYE = 0, 1, 2
LEFT_PX, TOP_PX, WIDE_PX = 200, 60, 300


def test_a_box_is_in_the_middle_of_its_crop_whatever_its_shape() -> None:
    for box in (Detection("person", 1, 0.25, 0.5, 0.25, 0.25), Detection("person", 1, 0.0, 0.0, 1.0, 0.1)):
        to_crop = placed(box, 640, 480)
        middle = np.array([(box.x + box.w / 2) * 640, (box.y + box.h / 2) * 480, 1.0])
        assert np.allclose(to_crop @ middle, [WIDTH_PX / 2, HEIGHT_PX / 2])
        corner = to_crop @ np.array([box.x * 640, box.y * 480, 1.0])
        assert (corner >= 0).all()


def test_the_best_column_and_row_are_a_points_place() -> None:
    across, down = np.zeros((POINTS, 2 * WIDTH_PX), np.float32), np.zeros((POINTS, 2 * HEIGHT_PX), np.float32)
    across[3, 100], down[3, 61] = 0.75, 0.5
    places, scores = simcc(across, down)
    assert places[3].tolist() == [50.0, 30.5]
    assert scores[3] == 0.5


def test_without_its_networks_it_says_what_is_missing() -> None:
    with pytest.raises(NotFound):
        Pose([])


@pytest.mark.slow
def test_the_face_of_the_astronaut_is_found_where_it_is() -> None:
    names = ("yolox-tiny", "rtmpose-s")
    pose = Pose([detector_setup(models(name), VisionSettings(detector=name)) for name in names])
    picture = np.asarray(shop_with("astronaut", LEFT_PX, TOP_PX, WIDE_PX), np.uint8)
    height, width = picture.shape[:2]
    about = About("psh_a/1", 1, 0, 0, 0, width, height)
    boxes = read_findings(list(pose(picture, about)))
    assert boxes
    best = max(boxes, key=lambda box: box.score)
    assert len(best.points) == POINTS
    for joint in (NOSE, LEFT_EYE, RIGHT_EYE):
        point = best.points[joint]
        # in the photograph (512 x 512) the face is at about (225, 110), some 90 px wide
        assert abs(point.x * width - (LEFT_PX + 0.44 * WIDE_PX)) < 0.12 * WIDE_PX
        assert abs(point.y * height - (TOP_PX + 0.215 * WIDE_PX)) < 0.12 * WIDE_PX
        assert point.score > 0.3
    assert best.points[LEFT_EYE].x > best.points[RIGHT_EYE].x  # her left is on the right
    assert read_findings(list(pose(np.asarray(shop(), np.uint8), about))) == ()
