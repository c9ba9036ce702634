"""Somebody crosses a line: each crossing once, however rarely frames are looked at.

What counts is where the feet go: each step from the place where they were last seen to the one where they are now is
checked against the line, so that a step over it is found however long it is. Who stands on the line sways: crossings
to and fro are summed up until the feet are clear of the line by more than they sway, and what is left then is told. A
track that ends is continued by one that begins within its reach; one that ends near the line and is not continued is
told by the side on which it was last seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct, structs

from haechi.base.clock import NS_PER_S
from haechi.events.rules.rule import Watch, Way
from haechi.events.rules.sight import aspect_of, feet, is_away, reach, seen_in, size_of
from haechi.events.rules.state import Beginning, RuleState, Seen, Sighting, Walk, Walks
from haechi.vision.lines import Line
from haechi.vision.result import Detection, FrameResult
from haechi.vision.zones import Point

SWAY, LEAST_SWAY, MOST_SWAY = 0.06, 0.006, 0.03
"""How much the feet of somebody who stands seem to move: share of the longer side of the box, and its limits in picture
heights. Boxes of a detector sway by 1 to 3 % of their height."""
LOST_NS = 3 * NS_PER_S
LOST_LOOKS = 3
"""A track that was missing for so long, and in so many looks, does not come back: the tracker gives up before."""
LINGER_NS = 30 * NS_PER_S
"""Who was last seen on the line is waited for longer: most likely they still stand there."""
_NUDGE_X, _NUDGE_Y = 1.3e-9, 0.7e-9
"""Added to where feet are, so that they never stand exactly on a line that a person drew."""


class Crossing(Struct, frozen=True):
    """Somebody crossed: ``forward`` or ``backward``, and how they looked in the first frame on the other side."""

    way: Way
    seen: Seen
    score: float


def see(watch: Watch, state: RuleState, result: FrameResult) -> Sighting:
    """Take one result for a rule."""
    before = state.memory if isinstance(state.memory, Walks) else Walks()
    if watch.line is None:
        return Sighting(state, None, None, is_over=True)
    found = [one for one in result.detections if one.label == watch.rule.label]
    walks, crossings = step(watch.line, before.walks, found, result)
    ways = {watch.rule.way} if watch.rule.way != "both" else {"forward", "backward"}
    told = [one for one in crossings if one.way in ways and one.score >= watch.rule.min_score]
    now_ns = result.captured_ns
    said_ns = now_ns if told else before.said_ns
    state = structs.replace(state, memory=Walks(walks, said_ns))
    if not told:
        return Sighting(state, None, None, is_away(said_ns, 2, now_ns))
    first = min(told, key=lambda one: one.seen.at_ns)
    detail = "" if len({one.way for one in told}) > 1 else way_name(watch.line, first.way)
    beginning = Beginning(first.seen.at_ns, first.seen.ref, first.seen, detail)
    best = max(told, key=lambda one: one.seen.score).seen
    return Sighting(state, beginning, best, is_over=False)


def step(
    line: Line, walks: Sequence[Walk], found: Iterable[Detection], result: FrameResult
) -> tuple[tuple[Walk, ...], list[Crossing]]:
    """Take the objects of one class in one frame; the ways of all of them after it, and who has crossed."""
    aspect, now_ns = aspect_of(result), result.captured_ns
    points = [(x * aspect, y) for x, y in line.points]
    here = [one for one in found if one.track is not None]
    known = _joined(walks, here, aspect, now_ns)
    after: list[Walk] = []
    crossings: list[Crossing] = []
    for one in here:
        before = known.pop(_number(one), None)
        walk = _stepped(points, before, one, result, aspect)
        if walk.net and walk.is_clear:
            walk = _tell(walk, crossings)
        after.append(walk)
    for walk in known.values():
        left = structs.replace(walk, missed=walk.missed + 1)
        gap_ns = now_ns - left.seen_ns
        is_lost = gap_ns >= LOST_NS and left.missed >= LOST_LOOKS
        if is_lost and left.net:
            left = _tell(left, crossings)
        if not is_lost or (not left.is_clear and gap_ns < LINGER_NS):
            after.append(left)
    return tuple(after), crossings


def ended(walks: Iterable[Walk]) -> tuple[Walk, ...]:
    """The same when the run is over: their numbers mean nothing any more, and whoever comes next may continue them."""
    return tuple(structs.replace(walk, track=-1 - number, missed=1) for number, walk in enumerate(walks))


def way_name(line: Line, way: Way) -> str:
    """What the line calls a direction."""
    return line.forward if way == "forward" else line.backward


def _number(found: Detection) -> int:
    return -1 if found.track is None else found.track


def _joined(walks: Sequence[Walk], here: Sequence[Detection], aspect: float, now_ns: int) -> dict[int, Walk]:
    """Walks by the number that they go on under: a new track continues the nearest one that is missing in its reach."""
    numbers = {_number(one) for one in here}
    known = {walk.track: walk for walk in walks if walk.track in numbers}
    missing = {walk.track: walk for walk in walks if walk.track not in numbers}
    pairs: list[tuple[float, int, int]] = []
    for one in here:
        if _number(one) in known:
            continue
        place = feet(one, aspect)
        for walk in missing.values():
            away = math.dist(place, (walk.x, walk.y))
            if away <= reach(walk.size, size_of(one, aspect), now_ns - walk.seen_ns):
                pairs.append((away, _number(one), walk.track))
    for _, number, track in sorted(pairs):
        if number not in known and track in missing:
            known[number] = structs.replace(missing.pop(track), track=number)
    return known | missing


def _stepped(
    points: Sequence[Point], before: Walk | None, found: Detection, result: FrameResult, aspect: float
) -> Walk:
    """Somebody's walk with one more step."""
    x, y = feet(found, aspect)
    x, y = x + _NUDGE_X, y + _NUDGE_Y
    size = size_of(found, aspect)
    sway = min(max(SWAY * size, LEAST_SWAY), MOST_SWAY)
    is_clear = _distance((x, y), points) > sway
    if before is None:
        return Walk(_number(found), x, y, size, result.captured_ns, found.score, is_clear=is_clear)
    change = net_crossings((before.x, before.y), (x, y), points)
    return Walk(
        _number(found),
        x,
        y,
        size,
        result.captured_ns,
        max(before.score, found.score),
        net=before.net + change,
        crossed=seen_in(result, found) if change else before.crossed,
        is_clear=is_clear,
    )


def _tell(walk: Walk, crossings: list[Crossing]) -> Walk:
    """Say what is left of the crossings to and fro."""
    if walk.crossed is not None:
        way: Way = "forward" if walk.net > 0 else "backward"
        crossings.extend(Crossing(way, walk.crossed, walk.score) for _ in range(abs(walk.net)))
    return structs.replace(walk, net=0, crossed=None)


def net_crossings(start: Point, end: Point, points: Sequence[Point]) -> int:
    """How often a straight step crosses a line from its left to its right, less how often the other way."""
    total = 0
    one, other = min(start, end), max(start, end)  # a step and the same one back see the same ends of the line
    for first, second in pairwise(points):
        from_right, to_right = _is_right(first, second, start), _is_right(first, second, end)
        if from_right != to_right and _is_right(one, other, first) != _is_right(one, other, second):
            total += 1 if to_right else -1
    return total


def _is_right(a: Point, b: Point, c: Point) -> bool:
    """Whether ``c`` lies to the right of who walks from ``a`` to ``b``; y grows downwards."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0


def _distance(place: Point, points: Sequence[Point]) -> float:
    return min(_to_segment(place, first, second) for first, second in pairwise(points))


def _to_segment(place: Point, a: Point, b: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / length
    share = min(max(share, 0.0), 1.0)
    return math.hypot(place[0] - a[0] - share * dx, place[1] - a[1] - share * dy)
