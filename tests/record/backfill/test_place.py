"""Where units of the past go: by number first, by the clock as far as there is room."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.record.backfill.place import SLACK_NS, Between, Room, estimates, fit, place

SECOND = NS_PER_S
TIMES = st.lists(st.integers(-(10**12), 10**13), min_size=1, max_size=60)


@given(times=TIMES, start=st.integers(0, 10**12), room=st.integers(0, 10**12))
def test_what_fits_increases_within_its_room(times: list[int], start: int, room: int) -> None:
    found = fit(sorted(times), start, start + room)
    if found is None:
        assert room < len(times)
        return
    assert all(a < b for a, b in pairwise(found))
    assert start <= found[0]
    assert found[-1] < start + room


@given(times=TIMES, start=st.integers(0, 10**12))
def test_times_that_have_room_are_not_changed(times: list[int], start: int) -> None:
    wanted = sorted({start + abs(at) for at in times})
    assert fit(wanted, start, wanted[-1] + 1) == wanted


@given(count=st.integers(1, 50), step=st.integers(1, 10**9), late=st.integers(-(10**10), 10**10))
def test_a_clock_that_is_off_moves_all_of_them_alike(count: int, step: int, late: int) -> None:
    times = [late + number * step for number in range(count)]
    found = fit(times, 0, count * step + 5)
    assert found is not None
    assert [b - a for a, b in pairwise(found)] == [step] * (count - 1)


def test_more_than_fits_is_pressed_together_evenly() -> None:
    found = fit([n * SECOND for n in range(11)], 0, 5 * SECOND + 1)
    assert found == [n * SECOND // 2 for n in range(11)]


@given(
    leaps=st.lists(st.sampled_from([0, 0, 0, 3600 * SECOND]), min_size=9, max_size=9),
    offset=st.integers(-(10**15), 10**15),
)
def test_a_clock_that_leaps_among_them_moves_none_against_the_others(leaps: list[int], offset: int) -> None:
    clock = [(number * SECOND // 10 + leap, number * 9_000) for number, leap in enumerate(leaps)]
    found = estimates(clock, offset)
    assert [b - a for a, b in pairwise(found)] == [SECOND // 10] * 8
    if leaps.count(0) > 4:
        assert found[0] == offset


@given(data=st.data(), gaps=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.booleans()), max_size=5))
def test_units_go_into_free_rooms_only_and_in_order(data: st.DataObject, gaps: list[tuple[int, int, bool]]) -> None:
    rooms: list[Room] = []
    at = 0
    for recorded, missing, is_free in gaps:
        rooms.append(Room((at + recorded) * SECOND, (at + recorded + missing) * SECOND, is_free))
        at = at + recorded + missing
    first = data.draw(st.integers(-60, at + 60))
    times = [(first + n) * SECOND for n in range(data.draw(st.integers(1, 60)))]
    low, high = data.draw(st.sampled_from([(None, None), (0, None), (None, at * SECOND), (0, (at + 1) * SECOND)]))
    found = [one for one in place(times, Between(low, high), rooms) if one is not None]
    assert all(a < b for a, b in pairwise(found))
    assert all(any(r.is_free and r.start_ns <= one < r.end_ns for r in rooms) for one in found)


def test_between_two_neighbours_nothing_is_left_out_whatever_the_clock_says() -> None:
    for late in (-(10**6), -50, 0, 50, 10**6):
        times = [(100 + late + n) * SECOND for n in range(10)]
        found = place(times, Between(95 * SECOND, 120 * SECOND), [Room(95 * SECOND, 120 * SECOND)])
        assert None not in found


def test_what_was_taken_while_nothing_was_to_be_recorded_is_left_out() -> None:
    rooms = [Room(0, 10 * SECOND), Room(10 * SECOND, 20 * SECOND, is_free=False), Room(20 * SECOND, 30 * SECOND)]
    found = place([n * SECOND for n in range(30)], Between(0, 30 * SECOND), rooms)
    assert [n for n, at in enumerate(found) if at is None] == list(range(10, 20))


def test_where_only_the_clock_tells_what_is_recorded_already_is_left_out() -> None:
    room = Room(10 * SECOND, 20 * SECOND)
    found = place([n * SECOND for n in range(30)], Between(), [room])
    kept = [n for n, at in enumerate(found) if at is not None]
    slack = SLACK_NS // SECOND
    assert kept == list(range(10 - slack, 20 + slack))


@given(
    missing=st.integers(1, 200),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    error_s=st.integers(-1000, 1000),
    seed=st.randoms(use_true_random=False),
)
def test_whatever_comes_first_leaves_room_for_the_others(
    missing: int, cuts: list[int], error_s: int, seed: Random
) -> None:
    bounds = sorted({0, missing, *(cut % missing for cut in cuts)})
    parts = list(pairwise(bounds))
    seed.shuffle(parts)
    times = {-1: 0, missing: (missing + 1) * SECOND}
    for first, end in parts:
        before = max(seq for seq in times if seq < first)
        after = min(seq for seq in times if seq >= end)
        between = Between(times[before] + 1, times[after], first - before - 1, after - end)
        room = Room(times[before] + 1, times[after])
        found = place([(seq + 1 + error_s) * SECOND for seq in range(first, end)], between, [room])
        assert None not in found
        times |= {seq: at for seq, at in zip(range(first, end), found, strict=True) if at is not None}
    assert [at for _, at in sorted(times.items())] == sorted(set(times.values()))
    if not error_s:
        assert all(at == (seq + 1) * SECOND for seq, at in times.items())
