"""How many units are missing: exactly those that were lost, and none that the camera chose not to send."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.pace import Pace


@given(
    step=st.sampled_from([900, 3003, 3600, 6000, 90_000]),
    lost=st.sets(st.integers(1, 197)),
    jitter=st.integers(0, 8),
)
def test_exactly_the_units_that_were_lost_with_packets_are_missing(step: int, lost: set[int], jitter: int) -> None:
    pace, missing, has_loss = Pace(), 0, False
    for number in range(202):
        if number in lost:
            has_loss = True
            continue
        wobble = (number * 7919 % 5 - 2) * step * jitter // 100
        missing += sum(pace.before(number * step + wobble, damaged=0, has_loss=has_loss))
        has_loss = False
    run = [n for n in range(202) if n not in lost]
    has_pace = any(run[i + 3] == run[i] + 3 for i in range(len(run) - 3))
    assert missing == (len(lost) if has_pace else 0)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_damaged_units_are_missing_even_before_the_pace_is_known(damaged: list[int]) -> None:
    pace, dts, missing = Pace(), 0, 0
    for count in damaged:
        dts += 3600 * (count + 1)
        missing += pace.before(dts, damaged=count, has_loss=count > 0)[0]
    assert missing == sum(damaged)


def test_a_silence_within_a_run_is_missing_units_but_a_picture_left_out_is_not() -> None:
    pace = Pace()
    for number in range(50):
        assert pace.before(number * 3600, damaged=0, has_loss=False) == (0, 0)
    assert pace.before(51 * 3600, damaged=0, has_loss=False) == (0, 0)
    assert pace.before(51 * 3600 + 5 * 90_000, damaged=0, has_loss=False) == (0, 5 * 25 - 1)


def test_a_camera_that_slows_down_for_the_night_misses_nothing() -> None:
    pace, dts, missing = Pace(), 0, 0
    for step in [3600] * 100 + [18_000] * 100 + [3600] * 100:
        dts += step
        missing += sum(pace.before(dts, damaged=0, has_loss=False))
    assert missing == 0
    assert pace.before(dts + 7200, damaged=0, has_loss=True) == (1, 0)


@given(st.lists(st.tuples(st.integers(-100_000, 10**12), st.integers(0, 3), st.booleans()), max_size=80))
def test_no_sequence_of_times_makes_it_fail_or_count_without_bound(calls: list[tuple[int, int, bool]]) -> None:
    pace = Pace()
    for dts, damaged, has_loss in calls:
        lost, silent = pace.before(dts, damaged=damaged, has_loss=has_loss)
        assert damaged <= lost <= 10_003
        assert 0 <= silent <= 10_000
