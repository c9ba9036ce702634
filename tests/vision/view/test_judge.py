"""The judge of one camera's view, picture by picture."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from haechi.base.clock import NS_PER_S
from haechi.vision.view.follow import Asked, Moved, Settled
from haechi.vision.view.geometry import IDENTITY, Matrix, apart_px
from haechi.vision.view.health import Trouble
from haechi.vision.view.judge import Finding, Referenced, Sick, ViewJudge, Well
from haechi.vision.view.picture import Picture
from haechi.vision.view.reference import PICTURES
from haechi.vision.view.state import packed, read
from tests.vision.view.pictures import SIZE, Bgr, noisy, truth, turned, view

STEP_NS = 2 * NS_PER_S
START_NS = 10**18


class Camera:
    """Shows pictures to a judge, every two seconds."""

    def __init__(self, state: bytes = b"", at_ns: int = START_NS) -> None:
        self.judge = ViewJudge(read(state)) if state else ViewJudge()
        self.at_ns = at_ns
        self.seed = 0

    def show(self, picture: Bgr | Callable[[int], Picture], times: int = 1) -> list[tuple[float, Finding]]:
        """What is found, and how many seconds after the first of these pictures."""
        found: list[tuple[float, Finding]] = []
        since_ns = self.at_ns
        for _ in range(times):
            self.seed += 1
            shown = picture(self.seed) if callable(picture) else noisy(picture, self.seed)
            found += [((self.at_ns - since_ns) / NS_PER_S, one) for one in self.judge.take(shown, [], self.at_ns)]
            self.at_ns += STEP_NS
        return found


@cache
def learnt() -> bytes:
    """A judge that has seen the entrance for long enough."""
    camera = Camera()
    assert camera.show(view("entrance"), PICTURES) == [(2.0 * (PICTURES - 1), Referenced("day"))]
    return packed(camera.judge.state())


def known() -> Camera:
    return Camera(learnt(), START_NS + 3600 * NS_PER_S)


@pytest.mark.parametrize("matrix", [turned(x=12, y=5), turned(1.5, 1.02, 20, -10), turned(-3, 0.97, -30, 14)])
def test_a_bumped_camera_is_followed_within_ten_seconds(matrix: Matrix) -> None:
    camera = known()
    assert camera.show(view("entrance"), 6) == []
    ((after_s, moved),) = camera.show(view("entrance", matrix), 6)
    assert isinstance(moved, Moved)
    assert after_s <= 10
    assert apart_px(moved.transform, truth(matrix), SIZE) < 1.0
    assert camera.judge.transform == moved.transform


def test_a_camera_that_is_pushed_back_is_followed_back() -> None:
    camera = known()
    camera.show(view("entrance", turned(x=20)), 5)
    (back,) = (one for _, one in camera.show(view("entrance"), 5))
    assert isinstance(back, Moved)
    assert apart_px(back.transform, IDENTITY, SIZE) < 1.0


def test_while_it_is_being_turned_nothing_moves() -> None:
    camera = known()
    found = [one for step in range(6) for one in camera.show(view("entrance", turned(x=8.0 * step + 8)), 1)]
    assert found == []


def test_one_picture_that_lies_elsewhere_says_nothing() -> None:
    camera = known()
    assert camera.show(view("entrance", turned(x=15)), 2) == []
    assert camera.show(view("entrance"), 5) == []
    assert camera.judge.transform == IDENTITY


def test_a_large_move_is_proposed_and_not_made() -> None:
    camera = known()
    matrix = turned(x=190)
    (asked,) = (one for _, one in camera.show(view("entrance", matrix), 6))
    assert isinstance(asked, Asked)
    assert asked.ask.reason == "far"
    assert asked.ask.proposal is not None
    assert apart_px(asked.ask.proposal, truth(matrix), SIZE) < 3.0
    assert camera.judge.transform == IDENTITY
    assert [one for _, one in camera.show(view("entrance"), 4)] == [Settled()]


def test_another_view_is_asked_about_after_a_minute_and_never_followed() -> None:
    camera = known()
    found = camera.show(view("yard"), 45)
    ((after_s, asked),) = [(when, one) for when, one in found if isinstance(one, Asked)]
    assert asked.ask.reason == "lost"
    assert 60 <= after_s <= 80
    assert not any(isinstance(one, Moved) for _, one in found)


def test_somebody_before_the_camera_for_half_a_minute_is_nothing_to_ask_about() -> None:
    camera = known()
    assert not any(isinstance(one, Asked | Moved) for _, one in camera.show(view("stock-room"), 14))
    assert not any(isinstance(one, Asked | Moved) for _, one in camera.show(view("entrance"), 10))


def test_what_moved_while_the_light_was_off_is_followed_by_day() -> None:
    camera = known()
    dark = lambda seed: noisy(view("entrance"), seed, 1.0, 0.02)  # noqa: E731
    camera.show(dark, 8)
    found = [one for _, one in camera.show(view("entrance", turned(x=18)), 10)]
    assert any(isinstance(one, Moved) for one in found)
    assert apart_px(camera.judge.transform, truth(turned(x=18)), SIZE) < 1.0


def test_a_view_is_learnt_again_by_night_and_followed_there() -> None:
    camera = known()

    def night(matrix: Matrix) -> Callable[[int], Picture]:
        return lambda seed: _colourless(noisy(view("entrance", matrix), seed, 3.0, 0.6))

    assert Referenced("night") in [one for _, one in camera.show(night(turned()), PICTURES + 4)]
    (moved,) = (one for _, one in camera.show(night(turned(x=16, y=4)), 6))
    assert isinstance(moved, Moved)
    assert apart_px(moved.transform, truth(turned(x=16, y=4)), SIZE) < 1.5


def test_a_judge_goes_on_from_what_another_knew() -> None:
    camera = known()
    camera.show(view("entrance", turned(x=20)), 5)
    other = Camera(packed(camera.judge.state()), camera.at_ns)
    assert other.show(view("entrance", turned(x=20)), 6) == []
    assert other.judge.transform == camera.judge.transform


def test_a_camera_that_moves_while_it_is_learnt_is_learnt_anew() -> None:
    camera = Camera()
    camera.show(view("entrance"), PICTURES - 3)
    assert camera.show(view("entrance", turned(x=25)), 3) == []
    assert camera.show(view("entrance", turned(x=25)), PICTURES) == [(2.0 * (PICTURES - 1), Referenced("day"))]


def test_another_size_of_picture_begins_anew() -> None:
    camera = known()
    small = lambda seed: noisy(np.ascontiguousarray(view("entrance")[::2, ::2]), seed)  # noqa: E731
    camera.show(view("entrance"), 1)
    found = [one for _, one in camera.show(small, PICTURES + 2)]
    assert found == [Referenced("day")]


TROUBLES: dict[Trouble, Callable[[int], Picture]] = {
    "black": lambda seed: noisy(view("entrance"), seed, 1.0, 0.01),
    "bright": lambda seed: noisy(view("entrance"), seed, 1.0, 12.0),
    "blurred": lambda seed: noisy(_blurred(view("entrance")), seed),
    "covered": lambda seed: noisy(np.full((SIZE[1], SIZE[0], 3), (60, 90, 120), np.uint8), seed),
    "frozen": lambda seed: noisy(view("entrance"), 7),
    "noisy": lambda seed: noisy(view("entrance"), seed, 40.0),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_sick_picture_is_told_once_and_so_is_its_end(trouble: Trouble) -> None:
    camera = known()
    camera.show(view("entrance"), 2)
    found = [one for _, one in camera.show(TROUBLES[trouble], 22)]
    assert Sick(trouble) in found
    assert found.count(Sick(trouble)) == 1
    assert not any(isinstance(one, Moved | Asked) for one in found)
    assert Well(trouble) in [one for _, one in camera.show(view("entrance"), 6)]
    assert camera.judge.troubles == frozenset()


@pytest.mark.parametrize("trouble", ["black", "blurred", "covered", "noisy"])
def test_one_bad_picture_is_no_trouble(trouble: Trouble) -> None:
    camera = known()
    camera.show(view("entrance"), 2)
    assert camera.show(TROUBLES[trouble], 2) == []
    assert camera.show(view("entrance"), 6) == []


def _blurred(picture: Bgr) -> Bgr:
    from cv2 import GaussianBlur

    return np.asarray(GaussianBlur(picture, (21, 21), 0), np.uint8)


def _colourless(picture: Picture) -> Picture:
    from msgspec.structs import replace

    return replace(picture, colour=1.0)
