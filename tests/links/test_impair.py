"""The wire itself: what it takes, it gives, loses or doubles; nothing else."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.links.impair import MOST_QUEUED_S, Impairment, kind_of


def packet(source: int = 5_000, target: int = 554, size: int = 100, protocol: int = 6, way: int = 1) -> bytes:
    addresses = bytes((10, 0, 0, 1, 10, 0, 0, 2)) if way > 0 else bytes((10, 0, 0, 2, 10, 0, 0, 1))
    return bytes((0x45, *bytes(8), protocol, 0, 0)) + addresses + struct.pack("!HH", source, target) + bytes(size - 24)


@given(loss=st.floats(0, 1), duplicate=st.floats(0, 1), delay=st.floats(0, 1), jitter=st.floats(0, 1))
def test_each_packet_comes_out_once_or_twice_within_its_time_or_is_counted(
    loss: float, duplicate: float, delay: float, jitter: float
) -> None:
    link = Impairment(random.Random(1), loss, duplicate, delay, jitter)
    out = [link.take(packet(), 7.0) for _ in range(200)]
    assert sum(not one for one in out) == link.dropped[6, 554]
    assert all(len(one) <= 2 for one in out)
    assert all(7.0 + delay <= at_s <= 7.0 + delay + jitter for one in out for at_s in one)


def test_a_limited_rate_makes_packets_wait_and_drops_what_would_wait_too_long() -> None:
    link = Impairment(random.Random(1), rate_bps=80_000)
    out = [link.take(packet(size=1_000), 0.0) for _ in range(10)]
    assert [one[0] for one in out if one] == [0.1, 0.2, 0.30000000000000004]
    assert link.dropped.total() == 7
    assert link.take(packet(), 10.0)
    assert MOST_QUEUED_S == 0.25


def test_what_was_open_is_forgotten_in_both_directions_and_what_begins_anew_gets_through() -> None:
    link = Impairment(random.Random(1))
    assert link.take(packet(5_000, 554), 0.0)
    link.forget()
    assert not link.take(packet(5_000, 554), 0.0)
    assert not link.take(packet(554, 5_000, way=-1), 0.0)
    assert link.take(packet(5_001, 554), 0.0)


def test_a_packet_is_known_by_protocol_and_port() -> None:
    assert kind_of(packet(1, 40_000, protocol=17)) == (17, 40_000)
