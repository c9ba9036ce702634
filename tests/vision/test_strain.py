"""Less is looked at when work waits, step by step, and more again when it does not."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.vision.strain import Level, Strain


def test_looks_are_given_up_before_decoding_and_everything_comes_back_by_itself() -> None:
    strain = Strain(slow_wait_s=0.5, calm_s=5)
    assert strain.waited(1 * NS_PER_S, 0.1) is Level.NOTHING
    assert strain.waited(2 * NS_PER_S, 0.6) is Level.HALF
    assert strain.waited(2 * NS_PER_S + 1, 0.6) is Level.HALF, "one step at a time"
    assert strain.waited(3 * NS_PER_S, 0.6) is Level.QUARTER
    assert strain.waited(4 * NS_PER_S, 0.6) is Level.QUARTER, "waiting alone stops nothing from being decoded"
    strain.overrun(5 * NS_PER_S)
    assert strain.level is Level.SYNC
    assert [strain.waited(s * NS_PER_S, 0) for s in (9, 10, 14, 15, 19, 20)] == [3, 2, 2, 1, 1, 0]


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_whatever_happened_calm_restores_everything(past: list[tuple[float, bool]]) -> None:
    strain = Strain(slow_wait_s=0.5, calm_s=5)
    now_ns = NS_PER_S
    for waited_s, is_overrun in past:
        now_ns += NS_PER_S // 5
        if is_overrun:
            strain.overrun(now_ns)
        strain.waited(now_ns, waited_s)
    for _ in range(4):
        now_ns += 5 * NS_PER_S
        strain.waited(now_ns, 0)
    assert strain.level is Level.NOTHING
