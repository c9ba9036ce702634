"""Arithmetic on ranges of numbers, whatever they count: ``(start, end)``, ``end`` exclusive, in order. Pure."""

from collections.abc import Iterable, Sequence

Range = tuple[int, int]


def joined(ranges: Iterable[Range], least: int = 1) -> list[Range]:
    """Ranges as one where they touch or overlap, or are less than ``least`` apart. Empty ones are left out."""
    found: list[Range] = []
    for start, end in ranges:
        if start >= end:
            continue
        if found and start - found[-1][1] < least:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def without(ranges: Iterable[Range], holes: Sequence[Range]) -> list[Range]:
    """What of the ranges is in none of the holes."""
    if not holes:
        return list(ranges)
    found: list[Range] = []
    first = 0
    for start, end in ranges:
        left = start
        while first < len(holes) and holes[first][1] <= left:
            first += 1
        inside = first
        while inside < len(holes) and holes[inside][0] < end:
            if holes[inside][0] > left:
                found.append((left, holes[inside][0]))
            left = max(left, holes[inside][1])
            inside += 1
        if left < end:
            found.append((left, end))
    return found
