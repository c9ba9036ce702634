"""Scripted scenes: as many tracks as there are people, whoever hides whom, at any frame rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Invalid
from haechi.vision.appearance import likeness, packed, unpacked
from haechi.vision.result import Detection
from haechi.vision.track import BEGIN, TrackerState, track

NUMBERS = 576
W, H = 0.08, 0.4
PILLAR = (0.45, 0.60)
Path = Callable[[float], float]
"""Where the middle of somebody is across the picture, after so many seconds."""


class Actor:
    """Somebody who walks across, and looks a little different each time: as alike (0.9) and as different from others
    (0.5) as people are to MobileNetV3.

    Args:
        depth: Who is nearer hides who is farther.
    """

    def __init__(self, seed: int, path: Path, depth: float = 1.0, foot: float = 0.9) -> None:
        self._rng = np.random.default_rng(seed)
        self._look = self._rng.standard_normal(NUMBERS) ** 2
        self.path, self.depth, self.foot = path, depth, foot

    def seen(self, at_s: float, pillar: tuple[float, float] | None, *, looks: bool) -> Detection | None:
        """What a detector finds of them: the part that the pillar leaves, if that is enough."""
        middle = self.path(at_s) + float(self._rng.normal(0, 0.002))
        left, right = middle - W / 2, middle + W / 2
        if pillar is not None:
            if left >= pillar[0] and right <= pillar[1]:
                return None
            left, right = (left, min(right, pillar[0])) if middle < sum(pillar) / 2 else (max(left, pillar[1]), right)
        if right - left < 0.4 * W or right < 0.02 or left > 0.98:
            return None
        embedding = b""
        if looks:
            noise = self._rng.standard_normal(NUMBERS) ** 2
            embedding = packed((self._look + 0.5 * noise).astype(np.float32))
        return Detection("person", 0.8, max(0.0, left), self.foot - H, right - left, H, embedding=embedding)


def play(
    actors: Sequence[Actor], times: Sequence[float], pillar: tuple[float, float] | None = None, *, looks: bool = True
) -> dict[int, set[int]]:
    """Which numbers each actor had."""
    state: TrackerState = BEGIN
    numbers: dict[int, set[int]] = {row: set() for row in range(len(actors))}
    for at_s in times:
        found = [
            (row, one, one_seen) for row, one in enumerate(actors) if (one_seen := one.seen(at_s, pillar, looks=looks))
        ]
        shown = [
            (row, seen)
            for row, one, seen in found
            if not any(other.depth < one.depth and _overlap(seen, theirs) > 0.45 for _, other, theirs in found)
        ]
        state, tracked = track(state, int((100 + at_s) * NS_PER_S), [seen for _, seen in shown])
        for (row, _), one in zip(shown, tracked, strict=True):
            assert one.track is not None
            numbers[row].add(one.track)
    return numbers


def _overlap(one: Detection, other: Detection) -> float:
    shared = max(0.0, min(one.x + one.w, other.x + other.w) - max(one.x, other.x)) * H
    return shared / (one.w * H + other.w * H - shared)


def steps(fps: float, seconds: float) -> list[float]:
    return [n / fps for n in range(int(seconds * fps))]


def exact(numbers: dict[int, set[int]]) -> bool:
    """As many tracks as people, and nobody has another's."""
    every = [number for mine in numbers.values() for number in mine]
    return all(len(mine) == 1 for mine in numbers.values()) and len(set(every)) == len(numbers)


@pytest.mark.parametrize("fps", [3.0, 5.0, 10.0, 15.0])
def test_two_people_who_cross_are_two_tracks(fps: float) -> None:
    for seed in range(4):
        actors = [
            Actor(2 * seed, lambda s: 0.1 + 0.1 * s, depth=1.0),
            Actor(2 * seed + 1, lambda s: 0.9 - 0.1 * s, depth=2.0, foot=0.88),
        ]
        assert exact(play(actors, steps(fps, 8)))


@pytest.mark.parametrize("looks", [True, False], ids=["looks known", "looks unknown"])
@pytest.mark.parametrize("fps", [3.0, 5.0, 10.0, 15.0])
def test_somebody_who_is_hidden_by_a_pillar_for_two_seconds_is_one_track(fps: float, looks: bool) -> None:
    for seed in range(4):
        walker = Actor(seed, lambda s: 0.1 + 0.07 * s)  # 0.15 - 0.08 + the rim: out of sight for about two seconds
        numbers = play([walker], steps(fps, 12), PILLAR, looks=looks)
        assert numbers == {0: {1}}


def test_two_who_go_behind_a_pillar_one_after_the_other_come_out_as_the_same_two() -> None:
    for seed in range(4):
        actors = [Actor(2 * seed, lambda s: 0.1 + 0.07 * s), Actor(2 * seed + 1, lambda s: -0.05 + 0.07 * s)]
        assert exact(play(actors, steps(5, 14), PILLAR))


def test_one_who_waits_behind_a_pillar_and_goes_back_is_one_track() -> None:
    def back(at_s: float) -> float:
        return 0.2 + 0.08 * at_s if at_s < 4 else 0.52 if at_s < 7 else 0.52 - 0.08 * (at_s - 7)

    for seed in range(4):
        assert play([Actor(seed, back)], steps(5, 12), PILLAR) == {0: {1}}


def test_who_comes_out_is_not_who_went_in_when_they_look_different() -> None:
    for seed in range(4):
        gone = Actor(2 * seed, lambda s: 0.1 + 0.07 * s if s < 6 else -1.0)
        other = Actor(2 * seed + 1, lambda s: -1.0 if s < 7 else 0.55 + 0.07 * (s - 7))
        assert exact(play([gone, other], steps(5, 14), PILLAR))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([0.067, 0.1, 0.2, 0.333, 0.5]), min_size=40, max_size=60), st.integers(0, 1000))
def test_a_camera_that_changes_its_frame_rate_counts_the_same(gaps: list[float], seed: int) -> None:
    times = list(np.cumsum(gaps))
    actors = [
        Actor(seed, lambda s: 0.5 + 0.35 * math.sin(s / 3 + 1), depth=1.0),
        Actor(seed + 5000, lambda s: 0.5 - 0.35 * math.sin(s / 3 + 1), depth=2.0, foot=0.87),
    ]
    assert exact(play(actors, times))


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=600))
def test_an_embedding_is_read_within_half_a_step_and_is_like_itself(numbers: list[float]) -> None:
    vector = np.array(numbers, np.float32)
    data = packed(vector)
    if not data:
        assert float(np.abs(vector).max()) < 1e-36
        return
    assert np.abs(unpacked(data) - vector).max() <= np.abs(vector).max() / 127 * 0.51
    assert likeness(data, data) == pytest.approx(1.0)
    assert likeness(data, packed(-vector)) == pytest.approx(-1.0)


@given(st.binary(max_size=700), st.binary(max_size=700))
def test_any_bytes_are_an_embedding_or_not_and_compare_to_nothing_or_a_cosine(one: bytes, other: bytes) -> None:
    like = likeness(one, other)
    assert like is None or -1.000001 <= like <= 1.000001
    try:
        size = unpacked(one).size
    except Invalid:
        return
    assert size == len(one) - 4
