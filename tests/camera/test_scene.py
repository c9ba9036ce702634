"""The demo scenes: what they promise to the demo and to the end-to-end tests."""

import numpy as np
import pytest

from haechi.base.errors import NotFound
from haechi.camera.virtual.render import Renderer, scene_truth
from haechi.camera.virtual.scene import FPS, SCENES, Scene, demo_cameras, scene
from haechi.camera.virtual.timecode import TimeCode, read_timecode


def feet_in_zone(frame: int) -> bool:
    """Whether someone in the stock room stands between the near and far edge of the forbidden zone, sides included."""
    zone = next(camera.watch.zone for camera in demo_cameras() if camera.scene == "stock-room")
    left, right = min(x for x, _ in zone[:2]), max(x for x, _ in zone[:2])
    top, bottom = zone[0][1], zone[2][1]
    boxes = scene_truth("stock-room", frame)
    return any(left < box.x + box.w / 2 < right and top < box.y + box.h < bottom for box in boxes)


def test_there_are_four_cameras_and_each_shows_a_scene_of_its_own() -> None:
    cameras = demo_cameras()
    assert len({camera.scene for camera in cameras}) == len(cameras) == 4
    for camera in cameras:
        assert scene(camera.scene).name == camera.scene
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in camera.watch.zone)


def test_the_forbidden_zone_is_empty_at_first_entered_within_twenty_seconds_and_left_again() -> None:
    assert not any(feet_in_zone(second * FPS) for second in range(14))
    assert all(feet_in_zone(second * FPS) for second in range(17, 23))
    assert not any(feet_in_zone(second * FPS) for second in range(31, 60))


@pytest.mark.parametrize("what", SCENES, ids=lambda what: what.name)
def test_every_second_of_a_scene_can_be_drawn_and_people_stay_inside(what: Scene) -> None:
    renderer = Renderer(what)
    for frame in range(0, what.frames, 4 * FPS):
        picture = renderer.luma_chroma(frame)
        assert picture.shape == (1080, 1280)
        assert read_timecode(picture[:720]) == TimeCode(frame, frame * 1000 // FPS)
        for box in renderer.boxes(frame):
            assert box.x >= 0 and box.y >= 0 and box.x + box.w <= 1 and box.y + box.h <= 1  # noqa: PT018 - one box


def test_the_true_box_is_where_the_person_is_drawn() -> None:
    what = scene("stock-room")
    renderer = Renderer(what)
    frame, empty = 19 * FPS, 5 * FPS
    change = np.abs(renderer.rgb(frame).astype(int) - renderer.rgb(empty)).max(axis=2)
    change[:60] = 0  # the caption changes too
    rows, columns = np.nonzero((change > 60).sum(axis=1) > 3)[0], np.nonzero((change > 60).sum(axis=0) > 3)[0]
    box = scene_truth("stock-room", frame)[0]
    assert abs(rows[0] / 720 - box.y) < 0.02
    assert abs(columns[0] / 1280 - box.x) < 0.02
    assert abs((columns[-1] + 1) / 1280 - (box.x + box.w)) < 0.02


def test_a_counter_hides_the_legs_of_who_stands_behind_it() -> None:
    clerk = max(scene_truth("entrance", 10 * FPS), key=lambda box: box.x)
    assert clerk.y + clerk.h < 0.66


def test_an_unknown_scene_is_named_with_those_that_exist() -> None:
    with pytest.raises(NotFound, match="stock-room"):
        scene("attic")
