"""Who crosses a line is counted once: whatever is skipped, however feet sway, whichever number a track has."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.ids import LineId
from haechi.events.counts.counter import Counted, Counter
from haechi.events.rules import Watch
from haechi.events.rules.crossing import SWAY, net_crossings
from haechi.vision.lines import Line
from haechi.vision.result import Detection, FrameResult
from tests.events.rules.script import CAMERA, GATE, START_NS, closed, frame, opened, person, rule

HEIGHT = 0.14
TAIL = [frame(at) for at in range(100_000, 160_000, 1000)]
"""A minute in which nobody is there: whoever was lost is given up."""


def counted(frames: list[FrameResult], *lines: Line) -> list[Counted]:
    counter = Counter()
    counter.follow(lines or (GATE,))
    return [one for result in frames for one in counter.take(result)]


def ways(frames: list[FrameResult], *lines: Line) -> tuple[int, int]:
    """Forwards and backwards."""
    found = counted([*frames, *TAIL], *lines)
    return sum(one.way == "forward" for one in found), sum(one.way == "backward" for one in found)


def walk(*xs: float, step_ms: int = 200, start_ms: int = 0, track: int = 1, y: float = 0.8) -> list[FrameResult]:
    return [frame(start_ms + n * step_ms, person(x, y, track)) for n, x in enumerate(xs)]


def test_one_who_walks_over_the_line_is_counted_once_in_the_right_direction_at_the_right_moment() -> None:
    frames = walk(*(0.8 - n * 0.02 for n in range(30)))
    (one,) = counted(frames)
    assert (one.way, one.label, one.line) == ("forward", "person", GATE.id)
    assert (one.at_ns - START_NS) / NS_PER_S == pytest.approx(3.1, abs=0.21), "0.5 lies between the 15th and 16th step"
    assert ways(walk(*(0.2 + n * 0.02 for n in range(30)))) == (0, 1)


def test_a_line_counts_only_the_classes_that_were_chosen_and_needs_no_rule() -> None:
    car = [frame(n * 200, Detection("car", 0.9, 0.7 - n * 0.03, 0.5, 0.2, 0.2, 4)) for n in range(20)]
    assert ways(car) == (0, 0)
    assert ways(car, Line(CAMERA, "gate", GATE.points, labels=("car", "bus"), id=GATE.id)) == (1, 0)


def test_who_turns_round_before_or_on_the_line_has_not_crossed() -> None:
    assert ways(walk(0.7, 0.6, 0.53, 0.52, 0.53, 0.6, 0.7)) == (0, 0)
    assert ways(walk(0.7, 0.6, 0.505, 0.495, 0.505, 0.6, 0.7)) == (0, 0)


def test_who_stands_on_the_line_and_sways_is_counted_when_gone_on_and_only_once() -> None:
    sway = [0.5 + (0.008 if n % 2 else -0.008) for n in range(80)]
    assert ways(walk(0.7, 0.6, *sway, 0.4, 0.3)) == (1, 0)
    assert ways(walk(0.7, 0.6, *sway, 0.6, 0.7)) == (0, 0)


def test_one_look_in_four_seconds_is_enough() -> None:
    assert ways(walk(0.9, 0.1, step_ms=4000)) == (1, 0)
    assert ways(walk(0.9, 0.1, 0.9, 0.1, step_ms=4000)) == (2, 1)


def test_past_the_end_of_the_line_is_no_crossing_and_round_it_is_none_either() -> None:
    short = Line(CAMERA, "door", ((0.5, 0.6), (0.5, 0.7)), id=LineId("lin_door"))
    assert ways(walk(0.8, 0.6, 0.4, 0.2, y=0.9), short) == (0, 0)
    assert ways(walk(0.8, 0.6, 0.4, 0.2, y=0.65), short) == (1, 0)


def test_a_bent_line_that_is_crossed_twice_on_one_way_counts_nothing() -> None:
    bent = Line(CAMERA, "bay", ((0.4, 0.5), (0.5, 0.9), (0.6, 0.5)), id=LineId("lin_bay"))
    assert ways(walk(0.2, 0.8, y=0.6), bent) == (0, 0), "in at one arm, out at the other"
    assert ways(walk(0.2, 0.5, y=0.6), bent) in ((1, 0), (0, 1))


def test_a_track_that_dies_on_the_line_and_is_born_again_behind_it_is_one_person() -> None:
    before = walk(0.8, 0.7, 0.6, 0.55, 0.53)
    after = walk(0.45, 0.4, 0.3, start_ms=2000, track=2)
    assert ways([*before, *after]) == (1, 0)


def test_a_track_that_dies_behind_the_line_counts_and_is_not_counted_again_when_it_comes_back() -> None:
    before = walk(0.8, 0.7, 0.6, 0.51, 0.495)
    empty = [frame(at) for at in range(1000, 12_000, 200)]
    after = walk(0.495, 0.505, 0.495, 0.4, 0.3, start_ms=12_000, track=9)
    assert ways([*before, *empty]) == (1, 0)
    assert ways([*before, *empty, *after]) == (1, 0)


def test_who_goes_out_on_one_side_is_not_continued_by_who_comes_in_on_the_other() -> None:
    out = [frame(n * 200, person(0.8 + n * 0.04, 0.72, 1, height=0.45)) for n in range(5)]
    into = [frame(2_600 + n * 200, person(0.05 + n * 0.03, 0.94, 2, height=0.66)) for n in range(8)]
    assert ways([*out, *into]) == (0, 0)


def test_somebody_else_far_away_does_not_continue_a_walk() -> None:
    before = walk(0.8, 0.7, 0.62)
    other = walk(0.1, 0.12, 0.14, start_ms=800, track=2)
    assert ways([*before, *other]) == (0, 0)


def test_a_camera_that_connects_again_while_somebody_is_on_the_line_counts_once() -> None:
    counter = Counter()
    counter.follow([GATE])
    found = [one for result in walk(0.8, 0.7, 0.6, 0.52) for one in counter.take(result)]
    counter.end()
    found += [one for result in walk(0.49, 0.4, 0.3, start_ms=1500) for one in counter.take(result)]
    assert [one.way for one in found] == ["forward"]


def test_a_line_that_is_moved_forgets_who_was_on_the_way_and_a_renamed_one_does_not() -> None:
    for points, expected in ((GATE.points, 1), (((0.45, 0.0), (0.45, 1.0)), 0)):
        counter = Counter()
        counter.follow([GATE])
        found = [one for result in walk(0.8, 0.7, 0.6) for one in counter.take(result)]
        counter.follow([Line(CAMERA, "other name", points, id=GATE.id)])
        found += [one for result in walk(0.4, 0.3, start_ms=600) for one in counter.take(result)]
        assert len(found) == expected


corner = st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95))


@given(st.lists(corner, min_size=2, max_size=6), st.lists(corner, min_size=2, max_size=12))
def test_a_way_out_and_back_by_the_same_steps_crosses_nothing_in_sum(
    points: list[tuple[float, float]], way: list[tuple[float, float]]
) -> None:
    there = sum(net_crossings(a, b, points) for a, b in pairwise(way))
    back = sum(net_crossings(a, b, points) for a, b in pairwise(way[::-1]))
    assert there == -back


@given(st.lists(st.floats(0.02, 0.98), min_size=2, max_size=20), st.floats(-0.1, 1.1))
def test_of_a_line_across_the_picture_the_sum_says_on_which_side_one_is(xs: list[float], tilt: float) -> None:
    line = ((0.5, -5.0), (0.5 + tilt * 0.01, 5.0))
    places = [(x, 0.5) for x in xs]
    total = sum(net_crossings(a, b, line) for a, b in pairwise(places))
    sides = [net_crossings((-5.0, 0.5), place, line) for place in (places[0], places[-1])]
    assert total == sides[1] - sides[0]


def strolling(dice: random.Random, dropped: float, jitter: float, *, renumbers: bool) -> list[FrameResult]:
    """Up to five people, each in a row of their own, walk between places clear of the line for half a minute.

    Looks are left out, feet sway by the jitter, and now and then one of them goes on under a new number: one from a
    look to the next, as nobody could tell two apart.
    """
    rows = [0.3 + 0.16 * n for n in range(dice.randint(1, 5))]
    places = [dice.choice((0.2, 0.8)) for _ in rows]
    goals, numbers = list(places), list(range(1, len(rows) + 1))
    frames: list[FrameResult] = []
    is_renumbered = False
    for at_ms in range(0, 30_000, 200):
        for n in range(len(rows)):
            if abs(places[n] - goals[n]) < 0.015:
                goals[n] = dice.uniform(0.05, 0.42) if dice.random() < 0.5 else dice.uniform(0.58, 0.95)
            places[n] += max(-0.015, min(0.015, goals[n] - places[n]))
            if renumbers and not is_renumbered and dice.random() < 0.05:
                numbers[n], is_renumbered = max(numbers) + 1, True
        if dice.random() >= dropped:
            swayed = [(x + dice.gauss(0, jitter), y + dice.gauss(0, jitter)) for x, y in zip(places, rows, strict=True)]
            found = [person(x, y, number, height=HEIGHT) for (x, y), number in zip(swayed, numbers, strict=True)]
            frames.append(frame(at_ms, *found))
            is_renumbered = False
    return frames


def crossings_of(xs: Sequence[float]) -> list[bool]:
    """Whether to the left, for each time that a way clears the line on the other side; the last one may be on it."""
    margin = SWAY * HEIGHT * 720 / 1280
    where, found = xs[0] > 0.5, []
    for n, x in enumerate(xs):
        if (x > 0.5) != where and (abs(x - 0.5) > margin or n == len(xs) - 1):
            where = x > 0.5
            found.append(not where)
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.4), st.floats(1e-4, 0.004), st.booleans())
def test_people_who_walk_at_random_are_counted_exactly_whatever_is_dropped(
    seed: int, dropped: float, jitter: float, renumbers: bool
) -> None:
    frames = strolling(random.Random(seed), dropped, jitter, renumbers=renumbers)
    ways_of_each = zip(*([one.x + one.w / 2 for one in result.detections] for result in frames), strict=True)
    expected = [is_left for xs in ways_of_each for is_left in crossings_of(xs)]
    assert ways(frames) == (sum(expected), len(expected) - sum(expected))


def test_a_rule_tells_a_crossing_with_direction_and_joins_those_that_follow_at_once() -> None:
    watch = Watch(rule("crossing", line=GATE.id), None, GATE)
    frames = [*walk(*(0.8 - n * 0.03 for n in range(20))), *(frame(at) for at in range(4200, 9000, 200))]
    ((at, one),) = opened(watch, frames)
    assert at == pytest.approx(2.1, abs=0.21)
    assert one.detail == "in"
    assert one.ref == one.start_ref
    assert one.box[0] + one.box[2] / 2 < 0.5, "the picture is of the first frame on the other side"
    assert len(closed(watch, frames)) == 1


def test_a_rule_hears_only_its_direction() -> None:
    away = Watch(rule("crossing", line=GATE.id, way="backward"), None, GATE)
    assert opened(away, walk(*(0.8 - n * 0.03 for n in range(20)))) == []
    assert len(opened(away, walk(*(0.2 + n * 0.03 for n in range(20))))) == 1
