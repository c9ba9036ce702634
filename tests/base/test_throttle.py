"""The brakes on guessing, on a simulated clock."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.api.auth.log_in import ACCOUNT
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.throttle import Allowance, Throttle, address_key

HOUR_S = 3600


@given(st.lists(st.integers(0, 600), max_size=200))
def test_no_more_than_twenty_failures_an_hour_whatever_the_rhythm(waits: list[int]) -> None:
    clock = SimulatedClock()
    throttle = Throttle(ACCOUNT, clock)
    taken: list[int] = []
    for wait_s in waits:
        clock.advance(wait_s * NS_PER_S)
        if throttle.take("bob") == 0:
            taken.append(clock.monotonic_ns())
    for start in taken:
        assert sum(start <= at < start + HOUR_S * NS_PER_S for at in taken) <= ACCOUNT.burst + HOUR_S / ACCOUNT.refill_s


def test_the_limit_for_an_account_is_twenty_an_hour() -> None:
    assert ACCOUNT.burst + HOUR_S / ACCOUNT.refill_s <= 20


def test_after_the_burst_one_waits_exactly_as_long_as_is_said() -> None:
    clock = SimulatedClock()
    throttle = Throttle(Allowance(2, 60), clock)
    assert [throttle.take("a"), throttle.take("a")] == [0, 0]
    assert throttle.take("a") == 60
    clock.advance(59 * NS_PER_S)
    assert throttle.take("a") == 1
    clock.advance(NS_PER_S)
    assert throttle.take("a") == 0
    assert throttle.take("b") == 0


def test_a_try_that_was_right_does_not_count() -> None:
    throttle = Throttle(Allowance(1, 60), SimulatedClock())
    for _ in range(50):
        assert throttle.take("a") == 0
        throttle.give_back("a")
    assert len(throttle) == 0


def test_memory_is_bounded_and_a_flood_of_names_frees_nobody() -> None:
    clock = SimulatedClock()
    throttle = Throttle(Allowance(1, 60), clock, most_keys=10)
    assert throttle.take("victim") == 0
    for number in range(1000):
        throttle.take(f"name {number}")
    assert len(throttle) <= 11
    assert throttle.take("victim") > 0
    clock.advance(3600 * NS_PER_S)
    assert throttle.take("fresh") == 0


def test_ipv6_counts_by_network_and_mapped_ipv4_as_ipv4() -> None:
    assert address_key("2001:db8:1:2::1") == address_key("2001:db8:1:2:ffff::9")
    assert address_key("2001:db8:1:2::1") != address_key("2001:db8:1:3::1")
    assert address_key("::ffff:10.0.0.9") == "10.0.0.9"
    assert address_key("fe80::1%eth0") == address_key("fe80::2")
    assert address_key("not an address") == "unknown"
