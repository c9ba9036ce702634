"""Zones and lines in the view of a moment. Pure.

They are kept as they were drawn, with the time at which that was: `drawn_ns`. Where they lie at another time follows
from where the view lay then and now (`haechi.vision.view.book.Course`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import structs

from haechi.vision.lines import Line
from haechi.vision.view.book import Course
from haechi.vision.view.geometry import Point
from haechi.vision.zones import LEAST_POINTS, MOST_POINTS, Zone

Drawn = TypeVar("Drawn", Zone, Line)
SAME = 2e-5
"""Points that lie so close to where they were shown have not been touched: shown with six digits."""
_DIGITS = 6


def placed_in(course: Course | None, drawn: Drawn, at_ns: int | None = None) -> Drawn:
    """Something drawn as it lies at a moment (None: now); its points may lie beyond the picture.

    Args:
        course: Of its camera; None: its view never moved.
    """
    if course is None:
        return drawn
    points = course.placed(drawn.points, drawn.drawn_ns, at_ns)
    return drawn if points == drawn.points else structs.replace(drawn, points=points)


def shown(course: Course, drawn: Drawn, at_ns: int | None = None) -> Drawn:
    """As much of it as is in the picture, for people. What did not move is shown as it was drawn."""
    there = placed_in(course, drawn, at_ns)
    if there is drawn:
        return drawn
    inside = _in_picture(there.points, is_area=hasattr(drawn, "contains"))
    return structs.replace(there, points=tuple((round(x, _DIGITS), round(y, _DIGITS)) for x, y in inside))


def _in_picture(points: Sequence[Point], *, is_area: bool) -> tuple[Point, ...]:
    """What of an area lies in the picture; a line, and an area that lies beside it, as near to it as can be shown."""
    inside = clipped(points) if is_area else ()
    if LEAST_POINTS <= len(inside) <= MOST_POINTS:
        return inside
    return tuple((min(1.0, max(0.0, x)), min(1.0, max(0.0, y))) for x, y in points)


def clipped(points: Sequence[Point]) -> tuple[Point, ...]:
    """The part of a polygon that lies in the picture (Sutherland and Hodgman, 1974); none when it lies beside it."""
    kept = list(points)
    for axis, edge, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        kept = _cut(kept, axis, edge, sign)
    return tuple(one for number, one in enumerate(kept) if one != kept[number - 1])


def redrawn(course: Course, before: Sequence[Drawn], after: Iterable[Drawn], now_ns: int) -> list[Drawn]:
    """What a person sends back: what they did not touch stays as it was drawn, the rest is drawn in the view of now."""
    known = {one.id: one for one in before}
    result: list[Drawn] = []
    for one in after:
        old = known.get(one.id)
        if old is not None and _is_same(shown(course, old).points, one.points):
            result.append(structs.replace(one, points=old.points, drawn_ns=old.drawn_ns))
        else:
            result.append(structs.replace(one, drawn_ns=now_ns))
    return result


def _cut(points: list[Point], axis: int, edge: float, sign: int) -> list[Point]:
    """What lies on one side of a straight edge."""
    result: list[Point] = []
    for number, point in enumerate(points):
        before = points[number - 1]
        is_in, was_in = sign * (point[axis] - edge) >= 0, sign * (before[axis] - edge) >= 0
        if is_in != was_in:
            share = (edge - before[axis]) / (point[axis] - before[axis])
            across = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            result.append((edge, across) if axis == 0 else (across, edge))
        if is_in:
            result.append(point)
    return result


def _is_same(first: Sequence[Point], second: Sequence[Point]) -> bool:
    if len(first) != len(second):
        return False
    return all(abs(a - c) <= SAME and abs(b - d) <= SAME for (a, b), (c, d) in zip(first, second, strict=True))
