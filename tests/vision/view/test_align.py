"""How a picture lies to a reference, or that it cannot be told."""

from functools import cache

import numpy as np
import pytest

from haechi.vision.view.align import Abstained, Estimate, Model, aligned, hull_share, is_plausible, model_of
from haechi.vision.view.geometry import IDENTITY, Matrix, apart_px
from haechi.vision.view.picture import Grey, without
from haechi.vision.view.reference import PICTURES, Gathering
from tests.vision.view.pictures import SIZE, noisy, truth, turned, view

ROOM = "entrance"


@cache
def reference(room: str = ROOM) -> Model:
    gathering = Gathering(SIZE)
    for seed in range(PICTURES):
        gathering.add(noisy(view(room), seed), without(SIZE, []))
    made = gathering.reference()
    return model_of(made.even(), made.mask)


@pytest.mark.parametrize(
    "matrix",
    [turned(), turned(x=3), turned(x=25, y=-14), turned(1.5, 1.02, 12, 9), turned(-3.5, 0.96, -38, 20)],
    ids=["not moved", "a little", "shifted", "turned", "bumped"],
)
@pytest.mark.parametrize("light", [1.0, 0.5], ids=["day", "dusk"])
def test_a_view_that_moved_is_found_within_a_pixel(matrix: Matrix, light: float) -> None:
    found = aligned(reference(), noisy(view(ROOM, matrix), 99, 3.0, light).even)
    assert isinstance(found, Estimate)
    assert apart_px(found.transform, truth(matrix), SIZE) < 1.0
    assert apart_px(found.transform, truth(matrix), SIZE) < max(3 * found.error_px, 0.5)


@pytest.mark.parametrize("other", ["aisle", "yard", "stock-room"])
def test_another_room_is_not_taken_for_this_one(other: str) -> None:
    assert isinstance(aligned(reference(), noisy(view(other), 5).even), Abstained)


def test_a_picture_without_anything_in_it_is_not_judged() -> None:
    grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    assert isinstance(aligned(reference(), noisy(grey, 1).even), Abstained)


def test_what_agrees_in_one_corner_only_says_nothing() -> None:
    matrix = turned(1.0, 1.0, 20, 8)
    shown = noisy(view("yard"), 3).even.copy()
    shown[:110, :180] = noisy(view(ROOM, matrix), 4).even[:110, :180]
    assert isinstance(aligned(reference(), shown), Abstained)


def test_people_in_the_way_are_left_out_where_their_boxes_are_known() -> None:
    matrix = turned(1.0, 1.0, 20, 8)
    shown = noisy(view(ROOM, matrix), 3).even.copy()
    shown[60:300, 200:420] = noisy(view("yard"), 4).even[60:300, 200:420]
    found = aligned(reference(), shown, without(SIZE, [(200 / 640, 60 / 360, 220 / 640, 240 / 360)]))
    assert isinstance(found, Estimate)
    assert apart_px(found.transform, truth(matrix), SIZE) < 1.5


def test_a_name_that_the_camera_writes_into_the_picture_does_not_hold_the_view_fast() -> None:
    def captioned(matrix: Matrix, seed: int) -> Grey:
        shown = view(ROOM, matrix).copy()
        for column in range(0, 600, 9):
            shown[4 + column % 7 : 22, 10 + column : 14 + column] = 255 if column % 2 else 0
            shown[338 : 352 - column % 5, 10 + column : 15 + column] = 0 if column % 3 else 255
        return noisy(shown, seed).even

    gathered = model_of(captioned(turned(), 1), without(SIZE, []))
    matrix = turned(0.5, 1.0, 30, -12)
    found = aligned(gathered, captioned(matrix, 2))
    assert isinstance(found, Estimate)
    assert apart_px(found.transform, truth(matrix), SIZE) < 2.0


def test_the_same_pictures_give_the_same_answer() -> None:
    shown = noisy(view(ROOM, turned(2, 1, 9, 9)), 12).even
    assert aligned(reference(), shown) == aligned(reference(), shown)


def test_the_hull_of_points_is_a_share_of_the_picture() -> None:
    corners = np.array([[0, 0], [320, 0], [320, 180], [0, 180]], np.float32)
    assert hull_share(corners, SIZE) == pytest.approx(0.25)
    assert hull_share(corners[:2], SIZE) == 0.0


@pytest.mark.parametrize("matrix", [np.diag([-1.0, 1.0, 1.0]), np.diag([3.0, 3.0, 1.0]), np.diag([0.3, 0.3, 1.0])])
def test_a_mirror_and_a_leap_are_not_plausible(matrix: Matrix) -> None:
    assert not is_plausible(matrix, SIZE)
    assert is_plausible(np.eye(3), SIZE)


def test_nothing_moved_is_what_is_said_of_the_reference_itself() -> None:
    found = aligned(reference(), reference().even)
    assert isinstance(found, Estimate)
    assert apart_px(found.transform, IDENTITY, SIZE) < 0.1
