"""Packets of a sender that sends again what is asked for."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS
from haechi.base.errors import PeerError
from haechi.media.webrtc.incoming import MOST_ASKED, Incoming


def packet(number: int) -> bytes:
    return bytes((0x80, 96)) + (number & 0xFFFF).to_bytes(2, "big") + bytes(8) + number.to_bytes(4, "big")


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(data[12:], "big") for data in packets]


def test_packets_in_order_pass_and_nothing_is_asked_for() -> None:
    incoming = Incoming(asks=True)
    assert numbers([out for n in range(65_530, 65_550) for out in incoming.push(packet(n), n)]) == [
        *range(65_530, 65_550)
    ]
    assert incoming.wanted(10**9) == []


def test_a_missing_packet_is_asked_for_at_once_and_again_later_and_then_no_more() -> None:
    incoming = Incoming(asks=True)
    incoming.push(packet(1), 0)
    assert numbers(incoming.push(packet(3), 10**9)) == []
    asked = [now for now in range(10**9, 10**9 + 480 * NS_PER_MS, NS_PER_MS) if incoming.wanted(now) == [2]]
    assert asked[0] == 10**9
    assert 3 <= len(asked) <= MOST_ASKED
    assert all(later - sooner >= 30 * NS_PER_MS for sooner, later in itertools.pairwise(asked))


def test_what_came_again_goes_out_in_order() -> None:
    incoming = Incoming(asks=True)
    incoming.push(packet(1), 0)
    incoming.push(packet(4), 1)
    assert incoming.wanted(1) == [2, 3]
    assert numbers(incoming.push(packet(3), 30 * NS_PER_MS)) == []
    assert numbers(incoming.push(packet(2), 31 * NS_PER_MS)) == [2, 3, 4]
    assert incoming.recovered == 2
    assert incoming.wanted(10**9) == []


@pytest.mark.parametrize(("asks", "patience_ms"), [(True, 500), (False, 100)])
def test_what_does_not_come_again_is_given_up_in_time(asks: bool, patience_ms: int) -> None:
    incoming = Incoming(asks=asks)
    incoming.push(packet(1), 0)
    incoming.push(packet(3), 0)
    assert incoming.overdue((patience_ms - 1) * NS_PER_MS) == []
    assert numbers(incoming.overdue(patience_ms * NS_PER_MS)) == [3]
    assert numbers(incoming.push(packet(4), 10**9)) == [4]
    assert incoming.wanted(2 * 10**9) == []


def test_a_way_that_was_gone_for_long_is_not_made_up_for() -> None:
    incoming = Incoming(asks=True)
    incoming.push(packet(1), 0)
    incoming.push(packet(2000), 1)
    assert incoming.wanted(1) == []


def test_what_is_shorter_than_a_header_is_no_packet() -> None:
    with pytest.raises(PeerError):
        Incoming(asks=True).push(b"\x80\x60", 0)


@given(st.integers(0, 2**31), st.integers(0, 30), st.integers(1, 120))
def test_with_loss_and_disorder_everything_comes_once_and_in_order_when_it_is_sent_again(
    seed: int, loss_percent: int, trip_ms: int
) -> None:
    """A sender that answers each request after ``trip_ms``; what is sent again may get lost once more."""
    chance = random.Random(seed)
    incoming, out = Incoming(asks=True), list[int]()
    due: list[tuple[int, int]] = [(number * 2 + chance.randrange(6), number) for number in range(150)]
    for now_ms in range(2 * 150 + 2000):
        for when, number in [one for one in due if one[0] == now_ms]:
            due.remove((when, number))
            if number in {0, 149} or chance.randrange(100) >= loss_percent:
                out += numbers(incoming.push(packet(number), now_ms * NS_PER_MS))
        out += numbers(incoming.overdue(now_ms * NS_PER_MS))
        due += [(now_ms + trip_ms, number) for number in incoming.wanted(now_ms * NS_PER_MS)]
    assert out == sorted(set(out))
    first = out[0]
    missing = set(range(first, 150)) - set(out)
    assert len(missing) <= (150 if loss_percent > 15 else 25)
    if not loss_percent:
        assert not missing
