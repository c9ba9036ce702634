"""What streams cost: decoding and looking are told apart, rates are right from the first seconds on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.vision.cost import PRIOR_LOOK_NS, PRIOR_UNIT_NS, Cost, Done, Meter, Usage


def test_what_a_unit_and_a_look_cost_is_told_apart() -> None:
    cost = Cost()
    for n in range(400):
        units, looks = 1 + n % 7, n % 3
        cost.learn(units, looks, units * 4 * NS_PER_MS + looks * 30 * NS_PER_MS + (n % 5 - 2) * NS_PER_MS)
    unit_ns, look_ns = cost.each_ns()
    assert unit_ns == pytest.approx(4 * NS_PER_MS, rel=0.1)
    assert look_ns == pytest.approx(30 * NS_PER_MS, rel=0.1)
    assert cost.share(25, 5) == pytest.approx(0.25, rel=0.1)


def test_sync_units_alone_tell_the_sum_of_both() -> None:
    cost = Cost()
    for _ in range(300):
        cost.learn(1, 1, 40 * NS_PER_MS)
    assert sum(cost.each_ns()) == pytest.approx(40 * NS_PER_MS, rel=0.05)


def test_a_cost_that_changes_is_forgotten() -> None:
    cost = Cost()
    for took_ms in [20] * 1000 + [5] * 2000:
        cost.learn(1, 0, took_ms * NS_PER_MS)
    assert cost.each_ns()[0] == pytest.approx(5 * NS_PER_MS, rel=0.05)


def test_before_anything_was_measured_something_is_believed() -> None:
    unit_ns, look_ns = Cost().each_ns()
    assert unit_ns == pytest.approx(PRIOR_UNIT_NS, rel=0.01)
    assert look_ns == pytest.approx(PRIOR_LOOK_NS, rel=0.01)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16), st.integers(0, 10 * NS_PER_S)), max_size=60))
def test_no_cost_is_negative_or_beyond_what_was_said(pieces: list[tuple[int, int, int]]) -> None:
    cost = Cost()
    for piece in pieces:
        cost.learn(*piece)
    assert all(0 <= each < 1000 * NS_PER_S for each in cost.each_ns())
    assert cost.share(25, 5) >= 0


def test_what_is_wanted_is_known_although_less_is_given() -> None:
    meter = Meter()
    for second in range(30):
        meter.cost.learn(10, 1, 60 * NS_PER_MS)
        meter.cost.learn(10, 3, 100 * NS_PER_MS)
        meter.note(second * NS_PER_S, Done(25 * second, 5 * second, 12 * second, 2 * second, second * 88 * NS_PER_MS))
    rates = meter.rates()
    assert rates.wanted_units == pytest.approx(25)
    assert rates.given_units == pytest.approx(12)
    assert rates.used == pytest.approx(0.088)
    assert meter.is_known
    assert meter.wanted() == pytest.approx(0.2, rel=0.1), "25 x 4 ms and 5 x 20 ms"


def test_a_stream_that_is_followed_anew_begins_with_what_was_known() -> None:
    meter = Meter()
    for second in range(10):
        meter.note(second * NS_PER_S, Done(25 * second, 5 * second, 25 * second, 5 * second, 0))
    meter.note(10 * NS_PER_S, Done())
    assert 20 < meter.rates().wanted_units < 25


def test_the_share_of_a_workers_time_is_a_mean_that_forgets() -> None:
    usage = Usage()
    for second in range(60):
        usage.measure(second * NS_PER_S)
        usage.add((500 if second < 10 else 100) * NS_PER_MS)
    usage.measure(60 * NS_PER_S)
    assert usage.share == pytest.approx(0.1, abs=0.03)
