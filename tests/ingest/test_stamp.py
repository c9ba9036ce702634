"""Stamps under everything that cameras and networks do, on simulated time."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS, NS_PER_S
from haechi.base.ids import StreamId
from haechi.ingest.stamp import DEEPEST_REORDER, DecodeOrder, RunTime, Stamper, TimestampJump
from haechi.media.access_unit import AccessUnit, RawUnit, UnitRef

WALL_NS = 1_800_000_000 * NS_PER_S
FPS = 15
REF = UnitRef(StreamId("cam_a/main"), 3, 0)


def raw(ticks: int) -> RawUnit:
    return RawUnit(rtp_ticks=ticks, is_sync=False, data=b"x")


def stamper(floor_ns: int = 0, wall_ns: int = WALL_NS) -> Stamper:
    return Stamper(REF, 90_000, RunTime(wall_ns, 0, floor_ns))


def play(delays_ns: list[int], *, drift_ppm: int = 0) -> tuple[list[AccessUnit], list[int]]:
    """Units of a camera whose clock is ``drift_ppm`` fast; returns them and the true capture times (our clock)."""
    under_test = stamper()
    units, truth, arrived = [], [], 0
    for index, delay in enumerate(delays_ns):
        true_ns = index * NS_PER_S // FPS
        ticks = true_ns * (1_000_000 + drift_ppm) // 1_000_000 * 90_000 // NS_PER_S
        arrived = max(arrived, true_ns + delay)
        units.append(under_test.stamp(raw(1_000 + ticks), arrived, 0))
        truth.append(WALL_NS + true_ns)
    return units, truth


def test_identity_counts_from_zero_without_holes() -> None:
    units, _ = play([0] * 20)
    assert [unit.ref for unit in units] == [UnitRef(REF.stream, 3, seq) for seq in range(20)]
    assert units[0].pts == 0


def test_without_delay_the_stamp_is_the_moment_of_capture() -> None:
    units, truth = play([0] * 60)
    assert max(abs(unit.captured_ns - true) for unit, true in zip(units, truth, strict=True)) <= 20_000


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), jitter_ms=st.integers(0, 300), drift_ppm=st.integers(-200, 200))
def test_jitter_and_drift_leave_stamps_increasing_and_near_the_truth(seed: int, jitter_ms: int, drift_ppm: int) -> None:
    rng = random.Random(seed)
    delays = [rng.randint(0, jitter_ms * NS_PER_MS) for _ in range(FPS * 60)]
    units, truth = play(delays, drift_ppm=drift_ppm)
    stamps = [unit.captured_ns for unit in units]
    assert all(a < b for a, b in itertools.pairwise(stamps))
    settled = range(FPS * 30, FPS * 60)
    worst = max(abs(stamps[i] - truth[i]) for i in settled)
    assert worst <= 12 * NS_PER_MS + jitter_ms * NS_PER_MS // 6


def test_a_burst_after_a_stall_keeps_the_camera_s_own_spacing() -> None:
    delays = [0] * 100 + [NS_PER_S * (15 - i) // 15 for i in range(15)] + [0] * 50
    units, truth = play(delays)
    assert max(abs(unit.captured_ns - true) for unit, true in zip(units, truth, strict=True)) <= 5 * NS_PER_MS


def test_no_unit_is_stamped_after_it_arrived() -> None:
    under_test = stamper()
    under_test.stamp(raw(0), 300 * NS_PER_MS, 0)
    unit = under_test.stamp(raw(6_000), 310 * NS_PER_MS, 0)
    assert unit.captured_ns <= WALL_NS + 310 * NS_PER_MS


def test_a_clock_that_was_set_back_neither_repeats_time_nor_keeps_the_lead_for_ever() -> None:
    hour_ns = 3_600 * NS_PER_S
    floor_ns = WALL_NS + hour_ns
    under_test = stamper(floor_ns=floor_ns)
    first = under_test.stamp(raw(0), 0, 0)
    assert first.captured_ns > floor_ns
    last = first
    for second in range(1, 25 * 3_600, 10):
        unit = under_test.stamp(raw(second * 90_000), second * NS_PER_S, 0)
        assert unit.captured_ns > last.captured_ns
        last = unit
    assert abs(last.captured_ns - (WALL_NS + second * NS_PER_S)) < 10 * NS_PER_MS


@pytest.mark.parametrize("step_s", [-3_600, -3, 3_600])
def test_a_jump_of_the_camera_s_clock_asks_for_a_new_run(step_s: int) -> None:
    under_test = stamper()
    under_test.stamp(raw(10_000_000_000), 0, 0)
    with pytest.raises(TimestampJump):
        under_test.stamp(raw(10_000_000_000 + step_s * 90_000), NS_PER_S // FPS, 0)


def test_a_pause_that_both_clocks_saw_is_no_jump() -> None:
    under_test = stamper()
    under_test.stamp(raw(0), 0, 0)
    unit = under_test.stamp(raw(60 * 90_000), 60 * NS_PER_S, 0)
    assert unit.captured_ns == WALL_NS + 60 * NS_PER_S


def test_sane_sender_reports_remove_the_camera_s_own_delay_and_insane_ones_do_nothing() -> None:
    delay_ns = 200 * NS_PER_MS
    for lie_ns, expected_error_ns in ((0, 30 * NS_PER_MS), (3_600 * NS_PER_S, delay_ns)):
        under_test = stamper()
        unit, true_ns = None, 0
        for index in range(FPS * 600):
            true_ns = index * NS_PER_S // FPS
            ticks = true_ns * 90_000 // NS_PER_S
            unit = under_test.stamp(raw(ticks), true_ns + delay_ns, 0)
            if index % (FPS * 5) == 0:
                under_test.sender_report(WALL_NS + true_ns + lie_ns, ticks)
        assert unit is not None
        error_ns = abs(unit.captured_ns - (WALL_NS + true_ns))
        assert error_ns <= expected_error_ns
        assert (error_ns < delay_ns // 2) == (lie_ns == 0)


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=80), st.integers(0, 4))
def test_decode_times_strictly_increase_whatever_comes(pts: list[int], depth: int) -> None:
    order = DecodeOrder(depth)
    dts = [order.next(value) for value in pts]
    assert all(a < b for a, b in itertools.pairwise(dts))


def by_the_rule(pts: list[int], depth: int) -> list[int]:
    """Decode times as `DecodeOrder` defines them, without any short way."""
    window: list[int] = []
    out: list[int] = []
    for newest in pts:
        depth = min(max(depth, sum(value > newest for value in window)), DEEPEST_REORDER)
        window = sorted([*window, newest])[-DEEPEST_REORDER - 1 :]
        index = len(window) - 1 - depth
        dts = window[index] if index >= 0 else window[0] + index
        out.append(max(dts, out[-1] + 1) if out else dts)
    return out


@given(st.lists(st.integers(-2, 5), max_size=80), st.integers(0, 4))
def test_decode_times_follow_the_rule_in_order_or_not(steps: list[int], depth: int) -> None:
    pts = list(itertools.accumulate(steps))
    order = DecodeOrder(depth)
    assert [order.next(value) for value in pts] == by_the_rule(pts, depth)


@given(st.integers(1, 40), st.lists(st.integers(0, 300), max_size=30))
def test_decode_times_follow_the_rule_where_a_camera_begins_to_reorder_late(steady: int, rest: list[int]) -> None:
    pts = [*(10 * n for n in range(steady)), *rest]
    order = DecodeOrder()
    assert [order.next(value) for value in pts] == by_the_rule(pts, 0)


def test_b_pictures_get_decode_times_not_after_their_presentation_once_the_depth_is_known() -> None:
    presented = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    order = DecodeOrder(2)
    dts = [order.next(value * 100) for value in presented]
    assert all(d <= p * 100 for d, p in zip(dts, presented, strict=True))
