"""What cameras report becomes events that begin once, end, and do not come too often; by values alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.events.reported.signals import (
    MOST_ON,
    PULSE_NS,
    Began,
    Ended,
    Signal,
    State,
    Turn,
    is_resting,
    lose,
    settle,
    signal_of,
    take,
)
from haechi.events.rules import MOST_NS
from haechi.fleet.onvif.events import DeviceEvent, Items

COOL_S = 10.0
Step = tuple[float, bool | str | None, int]


def signal(at_s: float, is_on: bool | None, thing: int = 0) -> Signal:
    return Signal("motion", ("Motion", (("Source", str(thing)),)), is_on, round(at_s * NS_PER_S))


def played(*steps: tuple[float, bool | None] | tuple[float, bool | None, int] | float) -> list[Turn]:
    """A bare number is a look at the clock."""
    state, turns = State(), list[Turn]()
    for step in steps:
        if isinstance(step, tuple):
            state, more = take(state, signal(*step), COOL_S)
        else:
            state, more = settle(state, round(step * NS_PER_S), COOL_S)
        turns += more
    return turns


def seconds(turns: Sequence[Turn]) -> list[tuple[str, float]]:
    return [(type(turn).__name__, turn.at_ns / NS_PER_S) for turn in turns]


def test_what_is_on_is_an_event_until_it_is_off() -> None:
    assert seconds(played((100, True), 101.0, (105, False))) == [("Began", 100), ("Ended", 105)]


def test_a_state_that_was_off_all_along_is_nothing() -> None:
    assert played((100, False), 101.0, (102, False)) == []


def test_said_twenty_times_it_is_one_event() -> None:
    turns = played(*[(100 + number / 20, True) for number in range(20)], (102, False))
    assert seconds(turns) == [("Began", 100), ("Ended", 102)]


def test_as_long_as_one_thing_is_on_the_event_goes_on() -> None:
    turns = played((100, True, 1), (101, True, 2), (102, False, 1), 103.0, (104, False, 2))
    assert seconds(turns) == [("Began", 100), ("Ended", 104)]


def test_what_has_no_end_is_over_soon_after_the_last_time() -> None:
    turns = played((100, None), 101.0, (101.5, None), 102.5, 103.0, 104.0)
    assert seconds(turns) == [("Began", 100), ("Ended", 101.5)]


def test_after_an_end_nothing_begins_within_the_cool_down_and_what_is_still_on_then_does() -> None:
    turns = played((100, True), (101, False), (102, True), 105.0, 110.9, 111.0, (112, False))
    assert seconds(turns) == [("Began", 100), ("Ended", 101), ("Began", 111), ("Ended", 112)]


def test_a_camera_that_forgets_to_say_off_is_closed_and_begins_again_after_the_cool_down() -> None:
    long_s = MOST_NS / NS_PER_S
    turns = played((100, True), 100 + long_s - 1, 100 + long_s, 101 + long_s, 110 + long_s)
    assert seconds(turns) == [("Began", 100), ("Ended", 100 + long_s), ("Began", 110 + long_s)]


def test_a_camera_that_is_lost_has_its_event_cut_and_is_not_believed_any_more() -> None:
    state, _ = take(State(), signal(100, True), COOL_S)
    state, turns = lose(state, 103 * NS_PER_S)
    assert turns == (Ended(103 * NS_PER_S, is_cut=True),)
    assert is_resting(state)
    assert settle(state, 200 * NS_PER_S, COOL_S) == (state, ())
    assert lose(state, 300 * NS_PER_S) == (state, ())


@pytest.mark.parametrize(
    ("topic", "kinds", "wanted"),
    [
        ("RuleEngine/LineDetector/Crossed", ("line",), True),
        ("RuleEngine/LineDetector/Crossed", ("motion",), False),
        ("Monitoring/ProcessorUsage", ("motion", "line"), False),
    ],
)
def test_only_wanted_kinds_are_signals(topic: str, kinds: tuple[str, ...], wanted: bool) -> None:
    source: Items = (("Rule", "gate"),)
    event = DeviceEvent(topic, "", 5, source, ())
    found = signal_of(event, kinds)  # type: ignore[arg-type]
    assert (found is not None) is wanted
    assert found is None or found == Signal("line", (topic, source), None, 5)


STEPS = st.lists(
    st.tuples(st.floats(0, 40), st.sampled_from([True, False, None, "look", "lose"]), st.integers(0, 100)), max_size=60
)


@given(STEPS)
def test_whatever_a_camera_says_events_alternate_keep_the_cool_down_and_memory_is_bounded(steps: list[Step]) -> None:
    state, turns, now_s = State(), list[Turn](), 1_000.0
    for wait_s, what, thing in steps:
        now_s += wait_s
        if what == "look":
            state, more = settle(state, round(now_s * NS_PER_S), COOL_S)
        elif what == "lose":
            state, more = lose(state, round(now_s * NS_PER_S))
        else:
            assert not isinstance(what, str)
            state, more = take(state, signal(now_s, what, thing), COOL_S)
        turns += more
        assert len(state.on) <= MOST_ON
    assert [isinstance(turn, Began) for turn in turns] == [number % 2 == 0 for number in range(len(turns))]
    for first, second in pairwise(turns):
        assert second.at_ns >= first.at_ns
        if isinstance(second, Began):
            assert second.at_ns - first.at_ns >= COOL_S * NS_PER_S
    assert PULSE_NS < COOL_S * NS_PER_S
