"""Where points lie after a view moved."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.vision.view.geometry import (
    IDENTITY,
    apart_px,
    checked,
    composed,
    in_pixels,
    inverse,
    kept_share,
    of_matrix,
    of_pixels,
    placed,
    shift_of,
)
from tests.vision.view.pictures import SIZE, truth, turned

moves = st.builds(turned, st.floats(-20, 20), st.floats(0.7, 1.4), st.floats(-200, 200), st.floats(-120, 120)).map(
    truth
)
points = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8)


@given(points)
def test_nothing_happens_to_points_of_a_view_that_did_not_move(zone: list[tuple[float, float]]) -> None:
    assert placed(zone, IDENTITY) == tuple(zone)


@given(moves, points)
def test_there_and_back_is_where_it_began(move: tuple[float, ...], zone: list[tuple[float, float]]) -> None:
    there = placed(zone, checked(move))  # type: ignore[arg-type]
    back = placed(there, inverse(move))  # type: ignore[arg-type]
    assert all(math.dist(a, b) < 1e-6 for a, b in zip(zone, back, strict=True))


@given(moves, moves, points)
def test_two_moves_are_as_good_as_one(
    first: tuple[float, ...], second: tuple[float, ...], zone: list[tuple[float, float]]
) -> None:
    both = composed(second, first)  # type: ignore[arg-type]
    one_by_one = placed(placed(zone, first), second)  # type: ignore[arg-type]
    at_once = placed(zone, both)
    assert all(math.dist(a, b) < 1e-6 for a, b in zip(one_by_one, at_once, strict=True))


def test_a_person_is_told_how_far_how_much_turned_and_how_much_larger() -> None:
    shift = shift_of(truth(turned(2.0, 1.1, 32, -18)), SIZE)
    assert shift.x == pytest.approx(32 / 640, abs=1e-6)
    assert shift.y == pytest.approx(-18 / 360, abs=1e-6)
    assert shift.degrees == pytest.approx(2.0, abs=1e-3)
    assert shift.scale == pytest.approx(1.1, abs=1e-6)


def test_how_far_two_transforms_lie_apart_is_told_in_pixels() -> None:
    assert apart_px(truth(turned(x=12)), IDENTITY, SIZE) == pytest.approx(12)


def test_half_of_a_view_that_moved_by_half_is_still_there() -> None:
    assert kept_share(truth(turned(x=320))) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "terms",
    [
        (-1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        (1.0, 0.0, math.nan, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.5, 0.0, 1.0),
        (1e9, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0),
    ],
    ids=["mirror", "no number", "behind the camera", "huge", "a point", "not normed"],
)
def test_what_no_camera_can_do_is_refused(terms: tuple[float, ...]) -> None:
    with pytest.raises(Invalid):
        checked(terms)  # type: ignore[arg-type]


def test_a_transform_that_cannot_be_turned_round_says_so() -> None:
    with pytest.raises(Invalid):
        inverse((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    with pytest.raises(Invalid):
        of_matrix(np.diag([1.0, 1.0, 0.0]))


def test_points_that_leave_through_infinity_lie_far_outside() -> None:
    ((x, y),) = placed([(1.0, 0.5)], (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -2.0, 0.0, 1.0))
    assert math.hypot(x, y) > 2


@given(moves)
def test_pixels_and_shares_say_the_same(move: tuple[float, ...]) -> None:
    again = of_pixels(in_pixels(move, SIZE), SIZE)  # type: ignore[arg-type]
    assert apart_px(again, move, SIZE) < 1e-6  # type: ignore[arg-type]
