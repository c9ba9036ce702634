"""Numbers stay with objects."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.vision.result import Detection
from haechi.vision.track import SURE_SCORE, TrackerState, track

Frames = list[tuple[int, list[Detection]]]


def box(x: float, y: float = 0.5, score: float = 0.9, label: str = "person", w: float = 0.1) -> Detection:
    return Detection(label, score, x, y, w, 0.3)


def run(frames: Frames, state: TrackerState | None = None) -> tuple[TrackerState, list[list[int | None]]]:
    """Times are in milliseconds."""
    state = state or TrackerState()
    numbers = []
    for at_ms, detections in frames:
        state, tracked = track(state, NS_PER_S + at_ms * NS_PER_MS, detections)
        numbers.append([one.track for one in tracked])
    return state, numbers


def test_a_walker_keeps_the_number() -> None:
    _, numbers = run([(200 * n, [box(0.05 + 0.04 * n)]) for n in range(20)])
    assert numbers == [[1]] * 20


def test_a_walker_who_is_hidden_for_a_second_keeps_the_number() -> None:
    seen = [(200 * n, [box(0.05 + 0.02 * n)] if not 8 <= n < 12 else []) for n in range(25)]
    _, numbers = run(seen)
    assert {number for row in numbers for number in row} == {1}


def test_an_unsure_detection_continues_a_track_but_begins_none() -> None:
    _, numbers = run([(0, [box(0.2, score=0.35)]), (200, [box(0.2)]), (400, [box(0.21, score=0.35)])])
    assert numbers == [[None], [1], [1]]


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    frames = [(100 * n, [box(0.1 + 0.02 * n, 0.3), box(0.7 - 0.02 * n, 0.55)]) for n in range(30)]
    _, numbers = run(frames)
    assert numbers == [[1, 2]] * 30


def test_a_dog_never_becomes_the_person_it_stands_before() -> None:
    _, numbers = run([(0, [box(0.4)]), (200, [box(0.4, label="dog")]), (400, [box(0.4)])])
    assert numbers == [[1], [2], [1]]


def test_who_comes_back_after_long_is_somebody_new() -> None:
    _, numbers = run([(0, [box(0.4)]), (200, [box(0.4)]), *[(200 * n, []) for n in range(2, 20)], (4000, [box(0.4)])])
    assert numbers[-1] == [2]


def test_one_who_stands_still_is_followed_at_one_frame_in_four_seconds() -> None:
    _, numbers = run([(4000 * n, [box(0.4)]) for n in range(5)])
    assert numbers == [[1]] * 5


detections = st.builds(
    Detection,
    st.sampled_from(["person", "car"]),
    st.floats(0.3, 1.0),
    st.floats(0, 0.8),
    st.floats(0, 0.6),
    st.floats(0.02, 0.4),
    st.floats(0.02, 0.4),
)
frames = st.lists(st.tuples(st.integers(0, 2000), st.lists(detections, max_size=5)), max_size=25)


@given(frames)
def test_numbers_are_unique_in_a_frame_never_go_back_to_use_and_order_is_kept(gaps: Frames) -> None:
    state, at_ns, highest = TrackerState(), NS_PER_S, 0
    for gap_ms, found in gaps:
        at_ns += gap_ms * NS_PER_MS
        before = {one.number for one in state.tracks}
        state, tracked = track(state, at_ns, found)
        numbers = [one.track for one in tracked if one.track is not None]
        assert len(set(numbers)) == len(numbers)
        assert all(number in before or number > highest for number in numbers)
        assert all(one.track is not None for one in tracked if one.score >= SURE_SCORE)
        assert [(one.label, one.x, one.y) for one in tracked] == [(one.label, one.x, one.y) for one in found]
        highest = max([highest, *numbers])


@given(frames, st.integers(0, 25))
def test_from_a_stored_state_the_same_numbers_follow_to_the_last_bit(gaps: Frames, cut: int) -> None:
    times = [sum(gap for gap, _ in gaps[: n + 1]) for n in range(len(gaps))]
    whole: Frames = [(at_ms, found) for at_ms, (_, found) in zip(times, gaps, strict=True)]
    end, numbers = run(whole)
    middle, first = run(whole[:cut])
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(middle), type=TrackerState)
    assert stored == middle
    again, second = run(whole[cut:], stored)
    assert (again, first + second) == (end, numbers)


@pytest.mark.parametrize("step_ms", [0, -500])
def test_time_that_stands_or_goes_back_is_taken_as_now(step_ms: int) -> None:
    _, numbers = run([(1000, [box(0.4)]), (1000 + step_ms, [box(0.41)])])
    assert numbers == [[1], [1]]
