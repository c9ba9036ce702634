"""Datagrams leave paced: what the bucket lets out never exceeds its rate and its burst, whatever the gaps."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.client.datagrams import Pacer, _alike

STEPS = st.lists(st.tuples(st.integers(0, 2 * NS_PER_S), st.integers(1, 60_000)), max_size=60)


@given(bytes_s=st.integers(10_000, 10**9), burst=st.integers(1_000, 200_000), steps=STEPS)
def test_in_any_stretch_no_more_leaves_than_rate_and_burst_allow(
    bytes_s: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    now_ns, pacer = 0, Pacer(bytes_s, burst, 0)
    sent: list[tuple[int, int]] = []
    for gap_ns, count in steps:
        now_ns += gap_ns
        now_ns += pacer.wait_ns(now_ns)
        assert pacer.wait_ns(now_ns) == 0
        pacer.spend(count)
        sent.append((now_ns, count))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            total = sum(count for _, count in sent[first:last])  # the last may take the bucket below nothing
            allowed = burst + (sent[last][0] - sent[first][0]) * bytes_s / NS_PER_S
            assert total <= allowed + 1


def test_after_a_pause_only_the_burst_is_made_up_for() -> None:
    pacer = Pacer(1_000_000, 10_000, 0)
    pacer.spend(10_000)
    assert pacer.wait_ns(5 * NS_PER_S) == 0
    pacer.spend(10_001)
    assert 0 < pacer.wait_ns(5 * NS_PER_S) < NS_PER_S // 100_000


@given(st.lists(st.integers(1, 1500), max_size=200))
def test_groups_hold_all_packets_in_order_each_of_one_size_but_for_its_last(sizes: list[int]) -> None:
    packets = [bytes(size) for size in sizes]
    groups = _alike(packets)
    assert [packet for group in groups for packet in group] == packets
    for group in groups:
        assert len({len(packet) for packet in group[:-1]}) <= 1
        assert len(group[-1]) <= len(group[0])
        assert sum(map(len, group)) <= 62_000 or len(group) == 1
        assert len(group) <= 60
