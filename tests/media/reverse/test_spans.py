"""Sets of numbers as ranges, against sets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from haechi.media.reverse.spans import Span, covers, holds, size, union, within, without

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def numbers(spans: list[Span] | tuple[Span, ...]) -> set[int]:
    return {number for start, end in spans for number in range(start, end)}


@given(SPANS, SPANS)
def test_they_do_what_sets_do(one: list[Span], other: list[Span]) -> None:
    both = union(one, other)
    assert numbers(both) == numbers(one) | numbers(other)
    assert all(a[1] < b[0] for a, b in pairwise(both))
    assert numbers(without(one, other)) == numbers(one) - numbers(other)
    assert size(both) == len(numbers(both))


@given(SPANS, st.integers(0, 40), st.integers(0, 40))
def test_parts_and_members(spans: list[Span], start: int, end: int) -> None:
    assert numbers(within(spans, start, end)) == numbers(spans) & set(range(start, end))
    assert holds(spans, start) == (start in numbers(spans))
    assert covers(spans, start, end) == (set(range(start, end)) <= numbers(spans))
