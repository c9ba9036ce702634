"""Sets of numbers as half-open ranges, ascending and apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
Spans = tuple[Span, ...]


def union(*sets: Iterable[Span]) -> Spans:
    """All numbers of ``sets``, whose ranges may come in any order, overlap, or be empty."""
    out: list[Span] = []
    for start, end in sorted(span for spans in sets for span in spans):
        if start >= end:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return tuple(out)


def without(spans: Iterable[Span], taken: Iterable[Span]) -> Spans:
    """The numbers of ``spans`` that are not in ``taken``."""
    out: list[Span] = []
    removed = union(taken)
    for start, end in union(spans):
        position = start
        for cut, stop in removed:
            if stop <= position or cut >= end:
                continue
            if cut > position:
                out.append((position, cut))
            position = stop
        if position < end:
            out.append((position, end))
    return tuple(out)


def within(spans: Sequence[Span], start: int, end: int) -> Spans:
    """The numbers of ``spans`` from ``start`` up to ``end``."""
    return union((max(first, start), min(last, end)) for first, last in spans)


def holds(spans: Iterable[Span], number: int) -> bool:
    """Whether ``number`` is one of them."""
    return any(start <= number < end for start, end in spans)


def covers(spans: Iterable[Span], start: int, end: int) -> bool:
    """Whether all numbers from ``start`` up to ``end`` are among them."""
    return not without([(start, end)], spans)


def size(spans: Iterable[Span]) -> int:
    """How many numbers there are; ``spans`` must be apart."""
    return sum(end - start for start, end in spans)
