"""Ranges are joined and cut as sets of numbers would be."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from haechi.record.index.ranges import Range, joined, without

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12)


def ordered(pairs: list[tuple[int, int]]) -> list[Range]:
    return sorted((start, start + length) for start, length in pairs)


def numbers(ranges: list[Range]) -> set[int]:
    return {one for start, end in ranges for one in range(start, end)}


@given(PAIRS, st.integers(1, 8))
def test_joined_ranges_cover_the_same_and_the_short_holes_between(pairs: list[tuple[int, int]], least: int) -> None:
    given_, found = ordered(pairs), joined(ordered(pairs), least)
    assert numbers(given_) <= numbers(found)
    assert all(after[0] - before[1] >= least for before, after in itertools.pairwise(found))
    assert all(start < end for start, end in found)
    if least == 1:
        assert numbers(given_) == numbers(found)


@given(PAIRS, PAIRS)
def test_what_is_left_is_what_no_hole_holds(pairs: list[tuple[int, int]], cuts: list[tuple[int, int]]) -> None:
    ranges, holes = joined(ordered(pairs)), joined(ordered(cuts))
    found = without(ranges, holes)
    assert numbers(found) == numbers(ranges) - numbers(holes)
    assert found == sorted(found)
    assert all(start < end for start, end in found)
